"""What the page says of the data: its target, its columns, and where their values lie. Reads metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepfit.pipeline.report.wording import number, share, shortened

MOST_COLUMNS = 1_000
"""Columns that are listed; the rest stands in metrics.json."""
FEW_COLUMNS = 40
"""Columns that are listed without being asked for, each with a picture of its range."""
_MOST_CLASSES = 12
_CATEGORY_LENGTH = 24


@dataclass(frozen=True)
class Range:
    """Where a column's values lie: places in percent between its minimum and maximum."""

    from_at: float
    to_at: float
    median_at: float


@dataclass(frozen=True)
class ColumnLine:
    """One column of the table, ready to read."""

    name: str
    kind: str
    dtype: str
    values: str
    centre: str
    missing: str
    range: Range | None


@dataclass(frozen=True)
class ClassBar:
    """How common a class is, in percent of the rows of each side of the split; widths are percent of the commonest's.

    The bar of all other classes together has no width, for it would dwarf the others.
    """

    label: str
    train_rows: int
    holdout_rows: int
    train_percent: float
    holdout_percent: float
    width: float
    holdout_width: float


def column_lines(columns: Sequence[Mapping[str, Any]]) -> tuple[ColumnLine, ...]:
    """The first of the columns; pictures of ranges only if they are few."""
    few = len(columns) <= FEW_COLUMNS
    return tuple(_line(column, few) for column in columns[:MOST_COLUMNS])


def class_bars(train: Mapping[str, int], holdout: Mapping[str, int]) -> tuple[ClassBar, ...]:
    """A bar for each class; if there are many, for the commonest, and one for all others together."""
    labels = sorted(train, key=lambda label: -train[label]) if len(train) > _MOST_CLASSES else list(train)
    shown = labels[: _MOST_CLASSES - 1] if len(labels) > _MOST_CLASSES else labels
    train_all, holdout_all = max(1, sum(train.values())), max(1, sum(holdout.values()))
    most = max(max(train[label] / train_all, holdout[label] / holdout_all) for label in shown) or 1.0

    def bar(name: str, members: Sequence[str], full: float) -> ClassBar:
        train_rows, holdout_rows = sum(train[label] for label in members), sum(holdout[label] for label in members)
        parts = train_rows / train_all, holdout_rows / holdout_all
        return ClassBar(
            name, train_rows, holdout_rows, 100 * parts[0], 100 * parts[1],
            round(full * parts[0] / most, 1), round(full * parts[1] / most, 1),
        )  # fmt: skip

    bars = [bar(label, (label,), 100) for label in shown]
    others = labels[len(shown) :]
    return (*bars, bar(f"{len(others):,} other classes", others, 0)) if others else tuple(bars)


def _line(column: Mapping[str, Any], with_range: bool) -> ColumnLine:
    kind = column["kind"]
    values, centre = _texts(column)
    missing = column["missing_share"]
    return ColumnLine(
        column["name"],
        kind,
        column["dtype"],
        values,
        centre,
        share(missing) if missing else "",
        _range(column) if kind == "numeric" and with_range else None,
    )


def _texts(column: Mapping[str, Any]) -> tuple[str, str]:
    if column["kind"] == "numeric":
        if column["missing_share"] == 1:
            return "none", ""
        values = f"{number(column['minimum'])} to {number(column['maximum'])}"
        return values, f"{number(column['mean'])} ± {number(column['std'], 3)}"
    if column["kind"] == "boolean":
        return "true or false", f"true in {share(column['true_share'])}" if column["true_share"] is not None else ""
    found = column["categories"]
    top = [shortened(name, _CATEGORY_LENGTH) for name in column["top_categories"]]
    listed = ", ".join(top[:3]) + (", …" if found > 3 else "")
    return f"{found:,} {'category' if found == 1 else 'categories'}", listed


def _range(column: Mapping[str, Any]) -> Range | None:
    low: float = column["minimum"]
    width: float = column["maximum"] - low
    if not width > 0:
        return None

    def place(value: float) -> float:
        return round(min(100.0, max(0.0, 100 * (value - low) / width)), 1)

    mean, std = column["mean"], column["std"]
    return Range(place(mean - std), place(mean + std), place(column["median"]))
