"""Rows brought to the types of their roles, or refused with column, rows and rule; knows nothing of the split."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.data.recognise import Roles, is_text, labels, not_numbers
from keepfit.data.rows import Rows
from keepfit.data.schema import Kind
from keepfit.errors import DataError

_LARGEST = float(np.finfo(np.float32).max)


def conform(rows: Rows, roles: Roles) -> pl.DataFrame:
    """Return the features and the target alone, in the order of the roles, with null for missing.

    Numeric columns and a regression's target become Float64, boolean ones Boolean, categorical ones and class labels
    String. Raises DataError for a missing column, another type than the roles', an infinite number, and a target that
    is missing or of an unknown class.
    """
    present = set(rows.frame.columns)
    for name in (*roles.kinds, roles.target):
        if name not in present:
            raise DataError(
                f"column {name!r} is missing, but earlier runs learned from it: add it, "
                "or start a new schema with --new-schema"
            )
    features = [_feature(rows, name, kind) for name, kind in roles.kinds.items()]
    target = _quantity(rows, roles.target) if roles.task == "regression" else _label(rows, roles)
    typed = pl.DataFrame([*features, target])
    _refuse_infinite(rows, typed)
    return typed


def _feature(rows: Rows, name: str, kind: Kind) -> pl.Series:
    series = rows.frame[name]
    if series.null_count() == len(series):
        series = series.cast(pl.Null)
    match kind:
        case "numeric":
            return _number(rows, series)
        case "boolean":
            return _boolean(rows, series)
        case "categorical":
            return _category(series)


def _number(rows: Rows, series: pl.Series) -> pl.Series:
    if is_text(series):
        wrong = not_numbers(series)
        if wrong.any():
            raise DataError(
                f"column {series.name!r} was numeric in earlier runs, but has {series.filter(wrong)[0]!r} "
                f"in {rows.locate(wrong.to_numpy())}"
            )
    if not series.dtype.is_numeric() and series.dtype != pl.Null:
        raise _other_type(series, "numeric")
    return series.cast(pl.Float64).fill_nan(None)


def _boolean(rows: Rows, series: pl.Series) -> pl.Series:
    if series.null_count():
        where = rows.locate(series.is_null().to_numpy())
        raise DataError(f"column {series.name!r} had a value in all rows of earlier runs, but is missing in {where}")
    if series.dtype != pl.Boolean:
        raise _other_type(series, "boolean")
    return series


def _category(series: pl.Series) -> pl.Series:
    if series.dtype.is_numeric():
        return labels(series.fill_nan(None) if series.dtype.is_float() else series)
    if not is_text(series) and series.dtype not in (pl.Boolean, pl.Null):
        raise _other_type(series, "categorical")
    return series.cast(pl.String).replace("", None)


def _other_type(series: pl.Series, kind: Kind) -> DataError:
    return DataError(f"column {series.name!r} was {kind} in earlier runs, but is of type {series.dtype} now")


def _quantity(rows: Rows, name: str) -> pl.Series:
    series = rows.frame[name]
    if not series.dtype.is_numeric():
        raise DataError(f"the target {name!r} was numeric in earlier runs, but is of type {series.dtype} now")
    values = series.cast(pl.Float64).fill_nan(None)
    _refuse_missing(rows, values)
    if values.n_unique() == 1:
        raise DataError(f"the target {name!r} is {values[0]:g} in all rows: there is nothing to learn")
    return values


def _label(rows: Rows, roles: Roles) -> pl.Series:
    series = rows.frame[roles.target]
    values = labels(series.fill_nan(None) if series.dtype.is_float() else series).replace("", None)
    _refuse_missing(rows, values)
    unknown = ~values.is_in(list(roles.classes))
    if unknown.any():
        raise DataError(
            f"the target {roles.target!r} has the unknown class {values.filter(unknown)[0]!r} "
            f"in {rows.locate(unknown.to_numpy())}: the classes of earlier runs are {', '.join(roles.classes[:20])}"
        )
    return values


def _refuse_missing(rows: Rows, target: pl.Series) -> None:
    if target.null_count():
        where = rows.locate(target.is_null().to_numpy())
        raise DataError(f"the target {target.name!r} is missing in {where}: fill it in or remove the rows")


def _refuse_infinite(rows: Rows, typed: pl.DataFrame) -> None:
    numbers = typed.select(pl.selectors.float())
    largest = numbers.select(pl.all().abs().max()).row(0) if numbers.width else ()
    for name, value in zip(numbers.columns, largest, strict=True):
        if value is not None and value > _LARGEST:
            wrong: NDArray[np.bool_] = (numbers[name].abs() > _LARGEST).fill_null(value=False).to_numpy()
            what = "an infinite value" if np.isinf(value) else f"a value too large for float32 (over {_LARGEST:.3g})"
            raise DataError(f"column {name!r} has {what} in {rows.locate(wrong)}: correct it or leave it empty")
