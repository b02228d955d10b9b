"""The one way from a configured source to arrays for training: load, recognise, check, split, learn.

Knows nothing of models, and imports neither TensorFlow nor SciPy nor scikit-learn.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.config import DataConfig
from keepfit.data import sources, split, statistics, validate
from keepfit.data.agreement import check_agreement, ignored_columns
from keepfit.data.conform import conform
from keepfit.data.identity import Identity, fingerprint, identify
from keepfit.data.recognise import Roles, recognise, require, roles_of
from keepfit.data.rows import Rows
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


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one run trains on and is judged on.

    `fingerprint` is a hash of all rows' features and targets, the same for every order of rows and columns;
    `holdout_identity` tells the holdout's rows again in later runs.
    `characteristics` can be written as JSON. `warnings` are sentences for a person.
    """

    schema: Schema
    train: Table
    holdout: Table
    fingerprint: str
    holdout_identity: Identity
    characteristics: dict[str, object]
    warnings: tuple[str, ...]


def prepare(config: DataConfig, root: Path, seed: int, known: Schema | None) -> Dataset:
    """Load the rows, check them, split them and learn their schema; paths are relative to `root`.

    With `known`, the schema of an earlier run, its columns, kinds and classes stand, and rows that break them are
    refused; statistics are learned anew. `seed` draws synthetic rows; it has no influence on the split.
    Raises DataError.
    """
    if known:
        check_agreement(config, known)
    rows = sources.load(config, root, seed, _text_columns(config, known))
    roles = recognise(rows, config) if known is None else roles_of(known)
    typed = conform(rows, roles)
    holdout = _split(rows, typed, roles, config)
    validate.check_split(typed, roles, holdout)
    hashes = split.hash_rows(typed, typed.columns)
    # whatever order a query or a folder gives the rows in, the same rows train the same model
    order = np.argsort(hashes, kind="stable")
    hashes, frame, holdout = hashes[order], rows.frame[order], holdout[order]
    train_rows, holdout_rows = typed[order].filter(~holdout), typed[order].filter(holdout)
    schema = statistics.learn(train_rows, roles, frame.schema)
    return Dataset(
        schema,
        _table(schema, train_rows, frame.filter(~holdout)),
        _table(schema, holdout_rows, frame.filter(holdout)),
        fingerprint(hashes),
        identify(hashes[holdout]),
        statistics.describe(schema, train_rows, holdout_rows),
        (
            *ignored_columns(rows.frame, config, known),
            *validate.warnings(typed, schema, known, holdout_rows.height),
        ),
    )


def _text_columns(config: DataConfig, known: Schema | None) -> list[str]:
    if known is None:
        return config.categorical
    return [column.name for column in known.columns if column.kind == "categorical" and column.dtype != "Boolean"]


def _split(rows: Rows, typed: pl.DataFrame, roles: Roles, config: DataConfig) -> NDArray[np.bool_]:
    """Say which rows are for judging, and make sure that none of them was trained on."""
    features = split.hash_rows(typed, roles.kinds)
    if rows.holdout is not None:
        holdout = rows.holdout
    elif config.split_by:
        require(rows.frame, config.split_by, "data.split_by")
        holdout = split.choose_holdout(split.hash_rows(rows.frame, config.split_by), config.holdout_fraction)
    else:
        return split.choose_holdout(features, config.holdout_fraction)
    validate.check_leaks(rows, features, holdout)
    return holdout


def _table(schema: Schema, typed: pl.DataFrame, frame: pl.DataFrame) -> Table:
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
