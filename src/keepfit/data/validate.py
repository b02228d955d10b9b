"""Rules about the whole table and its split: what stops a training (DataError) and what a person should hear of."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.data.recognise import Roles
from keepfit.data.rows import Rows
from keepfit.data.schema import Column, Schema
from keepfit.errors import DataError

FEWEST_ROWS = 10
FEW_HOLDOUT_ROWS = 100
OUTSIDE_SHARE = 0.01
"""Share of values outside the earlier range which is more than the next week's ordinary extremes."""
MISSING_SHARE_CHANGE = 0.05
MOST_CHANGES = 20
"""Warnings about single columns that are listed, so that a wide table does not drown the log."""

_ADVICE = "collect more rows, or change data.holdout_fraction"


def check_split(
    typed: pl.DataFrame, roles: Roles, trained: NDArray[np.bool_], holdout: NDArray[np.bool_], window: str = ""
) -> None:
    """Raise DataError if one side of the split has too few rows or lacks a class.

    `window` names the rows of which the holdout was taken, "" if that is all of them.
    """
    if len(holdout) < FEWEST_ROWS:
        raise DataError(f"the data has {len(holdout)} rows: at least {FEWEST_ROWS} are needed")
    if window:
        _check_window(int(holdout.sum()), window)
    advice = f"{_ADVICE} or data.window.days" if window else _ADVICE
    for side, chosen in (("training", trained), ("holdout", holdout)):
        count = int(chosen.sum())
        if count == 0:
            different = typed.select(list(roles.kinds)).n_unique()
            raise DataError(
                f"none of the {len(holdout):,} rows is a {side} row ({different:,} of them are different, and equal "
                f"rows lie on one side): {advice}"
            )
        present = set(typed[roles.target].filter(pl.Series(chosen)).unique()) if roles.classes else set()
        for label in roles.classes:
            if label not in present:
                total = int((typed[roles.target] == label).sum())
                raise DataError(
                    f"the target {roles.target!r} has no {side} row of class {label!r} "
                    f"({total:,} of all {len(holdout):,} rows have it): {advice}"
                )


def _check_window(count: int, window: str) -> None:
    if count < FEWEST_ROWS:
        found = "no row" if count == 0 else f"only {count} row{'' if count == 1 else 's'}"
        raise DataError(
            f"{found} of {window} {'is' if count < 2 else 'are'} for judging: at least {FEWEST_ROWS} are needed, so "
            "raise data.window.days or data.holdout_fraction, or collect more rows"
        )


@dataclass(frozen=True, eq=False)
class Side:
    """Some of the rows, bool (rows,), and the hashes of all rows' features, uint64 (rows,)."""

    rows: Rows
    hashes: NDArray[np.uint64]
    chosen: NDArray[np.bool_]


def check_leaks(judged: Side, trained: Side, whose: str = "the holdout's") -> None:
    """Raise DataError if the features of a row for judging stand in a training row as well."""
    leaked = judged.chosen & np.isin(judged.hashes, trained.hashes[trained.chosen])
    if leaked.any():
        twin = int(np.flatnonzero(trained.chosen & (trained.hashes == judged.hashes[leaked][0]))[0])
        first = np.zeros(len(trained.hashes), np.bool_)
        first[twin] = True
        raise DataError(
            f"{whose} {judged.rows.locate(leaked)} also stand{'s' if leaked.sum() == 1 else ''} in the training rows "
            f"with the same value in every feature (the first as {trained.rows.locate(first)}): remove them from one "
            "side"
        )


def warnings(typed: pl.DataFrame, schema: Schema, known: Schema | None, holdout_rows: int) -> Iterator[str]:
    """Yield what does not stop a training, but that a person should hear of; `typed` is of all rows."""
    if holdout_rows < FEW_HOLDOUT_ROWS:
        yield f"the holdout has only {holdout_rows} rows: the measured accuracy can be far from the true one"
    if constant := [column.name for column in schema.columns if _is_constant(typed[column.name], column)]:
        yield f"{_columns(constant)} the same value in all training rows, which cannot help"
    if counting := [column.name for column in schema.columns if _counts_rows(typed[column.name], column)]:
        yield f"{_columns(counting)} another number in every row, counting up as an id does: see data.ignore"
    before = {column.name: column for column in known.columns} if known else {}
    changes = [change for name, column in before.items() for change in _changes(typed[name], column)]
    yield from changes[:MOST_CHANGES]
    if len(changes) > MOST_CHANGES:
        yield f"{len(changes) - MOST_CHANGES:,} more changes since the earlier data are not listed"


def _columns(names: list[str]) -> str:
    if len(names) == 1:
        return f"column {names[0]!r} has"
    return f"{len(names):,} columns ({', '.join(map(repr, names[:5]))}{', …' if len(names) > 5 else ''}) have"


def _is_constant(values: pl.Series, column: Column) -> bool:
    if column.kind == "numeric":
        return column.minimum == column.maximum and column.missing_share in (0.0, 1.0)
    return values.n_unique() == 1


def _counts_rows(values: pl.Series, column: Column) -> bool:
    """Whether a whole-number column goes up by one from row to row."""
    if "Int" not in column.dtype or column.kind != "numeric" or values.null_count() or len(values) <= FEW_HOLDOUT_ROWS:
        return False
    return bool((values.diff().drop_nulls() == 1.0).all())


def _changes(values: pl.Series, before: Column) -> Iterator[str]:
    missing_share = values.null_count() / len(values)
    appeared = before.missing_share == 0.0 < missing_share
    if appeared or abs(missing_share - before.missing_share) > MISSING_SHARE_CHANGE:
        yield (
            f"column {before.name!r} is missing in {missing_share:.1%} of the rows, "
            f"{before.missing_share:.1%} in the earlier data"
        )
    if before.kind == "categorical":
        yield from _new_categories(values, before)
    elif before.kind == "numeric" and before.missing_share < 1.0:
        yield from _outside_range(values, before)


def _new_categories(values: pl.Series, before: Column) -> Iterator[str]:
    new = values.filter(~values.is_in(list(before.categories))).drop_nulls()
    if len(new):
        names = new.unique().sort()
        shown = ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else "")
        yield f"column {before.name!r} has {len(names):,} new categories in {len(new):,} rows: {shown}"


def _outside_range(values: pl.Series, before: Column) -> Iterator[str]:
    """Speak up at many values outside the earlier range, or at one that is a whole range's width away."""
    numbers = values.drop_nulls().to_numpy()
    outside = int(((numbers < before.minimum) | (numbers > before.maximum)).sum())
    if not outside:
        return
    width = before.maximum - before.minimum
    lowest, highest = float(numbers.min()), float(numbers.max())
    is_far = lowest < before.minimum - width or highest > before.maximum + width
    if is_far or outside > OUTSIDE_SHARE * len(values):
        yield (
            f"column {before.name!r} has {outside:,} values outside the earlier range "
            f"{before.minimum:g} to {before.maximum:g}: they lie between {lowest:g} and {highest:g}"
        )
