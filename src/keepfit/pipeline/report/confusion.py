"""The confusion matrix as tables that stay readable: whole, or the most confused pairs and the worst classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keepfit.pipeline.report.chart import Array
from keepfit.pipeline.report.wording import count, share

MOST_CLASSES = 30
"""The largest matrix that is shown whole."""
_ROOMY_CLASSES = 5
_WIDE_CLASSES = 12
_WORST_CLASSES = 15
_MOST_PAIRS = 15


@dataclass(frozen=True)
class Cell:
    """Rows of one true class that were given one predicted class; `depth` is their share of the true class."""

    rows: int
    depth: int
    is_right: bool
    says: str


@dataclass(frozen=True)
class Line:
    """One true class of the matrix."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ClassQuality:
    """How well one class is recognised: found of those that are it, right of those that are called it."""

    label: str
    rows: int
    found: str
    right: str
    f1: str


@dataclass(frozen=True)
class Pair:
    """A class taken for another."""

    true: str
    predicted: str
    rows: int
    share: str


@dataclass(frozen=True)
class Confusion:
    """What is shown; `lines` is empty if there are too many classes, and then `qualities` are the worst."""

    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    is_roomy: bool
    qualities: tuple[ClassQuality, ...]
    pairs: tuple[Pair, ...]
    classes: int

    @property
    def is_wide(self) -> bool:
        """Whether the matrix takes the page's whole width."""
        return bool(self.lines) and self.classes > _WIDE_CLASSES

    @property
    def alternative(self) -> str:
        """The matrix in one sentence."""
        if not self.pairs:
            return "No row is taken for another class."
        first = self.pairs[0]
        return f"Most often “{first.true}” is taken for “{first.predicted}”: {count(first.rows)}."


def confusion_of(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> Confusion:
    """Lay out the counts, by true class and then by predicted class."""
    matrix = np.asarray(counts, dtype=np.int64)
    qualities = _qualities(matrix, labels)
    fits = len(labels) <= MOST_CLASSES
    return Confusion(
        tuple(labels),
        tuple(_line(matrix[index], index, labels) for index in range(len(labels))) if fits else (),
        len(labels) <= _ROOMY_CLASSES,
        tuple(qualities if fits else qualities[:_WORST_CLASSES]),
        _pairs(matrix, labels),
        len(labels),
    )


def _line(row: Array, true: int, labels: Sequence[str]) -> Line:
    total = max(1, int(row.sum()))
    cells = [
        Cell(
            int(rows),
            round(100 * int(rows) / total),
            index == true,
            f"{labels[true]} predicted as {labels[index]}: {int(rows):,} of {total:,} ({share(int(rows) / total)})",
        )
        for index, rows in enumerate(row)
    ]
    return Line(labels[true], tuple(cells))


def _qualities(matrix: Array, labels: Sequence[str]) -> list[ClassQuality]:
    """Of every class in order, or, if they are too many, the worst first."""
    right, true, called = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = 2 * right / np.maximum(1, true + called)
    order = np.arange(len(labels)) if len(labels) <= MOST_CLASSES else np.argsort(f1, kind="stable")
    return [
        ClassQuality(
            labels[index],
            int(true[index]),
            share(right[index] / true[index]) if true[index] else "–",
            share(right[index] / called[index]) if called[index] else "–",
            share(float(f1[index])),
        )
        for index in order
    ]


def _pairs(matrix: Array, labels: Sequence[str]) -> tuple[Pair, ...]:
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    totals = matrix.sum(axis=1)
    found = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        rows = int(wrong[true, predicted])
        if rows:
            found.append(Pair(labels[true], labels[predicted], rows, share(rows / int(totals[true]))))
    return tuple(found)
