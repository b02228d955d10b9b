"""One side of the data as arrays: what a model takes and what it should answer. Knows nothing of splits."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.data.schema import Kind, Schema


@dataclass(frozen=True, eq=False)
class Table:
    """One side of the split, rows in the order of their hashes, which the source's order does not change.

    `inputs` of an all-numeric schema is {"features": float32 (rows, columns)}; otherwise it has one array (rows,) a
    column: numeric float32, boolean bool, categorical object (str). Missing is NaN, or "" for categories.
    `target` is the class index, int32 (rows,), or for regression the value, float32 (rows,).
    `frame` has all columns as the source delivered them.
    """

    inputs: dict[str, NDArray[np.generic]]
    target: NDArray[np.generic]
    frame: pl.DataFrame

    @property
    def rows(self) -> int:
        """How many."""
        return self.frame.height


def table_of(schema: Schema, typed: pl.DataFrame, frame: pl.DataFrame) -> Table:
    """Turn rows that conform to the schema into arrays; `frame` has the same rows as the source delivered them."""
    target = typed[schema.target.name]
    if schema.target.task == "regression":
        values = target.to_numpy().astype(np.float32)
    else:
        indices = {label: index for index, label in enumerate(schema.target.classes)}
        values = target.replace_strict(indices, return_dtype=pl.Int32).to_numpy()
    return Table(_inputs(schema, typed), values, frame)


def _inputs(schema: Schema, typed: pl.DataFrame) -> dict[str, NDArray[np.generic]]:
    if schema.is_numeric:
        matrix = typed.select(pl.col(schema.feature_names).cast(pl.Float32).fill_null(np.nan)).to_numpy(order="c")
        return {"features": matrix}
    return {column.name: _array(typed[column.name], column.kind) for column in schema.columns}


def _array(values: pl.Series, kind: Kind) -> NDArray[np.generic]:
    if kind == "numeric":
        return values.cast(pl.Float32).fill_null(np.nan).to_numpy()
    if kind == "boolean":
        return values.to_numpy()
    return np.array(values.fill_null("").to_list(), dtype=object)
