"""A rule's value, interval and bound as places on a line. Pure; knows nothing of markup."""

import math
from dataclasses import dataclass

from keepfit.pipeline.report.chart import Scale, Tick
from keepfit.pipeline.report.ruling import Ruling

_LEAST_ROOM = {"percent": 1.0, "points": 0.2, "ratio": 0.2, "ms": 0.05, "bytes": 1_000.0}
"""What is left free at both ends of the line at least, so that a narrow interval does not fill it."""
_UP_TO_ONE = ("auc", "f1", "precision", "recall", "brier", "ece")


@dataclass(frozen=True)
class Gauge:
    """Places are percent of the picture's width; those of what the rule has not are None.

    `allowed` is the part of the line that the bound allows. `alternative` says the same in words.
    """

    value: str
    interval: str
    bound: str
    value_at: float
    low_at: float | None
    high_at: float | None
    bound_at: float | None
    allowed: tuple[float, float] | None
    zero_at: float | None
    ticks: tuple[Tick, ...]
    alternative: str


def gauge_of(ruling: Ruling) -> Gauge | None:
    """The picture of a rule; None if it has no number, or nothing to hold it against."""
    value = ruling.value
    if value is None or not math.isfinite(value):
        return None
    ends = (ruling.low, ruling.high)
    has_interval = all(end is not None and math.isfinite(end) for end in ends)
    if not has_interval and ruling.bound is None:
        return None
    low, high = (ruling.low, ruling.high) if has_interval else (None, None)
    scale = _scale(ruling, [number for number in (value, low, high, ruling.bound) if number is not None])
    bound_at = None if ruling.bound is None else _place(scale, ruling.bound)
    said = (ruling.says(value), ruling.interval if has_interval else "", ruling.limit)
    return Gauge(
        value=said[0],
        interval=said[1],
        bound=said[2],
        value_at=_place(scale, value),
        low_at=None if low is None else _place(scale, low),
        high_at=None if high is None else _place(scale, high),
        bound_at=bound_at,
        allowed=_allowed(bound_at, ruling.direction),
        zero_at=_place(scale, 0.0) if ruling.is_difference and ruling.bound != 0 else None,
        ticks=scale.ticks(5),
        alternative=f"{'; '.join(text for text in said if text)}.",
    )


def _scale(ruling: Ruling, numbers: list[float]) -> Scale:
    if ruling.is_difference:
        numbers.append(0.0)
    lowest, highest = min(numbers), max(numbers)
    room = max(0.35 * (highest - lowest), _LEAST_ROOM.get(ruling.unit, 0.02), 1e-9 * max(abs(lowest), abs(highest)))
    least, most = _limits(ruling)
    return Scale(min(lowest, max(least, lowest - room)), max(highest, min(most, highest + room)), 0, 100)


def _limits(ruling: Ruling) -> tuple[float, float]:
    """Up to where the line goes, unless a number lies beyond."""
    if ruling.is_difference:
        return -math.inf, math.inf
    if ruling.unit == "percent":
        return 0.0, 100.0
    if ruling.subject in _UP_TO_ONE:
        return 0.0, 1.0
    if ruling.rule == "min_r2" or ruling.subject == "r2":
        return -math.inf, 1.0
    return (0.0 if ruling.unit or ruling.subject else -math.inf), math.inf


def _allowed(bound_at: float | None, direction: str) -> tuple[float, float] | None:
    if bound_at is None:
        return None
    return (0.0, bound_at) if direction == "at_most" else (bound_at, 100.0)


def _place(scale: Scale, value: float) -> float:
    return round(min(100.0, max(0.0, float(scale(value)))), 2)
