"""Measures candidate and champion on the holdout for the gate: predictions in, evidence out. Pure but for its seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from keepfit.config import GateConfig
from keepfit.data.schema import Target
from keepfit.pipeline.bootstrap import Bootstrap
from keepfit.pipeline.evaluate import evaluate, predicted_classes
from keepfit.pipeline.gate.evidence import Comparison, Estimate, MetricEvidence, SliceEvidence
from keepfit.pipeline.slices import Slice
from keepfit.pipeline.statistics import paired_interval, share_is_below, shown_worse

Array = NDArray[Any]

CHANGED_SHARE = 0.1
"""A number counts as changed if it moved by more than this share of the target's standard deviation."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions (rows, outputs) of the candidate, and of the champion if there are any, to rows of known truth."""

    target: Target
    truth: Array
    mine: Array
    its: Array | None

    @property
    def is_regression(self) -> bool:
        """Whether the target is a number."""
        return self.target.task == "regression"


@dataclass(frozen=True)
class Measurements:
    """What the gate is told of the predictions."""

    comparison: Comparison | None
    metrics: tuple[MetricEvidence, ...]
    slices: tuple[SliceEvidence, ...]


def measure(answers: Answers, slices: Sequence[Slice], rules: GateConfig, seed: int) -> Measurements:
    """Compare, measure the configured metrics, and measure the slices; `seed` is of the resampling."""
    needs_bootstrap = bool(rules.metrics) or (answers.is_regression and answers.its is not None)
    bootstrap = Bootstrap(len(answers.truth), rules.bootstrap_draws, seed) if needs_bootstrap else None
    comparison = None if answers.its is None else _comparison(answers, answers.its, bootstrap, rules)
    metrics = () if bootstrap is None else tuple(_metrics(answers, bootstrap, rules))
    measured = _slices_of_numbers if answers.is_regression else _slices_of_classes
    return Measurements(comparison, metrics, measured(answers, slices) if slices else ())


def _comparison(answers: Answers, its: Array, bootstrap: Bootstrap | None, rules: GateConfig) -> Comparison:
    evaluation = evaluate(answers.target, answers.truth, its)
    if not answers.is_regression:
        named, named_before = (predicted_classes(answers.target, found) for found in (answers.mine, its))
        right, right_before = named == answers.truth, named_before == answers.truth
        gained, lost = _count(right & ~right_before), _count(~right & right_before)
        return Comparison(evaluation, _count(named != named_before), gained, lost)
    moved = np.abs(answers.mine[:, 0].astype(np.float64) - its[:, 0])
    changed = _count(~(moved <= CHANGED_SHARE * answers.truth.std(dtype=np.float64)))
    return Comparison(evaluation, changed, error_ratio=_error_ratio(answers, its, bootstrap, rules))


def _error_ratio(answers: Answers, its: Array, bootstrap: Bootstrap | None, rules: GateConfig) -> Estimate | None:
    """Root mean square error of the candidate by the champion's, None where one is no number or the latter 0."""
    squares = np.column_stack([_squares(answers.truth, found) for found in (answers.mine, its)])
    means = squares.mean(axis=0)
    if bootstrap is None or not np.isfinite(means).all() or means[1] == 0:
        return None

    def ratio(values: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Array = np.sqrt(values[..., 0] / values[..., 1])
        return found

    interval = bootstrap.interval(squares, ratio, 1 - rules.confidence)
    return None if interval is None else Estimate(float(ratio(means)), *interval)


def _metrics(answers: Answers, bootstrap: Bootstrap, rules: GateConfig) -> list[MetricEvidence]:
    if not rules.metrics:
        return []
    # imports scikit-learn, which takes half a second: only where a config names metrics
    from keepfit.pipeline import metrics  # noqa: PLC0415

    tail, found = 1 - rules.confidence, []
    for name, config in rules.metrics.items():
        mine, its = (
            None
            if predictions is None
            else metrics.measure(name, answers.target, answers.truth, predictions, config.threshold)
            for predictions in (answers.mine, answers.its)
        )
        if mine is None or mine.value is None:
            found.append(MetricEvidence(name, None, problem="" if mine is None else mine.problem))
            continue
        candidate, difference = _estimate(bootstrap, mine, tail), None
        problem = "" if candidate else f"{name} is undefined in most resamplings of so few rows"
        champion = None if its is None else its.value
        if its is not None and its.value is not None:
            difference = _difference(bootstrap, mine, its, tail)
        elif its is not None:
            problem = problem or f"of the served version, {its.problem}"
        found.append(MetricEvidence(name, candidate, champion, difference, problem))
    return found


def _estimate(bootstrap: Bootstrap, measured: Any, tail: float) -> Estimate | None:
    if measured.exact is not None:
        low, high = measured.exact(tail)
        return Estimate(measured.value, low, high, "Clopper–Pearson")
    interval = bootstrap.interval(measured.parts, measured.combine, tail)
    return None if interval is None else Estimate(measured.value, *interval)


def _difference(bootstrap: Bootstrap, mine: Any, its: Any, tail: float) -> Estimate | None:
    width = mine.parts.shape[1]

    def difference(means: Array) -> Array:
        found: Array = mine.combine(means[..., :width]) - its.combine(means[..., width:])
        return found

    interval = bootstrap.interval(np.hstack([mine.parts, its.parts]), difference, tail)
    if interval is None:
        return None
    if interval[0] == interval[1] and mine.counted and its.counted:
        # no row made a difference, so that resampling shows none: that says as much as the rows are many
        rows, critical = min(mine.counted, its.counted), float(ndtri(1 - tail))
        return Estimate(mine.value - its.value, *paired_interval(0, 0, rows, critical), "Tango's score interval")
    return Estimate(mine.value - its.value, *interval)


def _slices_of_classes(answers: Answers, slices: Sequence[Slice]) -> tuple[SliceEvidence, ...]:
    right = predicted_classes(answers.target, answers.mine) == answers.truth
    before = None if answers.its is None else predicted_classes(answers.target, answers.its) == answers.truth
    found = []
    for part in slices:
        rows, mine = _count(part.rows), _count(right & part.rows)
        gained = lost = its = None
        if before is not None:
            gained = _count(right & ~before & part.rows)
            lost = _count(~right & before & part.rows)
            its = mine - gained + lost
        least = part.config.min_accuracy_percent
        found.append(
            SliceEvidence(
                part.name,
                rows,
                part.config.min_rows,
                100 * mine / rows if rows else None,
                None if its is None or not rows else 100 * its / rows,
                least,
                None if least is None else share_is_below(mine, rows, least / 100),
                None if gained is None or lost is None else shown_worse(gained, lost),
                gained,
                lost,
                part.is_optional,
                part.source,
            )
        )
    return tuple(found)


def _slices_of_numbers(answers: Answers, slices: Sequence[Slice]) -> tuple[SliceEvidence, ...]:
    squares = _squares(answers.truth, answers.mine)
    before = None if answers.its is None else _squares(answers.truth, answers.its)
    found = []
    for part in slices:
        mine = squares[part.rows]
        its = None if before is None else before[part.rows]
        most = part.config.max_rmse
        found.append(
            SliceEvidence(
                part.name,
                len(mine),
                part.config.min_rows,
                float(np.sqrt(mine.mean())) if len(mine) else None,
                None if its is None or not len(its) else float(np.sqrt(its.mean())),
                most,
                None if most is None else _is_larger(mine - most**2),
                None if its is None else _is_larger(mine - its),
                optional=part.is_optional,
                source=part.source,
            )
        )
    return tuple(found)


def _count(rows: Array) -> int:
    return int(np.count_nonzero(rows))


def _squares(truth: Array, predictions: Array) -> Array:
    squares: Array = (predictions[:, 0].astype(np.float64) - truth) ** 2
    return squares


def _is_larger(values: Array) -> float:
    """One-sided p value of the t test against "the mean is 0 or less"; small where it seems to be above."""
    if len(values) < 2:
        return 1.0
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    if error == 0 or not np.isfinite(error):
        return 1.0 if float(values.mean()) <= 0 else 0.0
    return float(stdtr(len(values) - 1, -float(values.mean()) / error))
