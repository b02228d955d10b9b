"""The rows by which a table is compared with later ones: a random sample, kept beside the version that learned from it.

Each column is sorted by itself before it is kept: the distributions are there, and no row can be read off.
"""

import io
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from keepfit.data.schema import Schema
from keepfit.data.table import Table
from keepfit.errors import DataError
from keepfit.storage import guarded

Sample: TypeAlias = pl.DataFrame
"""Features and target by name: Float32 for numbers, Boolean, String for categories and classes; null for missing."""

REFERENCE = "reference.parquet"
MOST_ROWS = 5000
"""With so many on both sides a difference of 0.05 between two distributions is found four times in five."""
_MOST_VALUES = 5_000_000
"""Of all columns together: 20 MB as they are, before compression."""
_LEAST_ROWS = 500
_SEED = 20_260_301


def sample_of(schema: Schema, table: Table) -> Sample:
    """Take random rows, the same ones of the same table.

    Not the first ones: in the order of their hashes, rows of the same values stand together.
    """
    most = min(MOST_ROWS, max(_LEAST_ROWS, _MOST_VALUES // (len(schema.columns) + 1)))
    rows = np.random.default_rng(_SEED).permutation(table.rows)[:most]
    inputs = {name: values[rows] for name, values in table.inputs.items()}
    if schema.is_numeric:
        [matrix] = inputs.values()
        inputs = {name: matrix[:, number] for number, name in enumerate(schema.feature_names)}
    target = table.target[rows]
    if schema.target.task != "regression":
        target = np.array(schema.target.classes, dtype=object)[target]
    columns = {**dict(zip(schema.feature_names, inputs.values(), strict=True)), schema.target.name: target}
    return pl.DataFrame([_series(name, values) for name, values in columns.items()])


def write_reference(sample: Sample, folder: Path) -> None:
    """Keep the sample in a version's folder; raises StorageError."""
    alone = pl.DataFrame([column.sort() for column in sample])
    # in memory first: Polars has errors of its own for a disk that is full
    content = io.BytesIO()
    alone.write_parquet(content)
    path = folder / REFERENCE
    with guarded(path):
        path.write_bytes(content.getvalue())


def read_reference(folder: Path) -> Sample | None:
    """The sample of a version, None if it has none; raises DataError if it cannot be read."""
    path = folder / REFERENCE
    if not path.is_file():
        return None
    try:
        return pl.read_parquet(path)
    except (PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read: {(str(error).splitlines() or ['no reason given'])[0]}") from error


def _series(name: str, values: NDArray[np.generic]) -> pl.Series:
    if values.dtype == object:
        return pl.Series(name, values.tolist(), dtype=pl.String).replace("", None)
    return pl.Series(name, values).fill_nan(None) if values.dtype.kind == "f" else pl.Series(name, values)
