"""The slices of the holdout as lines of a table, each with its interval on one common scale. Reads metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepfit.pipeline.evaluate import CONFIDENCE
from keepfit.pipeline.report.chart import Scale, Tick
from keepfit.pipeline.report.ruling import Outcome, Ruling
from keepfit.pipeline.report.wording import number, percent, quantity
from keepfit.pipeline.statistics import clopper_pearson

MOST_SLICES = 40
"""Slices that are listed, the worst first; the rest stands in metrics.json."""
_ORDER: dict[Outcome, int] = {"fail": 0, "inconclusive": 1, "pass": 2}


@dataclass(frozen=True)
class SliceLine:
    """A slice. Places are percent of the picture's width, None where there is nothing to draw.

    `note` is what became of it beside its outcome: what it was held against, or that it was not judged.
    """

    name: str
    rows: int
    value: str
    champion: str
    difference: str
    flips: str
    outcome: Outcome
    note: str
    value_at: float | None
    low_at: float | None
    high_at: float | None
    bound_at: float | None
    alternative: str


@dataclass(frozen=True)
class Slices:
    """The table; `left_out` slices are not listed. Without `ticks` there is no picture."""

    lines: tuple[SliceLine, ...]
    ticks: tuple[Tick, ...]
    measure: str
    left_out: int
    is_compared: bool


def slices_of(verdict: Mapping[str, Any], rulings: Sequence[Ruling], is_regression: bool) -> Slices | None:
    """The measured slices and those that disappeared, the worst first; None if there are none."""
    judged = {ruling.subject: ruling for ruling in rulings if ruling.is_slice}
    found = list(verdict.get("slices") or ())
    names = {part["name"] for part in found}
    found += [{"name": name, "rows": 0, "value": None} for name in judged if name not in names]
    if not found:
        return None
    ordered = sorted(found, key=lambda part: (_ORDER[_outcome(part, judged)], _badness(part, is_regression)))
    shown = ordered[:MOST_SLICES]
    scale = _scale(shown, is_regression)
    return Slices(
        lines=tuple(_line(part, judged.get(part["name"]), scale, is_regression) for part in shown),
        ticks=() if scale is None else scale.ticks(4),
        measure="RMSE" if is_regression else "accuracy",
        left_out=len(ordered) - len(shown),
        is_compared=any(part.get("champion") is not None for part in shown),
    )


def _outcome(part: Mapping[str, Any], judged: Mapping[str, Ruling]) -> Outcome:
    ruling = judged.get(part["name"])
    return "pass" if ruling is None else ruling.outcome


def _badness(part: Mapping[str, Any], is_regression: bool) -> float:
    value: float | None = part.get("value")
    if value is None:
        return -1e300
    return -value if is_regression else value


def _scale(shown: Sequence[Mapping[str, Any]], is_regression: bool) -> Scale | None:
    """From the worst slice or bound to the best; wide intervals of small slices may reach out of it."""
    values = [part["value"] for part in shown if part.get("value") is not None]
    bounds = [part["bound"] for part in shown if part.get("bound") is not None]
    if not values:
        return None
    low, high = min(values + bounds), max(values + bounds)
    room = 0.2 * (high - low) or 1e-3 * abs(high) or 1.0
    if is_regression:
        return Scale(max(0.0, low - room), high + room, 0, 100)
    return Scale(max(0.0, low - max(room, 1.0)), 100.0 if high > 90 else min(100.0, high + max(room, 1.0)), 0, 100)


def _line(part: Mapping[str, Any], ruling: Ruling | None, scale: Scale | None, is_regression: bool) -> SliceLine:
    value, champion, bound = part.get("value"), part.get("champion"), part.get("bound")
    ends = None if is_regression else _interval(value, part["rows"])
    shown = _shown(value, is_regression)
    spoken = "" if ends is None else f", 95 % interval {percent(ends[0])} to {percent(ends[1])}"
    return SliceLine(
        name=part["name"],
        rows=part["rows"],
        value=shown,
        champion="" if champion is None else _shown(champion, is_regression),
        difference=_difference(value, champion, is_regression),
        flips="" if part.get("gained") is None else f"+{part['gained']:,} −{part['lost']:,}",
        outcome="pass" if ruling is None else ruling.outcome,
        note=_note(part, ruling),
        value_at=_place(scale, value),
        low_at=None if ends is None else _place(scale, ends[0]),
        high_at=None if ends is None else _place(scale, ends[1]),
        bound_at=_place(scale, bound),
        alternative=f"{shown}{spoken}{'' if bound is None else f', bound {bound:g}'}",
    )


def _interval(value: float | None, rows: int) -> tuple[float, float] | None:
    if value is None or not rows:
        return None
    low, high = clopper_pearson(round(value * rows / 100), rows, CONFIDENCE)
    return 100 * low, 100 * high


def _shown(value: float | None, is_regression: bool) -> str:
    return number(value) if is_regression else percent(value)


def _difference(value: float | None, champion: float | None, is_regression: bool) -> str:
    if value is None or champion is None:
        return ""
    if not is_regression:
        return quantity(value - champion, "points", signed=True).removesuffix(" points")
    return f"{'+' if value > champion else ''}{number(value - champion, 3)}"


def _note(part: Mapping[str, Any], ruling: Ruling | None) -> str:
    if ruling is not None and ruling.outcome != "pass":
        return ruling.reason
    return "" if part.get("judged", True) else "too few rows to judge"


def _place(scale: Scale | None, value: float | None) -> float | None:
    if scale is None or value is None:
        return None
    return round(min(100.0, max(0.0, float(scale(value)))), 2)
