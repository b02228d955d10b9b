"""The metrics that a config names: a least or a largest value each, and how much worse than the champion's."""

from keepfit.config import GateConfig, MetricConfig
from keepfit.pipeline.gate.evidence import Estimate, Evidence, MetricEvidence
from keepfit.pipeline.gate.verdict import Bound, Direction, Interval, Outcome, RuleResult
from keepfit.pipeline.gate.wording import number, signed

LARGER_IS_BETTER: dict[str, bool] = {
    "auc": True,
    "f1": True,
    "precision": True,
    "recall": True,
    "log_loss": False,
    "brier": False,
    "ece": False,
    "mae": False,
    "rmse": False,
    "r2": True,
}


def named_metrics(evidence: Evidence, rules: GateConfig) -> list[RuleResult]:
    """One result for each bound of each configured metric."""
    results = []
    for found in evidence.metrics:
        config = next(config for name, config in rules.metrics.items() if name == found.name)
        rows = evidence.candidate.rows
        if config.min is not None:
            results.append(_bounded(found, Bound(config.min, "at_least"), rows, rules))
        if config.max is not None:
            results.append(_bounded(found, Bound(config.max, "at_most"), rows, rules))
        is_compared = evidence.champion is not None and evidence.champion.comparison is not None
        if config.margin is not None and is_compared:
            results.append(_compared(found, config, rows, rules))
    return results


def _bounded(found: MetricEvidence, bound: Bound, rows: int, rules: GateConfig) -> RuleResult:
    if found.candidate is None:
        return _undefined("metric", found, rows)
    estimate = found.candidate
    outcome = _strict(estimate, bound) if rules.strict else _point(estimate.value, bound)
    sign = {"pass": {"at_least": "≥", "at_most": "≤"}, "fail": {"at_least": "<", "at_most": ">"}}
    limit = f"{bound.value:g}".replace("-", "−")
    shown = f"{100 * (2 * rules.confidence - 1):g} % interval {number(estimate.low)} to {number(estimate.high)}"
    value = f"{found.name} {number(estimate.value, [bound.value])}"
    if outcome == "inconclusive":
        reason = f"{value} may lie on either side of {limit} ({shown})"
    else:
        reason = f"{value} {sign[outcome][bound.direction]} {limit} ({shown})"
    needed = _rows_needed(estimate, bound.value, rows) if outcome == "inconclusive" else None
    least = "or more" if bound.direction == "at_least" else "or less"
    return RuleResult(
        "metric",
        outcome,
        reason,
        subject=found.name,
        value=estimate.value,
        interval=_interval(estimate, rules),
        bound=bound,
        rows=rows,
        rows_needed=needed,
        change="" if outcome == "pass" else f"{found.name} of {limit} {least}",
    )


def _compared(found: MetricEvidence, config: MetricConfig, rows: int, rules: GateConfig) -> RuleResult:
    difference, margin = found.difference, config.margin or 0.0
    if difference is None:
        return _undefined("metric_against_champion", found, rows)
    larger = LARGER_IS_BETTER[found.name]
    bound = Bound(-margin, "at_least") if larger else Bound(margin, "at_most")
    outcome = _strict(difference, bound)
    words = {"pass": "no worse", "fail": "worse", "inconclusive": "not shown to be no worse"}[outcome]
    shown = f"{100 * (2 * rules.confidence - 1):g} % interval {signed(difference.low, (), 4)} to "
    return RuleResult(
        "metric_against_champion",
        outcome,
        f"{found.name} is {words} than the served version's by more than {margin:g}: "
        f"{signed(difference.value, [bound.value], 4)} ({shown}{signed(difference.high, (), 4)})",
        subject=found.name,
        value=difference.value,
        interval=_interval(difference, rules),
        bound=bound,
        rows=rows,
        rows_needed=_rows_needed(difference, bound.value, rows) if outcome == "inconclusive" else None,
        change="" if outcome == "pass" else f"more holdout rows, or a larger gate.metrics.{found.name}.margin",
        details={"candidate": None if found.candidate is None else found.candidate.value, "champion": found.champion},
    )


def _undefined(rule: str, found: MetricEvidence, rows: int) -> RuleResult:
    change = "a holdout on which the metric is defined, or another metric"
    return RuleResult(rule, "inconclusive", found.problem, subject=found.name, rows=rows, change=change)


def _point(value: float, bound: Bound) -> Outcome:
    return "pass" if _keeps(value, bound.value, bound.direction) else "fail"


def _strict(estimate: Estimate, bound: Bound) -> Outcome:
    """By the whole interval: pass if all of it keeps the bound, fail if none of it does."""
    ends = [_keeps(end, bound.value, bound.direction) for end in (estimate.low, estimate.high)]
    return "pass" if all(ends) else "inconclusive" if any(ends) else "fail"


def _keeps(value: float, bound: float, direction: Direction) -> bool:
    return value >= bound if direction == "at_least" else value <= bound


def _interval(estimate: Estimate, rules: GateConfig) -> Interval:
    return Interval(estimate.low, estimate.high, round(2 * rules.confidence - 1, 9), estimate.method)


def _rows_needed(estimate: Estimate, bound: float, rows: int) -> int | None:
    """Rows with which the interval, which shrinks with their square root, would not reach the bound."""
    if estimate.value == bound:
        return None
    end = estimate.low if estimate.value > bound else estimate.high
    needed = rows * ((end - estimate.value) / (bound - estimate.value)) ** 2
    return max(int(needed) + 1, rows + 1) if needed < 1e9 else None
