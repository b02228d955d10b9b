"""The measured score with its interval against the required least, as places on a line. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from keepfit.pipeline.report.chart import Scale, Tick
from keepfit.pipeline.report.wording import beside, count, number


@dataclass(frozen=True)
class Standing:
    """Places are percent of the picture's width; `meaning` says what a person should make of it."""

    name: str
    score: str
    interval: str
    required: str
    passed: bool
    score_at: float
    low_at: float
    high_at: float
    required_at: float
    ticks: tuple[Tick, ...]
    alternative: str
    meaning: str


@dataclass(frozen=True)
class _Kind:
    """How a score is named, bounded and written; `least_room` is left free at both ends of the line."""

    name: str
    interval: str
    bounds: tuple[float, float]
    says: Callable[[float, float], str]
    least_room: float
    wide: float
    unit: str = ""
    sign: str = ""


def _percent(value: float, required: float) -> str:
    return f"{beside(value, (0.0, 100.0, required), 2)} %"


def _r2(value: float, required: float) -> str:
    return beside(value, (1.0, required), 4) if abs(value) < 1e6 else number(value)


_ACCURACY = _Kind("Accuracy on the holdout", "exact 95 % interval", (0.0, 100.0), _percent, 1.0, 5.0, " points", " %")
_R2 = _Kind("R² on the holdout", "approximate 95 % interval", (-math.inf, 1.0), _r2, 0.02, 0.2)


def accuracy_standing(accuracy: float, interval: tuple[float, float], required: float, rows: int) -> Standing:
    """Of a classification; everything in percent."""
    return _standing(_ACCURACY, accuracy, interval, required, rows)


def r2_standing(r2: float, interval: tuple[float, float], required: float, rows: int) -> Standing:
    """Of a regression."""
    return _standing(_R2, r2, interval, required, rows)


def _standing(kind: _Kind, score: float, interval: tuple[float, float], required: float, rows: int) -> Standing:
    low, high = interval
    lowest, highest = min(low, score, required), max(high, score, required)
    required_text = f"{required:g}{kind.sign}"
    room = max(0.35 * (highest - lowest), kind.least_room)
    scale = Scale(max(kind.bounds[0], lowest - room), min(kind.bounds[1], highest + room), 0, 100)
    shown_interval = f"{kind.interval}: {kind.says(low, required)} to {kind.says(high, required)}"
    return Standing(
        name=kind.name,
        score=kind.says(score, required),
        interval=shown_interval,
        required=required_text,
        passed=score >= required,
        score_at=_place(scale, score),
        low_at=_place(scale, low),
        high_at=_place(scale, high),
        required_at=_place(scale, required),
        ticks=scale.ticks(5),
        alternative=f"{kind.name}: {kind.says(score, required)}; {shown_interval}; required: {required_text}.",
        meaning=_meaning(score, interval, required) + _care(kind, high - low, rows),
    )


def _place(scale: Scale, value: float) -> float:
    return round(float(scale(value)), 2)


def _meaning(score: float, interval: tuple[float, float], required: float) -> str:
    low, high = interval
    if score >= required:
        if low >= required:
            return "The whole interval lies above the required least: that it passes is hardly a matter of luck."
        return "The interval reaches below the required least: with other rows of the same kind it might have failed."
    if high >= required:
        return "The interval reaches above the required least: with other rows of the same kind it might have passed."
    return "The whole interval lies below the required least: that it fails is hardly a matter of luck."


def _care(kind: _Kind, width: float, rows: int) -> str:
    if width <= kind.wide:
        return ""
    return f" {count(rows)} are few: the interval is {number(width, 2)}{kind.unit} wide, so read the score with care."
