"""Champion and candidate side by side, as the record has them: measures, lanes, and answers that changed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keepfit.pipeline.report.chart import Scale, Tick
from keepfit.pipeline.report.ruling import Ruling, metric_title
from keepfit.pipeline.report.wording import count, number, percent, quantity, share

_LOWER_IS_BETTER = ("log_loss", "brier", "ece", "mae", "rmse")
_OF_EVALUATION = (("r2", "R²", True), ("rmse", "Root mean square error", False), ("mae", "Mean absolute error", False))


@dataclass(frozen=True)
class Measure:
    """One measure of both models; `standing` says which way the candidate differs, "" if neither way is better."""

    name: str
    champion: str
    candidate: str
    difference: str
    standing: Literal["better", "worse", "same", ""]


@dataclass(frozen=True)
class Lane:
    """A model's accuracy with its interval; places are percent of the picture's width."""

    name: str
    look: str
    value: str
    value_at: float
    low_at: float
    high_at: float


@dataclass(frozen=True)
class Lanes:
    """Both models on one line."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    required: str
    required_at: float
    alternative: str


@dataclass(frozen=True)
class Flips:
    """Rows on which the two are not both right or both wrong; widths are percent of half the picture."""

    gained: int
    lost: int
    both_right: int
    both_wrong: int
    gained_width: float
    lost_width: float
    says: str


@dataclass(frozen=True)
class SideBySide:
    """The served version beside the candidate; `problem` says why it could not be compared."""

    version: int
    problem: str
    leak: str
    measures: tuple[Measure, ...]
    lanes: Lanes | None
    flips: Flips | None


def side_by_side(metrics: Mapping[str, Any], rulings: Sequence[Ruling]) -> SideBySide | None:
    """Compare as far as the record tells; None if nothing was served, or in older records."""
    champion = metrics["verdict"].get("champion")
    if not champion:
        return None
    theirs, ours = champion.get("evaluation") or {}, metrics["evaluation"]
    return SideBySide(
        version=champion["version"],
        problem=""
        if champion.get("compared", bool(theirs))
        else champion.get("problem") or "its answers are not known",
        leak=champion.get("leak") or "",
        measures=tuple(_measures(champion, theirs, ours)),
        lanes=_lanes(champion["version"], theirs, ours, metrics["config"]["gate"]["min_accuracy_percent"]),
        flips=_flips(champion, theirs, ours, rulings),
    )


def _measures(champion: Mapping[str, Any], theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[Measure]:
    if (its := theirs.get("accuracy_percent")) is not None and (mine := ours.get("accuracy_percent")) is not None:
        yield Measure(
            "Accuracy", percent(its), percent(mine), quantity(mine - its, "points", signed=True), _standing(mine - its)
        )
    if theirs:
        name = "Log loss" if theirs.get("accuracy_percent") is not None else "Mean square error"
        yield from _bare(name, theirs.get("loss"), ours.get("loss"), larger_is_better=False)
    for key, name, larger in _OF_EVALUATION:
        yield from _bare(name, theirs.get(key), ours.get(key), larger_is_better=larger)
    for name, found in (champion.get("metrics") or {}).items():
        if name not in theirs:
            better = name not in _LOWER_IS_BETTER
            yield from _bare(metric_title(name), found["champion"], found["candidate"], larger_is_better=better)
    if (changed := champion.get("changed")) is not None and ours["rows"]:
        yield Measure("Predictions that changed", "", share(changed / ours["rows"]), f"{count(changed)}", "")
    for key, name, unit in (("size_bytes", "Size on disk", "bytes"), ("latency_ms", "Time for one row", "ms")):
        its, mine = champion.get(key), champion.get(f"candidate_{key}")
        if its and mine is not None:
            yield Measure(name, quantity(its, unit), quantity(mine, unit), quantity(mine / its, "ratio"), "")


def _bare(name: str, its: float | None, mine: float | None, *, larger_is_better: bool) -> Iterator[Measure]:
    """A number without unit, if both models have it."""
    if its is None or mine is None or not (math.isfinite(its) and math.isfinite(mine)):
        return
    gain = mine - its if larger_is_better else its - mine
    difference = number(mine - its, 3)
    shown = quantity(its, ""), quantity(mine, "")
    yield Measure(name, *shown, difference if mine <= its else f"+{difference}", _standing(gain))


def _standing(gain: float) -> Literal["better", "worse", "same"]:
    return "better" if gain > 0 else "worse" if gain < 0 else "same"


def _lanes(version: int, theirs: Mapping[str, Any], ours: Mapping[str, Any], required: float) -> Lanes | None:
    keys = ("accuracy_percent", "accuracy_low_percent", "accuracy_high_percent")
    both = [[found.get(key) for key in keys] for found in (theirs, ours)]
    values: list[float] = [value for found in both for value in found if value is not None]
    if len(values) < 6:
        return None
    lowest, highest = min(*values, required), max(*values, required)
    room = max(0.15 * (highest - lowest), 0.2)
    scale = Scale(max(0.0, lowest - room), min(100.0, highest + room), 0, 100)
    named = ((f"version {version}", "two"), ("candidate", "one"))
    lanes = tuple(
        Lane(name, look, percent(found[0]), *(round(float(scale(value)), 2) for value in found))
        for (name, look), found in zip(named, both, strict=True)
    )
    said = "; ".join(
        f"{lane.name} {lane.value} ({percent(found[1])} to {percent(found[2])})"
        for lane, found in zip(lanes, both, strict=True)
    )
    return Lanes(
        lanes,
        scale.ticks(5),
        f"{required:g} %",
        round(float(scale(required)), 2),
        f"Accuracy with its 95 % interval: {said}; required: {required:g} %.",
    )


def _flips(
    champion: Mapping[str, Any], theirs: Mapping[str, Any], ours: Mapping[str, Any], rulings: Sequence[Ruling]
) -> Flips | None:
    gained, lost = champion.get("gained"), champion.get("lost")
    correct = ours.get("correct")
    if gained is None or lost is None or correct is None or theirs.get("correct") is None:
        return None
    most = max(gained, lost, 1)
    p_values = [ruling.details["mcnemar_p"] for ruling in rulings if "mcnemar_p" in ruling.details]
    return Flips(
        gained=gained,
        lost=lost,
        both_right=correct - gained,
        both_wrong=ours["rows"] - correct - lost,
        gained_width=round(100 * gained / most, 1),
        lost_width=round(100 * lost / most, 1),
        says=_chance(gained, lost, p_values[0] if p_values else None),
    )


def _chance(gained: int, lost: int, p_value: float | None) -> str:
    if not gained + lost:
        return "Both are right and wrong on the same rows."
    if p_value is None:
        return ""
    shown = "below 0.0001" if p_value < 1e-4 else number(p_value, 2)
    if p_value >= 0.05:
        return f"That is no more than chance makes of two equally good models (McNemar's exact p {shown})."
    return f"Chance alone would seldom make that of two equally good models (McNemar's exact p {shown})."
