"""What each column is: feature or not, its kind, and the target's task; from the config, or from a schema that stands.

Looks at types and at distinct values; knows nothing of splits and statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from keepfit.config import DataConfig
from keepfit.data.rows import Rows
from keepfit.data.schema import Kind, Schema, Task
from keepfit.errors import DataError

MAX_COLUMNS = 10_000
MAX_CATEGORIES = 10_000
MAX_CLASSES = 1_000
FEW_NUMBERS = 20
"""A numeric target with at most so many distinct values, all whole, is a class and not a quantity."""

_TEXT = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class Roles:
    """The features with their kinds, in order, and what the target is; `classes` is () for regression."""

    kinds: Mapping[str, Kind]
    target: str
    task: Task
    classes: tuple[str, ...]


def recognise(rows: Rows, config: DataConfig) -> Roles:
    """Find out what each column is on a first run; raises DataError for a column that cannot be learned from."""
    names = _features(rows.frame, config)
    kinds = {name: _kind(rows, name, as_code=name in config.categorical) for name in names}
    task, classes = _task(rows, config)
    return Roles(kinds, config.target, task, classes)


def roles_of(schema: Schema) -> Roles:
    """Take columns, kinds and classes from what an earlier run learned."""
    kinds = {column.name: column.kind for column in schema.columns}
    return Roles(kinds, schema.target.name, schema.target.task, schema.target.classes)


def labels(target: pl.Series) -> pl.Series:
    """Return class labels as text; 1.0 and 1 are the same label."""
    target = target.cast(pl.Float64) if target.dtype.is_decimal() else target
    whole = target.dtype.is_float() and bool((target.drop_nulls() % 1 == 0).all())
    return (target.cast(pl.Int64, strict=False) if whole else target).cast(pl.String)


def is_text(series: pl.Series) -> bool:
    """Whether the values are text, in any of Polars' types for it."""
    return isinstance(series.dtype, _TEXT)


def not_numbers(series: pl.Series) -> pl.Series:
    """Say which values of a text column are neither missing nor a number."""
    return (
        series.cast(pl.String).replace("", None).is_not_null()
        & series.cast(pl.String).cast(pl.Float64, strict=False).is_null()
    )


def _features(frame: pl.DataFrame, config: DataConfig) -> list[str]:
    require(frame, [config.target], "data.target")
    require(frame, config.features or [], "data.features")
    require(frame, config.categorical, "data.categorical")
    if config.target in (config.features or []):
        raise DataError(f"column {config.target!r} is the target: take it out of data.features")
    wanted = config.features if config.features is not None else frame.columns
    aside = {config.target, *config.ignore}
    if config.window is not None and config.features is None:
        aside.add(config.window.column)
    names = [name for name in wanted if name not in aside]
    if not names:
        raise DataError(f"no column is left to learn from: the data has {', '.join(map(repr, frame.columns[:20]))}")
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"the data has {len(names):,} columns to learn from: more than {MAX_COLUMNS:,} are not supported"
        )
    return names


def require(frame: pl.DataFrame, names: list[str], key: str) -> None:
    """Raise DataError if a column that the config key names is not there."""
    present = set(frame.columns)
    for name in names:
        if name not in present:
            found = ", ".join(map(repr, frame.columns[:20])) + (", …" if frame.width > 20 else "")
            raise DataError(f"there is no column {name!r} ({key}): the data has {found}")


def _kind(rows: Rows, name: str, *, as_code: bool) -> Kind:
    series = rows.frame[name]
    if series.null_count() == len(series):
        raise DataError(f"column {name!r} is empty in all rows: put it into data.ignore")
    if series.dtype.is_numeric():
        return "categorical" if as_code else "numeric"
    if series.dtype == pl.Boolean:
        return "categorical" if as_code or series.null_count() else "boolean"
    if not is_text(series):
        raise DataError(
            f"column {name!r} is of type {series.dtype}, which cannot be learned from: "
            "put it into data.ignore, or convert it to a number or text"
        )
    if not as_code:
        _refuse_misspelt_numbers(rows, name)
    _refuse_identifiers(series)
    return "categorical"


def _refuse_misspelt_numbers(rows: Rows, name: str) -> None:
    """Stop at a column that a stray "n/a" turned from numbers into text."""
    series = rows.frame[name]
    wrong = not_numbers(series)
    if 0 < wrong.sum() < 0.5 * (len(series) - series.null_count()):
        raise DataError(
            f"column {name!r} has {series.filter(wrong)[0]!r} instead of a number in {rows.locate(wrong.to_numpy())}: "
            "correct it or leave it empty, or put the column into data.categorical"
        )


def _refuse_identifiers(series: pl.Series) -> None:
    distinct = series.n_unique()
    if distinct == len(series) > 100:
        raise DataError(f"column {series.name!r} has another text in every row, as an id has: put it into data.ignore")
    if distinct > MAX_CATEGORIES:
        raise DataError(
            f"column {series.name!r} has {distinct:,} different texts, more than the {MAX_CATEGORIES:,} that a "
            "category may have: put it into data.ignore, or group its values"
        )


def _task(rows: Rows, config: DataConfig) -> tuple[Task, tuple[str, ...]]:
    target = rows.frame[config.target]
    is_number = target.dtype.is_numeric()
    if not is_number and target.dtype not in (pl.Boolean, pl.Null) and not is_text(target):
        raise DataError(f"the target {config.target!r} is of type {target.dtype}: expected numbers, text or booleans")
    task = config.task
    if task == "regression":
        if not is_number:
            raise DataError(f"the target {config.target!r} is of type {target.dtype}: regression needs numbers")
        return "regression", ()
    distinct = (target if is_number else target.cast(pl.String)).drop_nulls().unique()
    distinct = distinct.drop_nans() if distinct.dtype.is_float() else distinct
    if task == "auto" and is_number and not _are_codes(distinct):
        return "regression", ()
    classes = tuple(label for label in labels(distinct.sort()) if label)
    if task == "binary" and len(classes) > 2:
        raise DataError(f"the target {config.target!r} has {len(classes):,} classes, but data.task is binary")
    if len(classes) > MAX_CLASSES:
        raise DataError(f"the target {config.target!r} has {len(classes):,} classes: more than {MAX_CLASSES:,}")
    if len(classes) < 2:
        only = f"only the class {classes[0]!r}" if classes else "no value"
        raise DataError(f"the target {config.target!r} has {only}: there is nothing to learn")
    return ("multiclass" if task == "multiclass" or len(classes) > 2 else "binary"), classes


def _are_codes(distinct: pl.Series) -> bool:
    if len(distinct) > FEW_NUMBERS:
        return False
    numbers = distinct.cast(pl.Float64).to_numpy()
    return bool(np.all(np.isfinite(numbers) & (numbers == np.floor(numbers))))
