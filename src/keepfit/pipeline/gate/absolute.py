"""What a candidate must reach whatever is served: a least accuracy or R², more than guessing, numbers for answers."""

from keepfit.config import GateConfig
from keepfit.pipeline.evaluate import CONFIDENCE, Evaluation
from keepfit.pipeline.gate.verdict import Bound, Interval, RuleResult


def least(evaluation: Evaluation, rules: GateConfig) -> RuleResult:
    """The point gate: the measured accuracy, or R², is at least the configured one."""
    if evaluation.accuracy_percent is None:
        return _least_r2(evaluation, rules.min_r2)
    found, required = evaluation.accuracy_percent, rules.min_accuracy_percent
    passed = found >= required
    interval = Interval(
        evaluation.accuracy_low_percent, evaluation.accuracy_high_percent, CONFIDENCE, "Clopper–Pearson"
    )
    shown = f"95 % interval {interval.low:.2f} to {interval.high:.2f}"
    return RuleResult(
        "min_accuracy_percent",
        "pass" if passed else "fail",
        f"accuracy {_percent(found, required)} % {_sign(passed)} {required:g} % ({shown}, {evaluation.rows:,} rows)",
        value=found,
        unit="percent",
        interval=interval,
        bound=Bound(required, "at_least"),
        rows=evaluation.rows,
        change="" if passed else f"an accuracy of {required:g} % or more",
    )


def better_than_trivial(evaluation: Evaluation) -> RuleResult:
    """Better than always naming the holdout's commonest class, or its mean."""
    if evaluation.accuracy_percent is None or evaluation.trivial_percent is None:
        found, trivial, unit = evaluation.r2, 0.0, ""
        word, against = "R²", "always the mean"
    else:
        found, trivial, unit = evaluation.accuracy_percent, evaluation.trivial_percent, "percent"
        word, against = "accuracy", f"always the commonest class ({trivial:.2f} %)"
    passed = found is not None and found > trivial
    return RuleResult(
        "better_than_trivial",
        "pass" if passed else "fail",
        f"{'better' if passed else 'no better'} than {against}",
        value=found,
        unit=unit,
        bound=Bound(trivial, "above"),
        rows=evaluation.rows,
        change="" if passed else f"{word} above that of {against}",
    )


def finite(evaluation: Evaluation) -> RuleResult:
    """No prediction is NaN or infinite."""
    passed = evaluation.finite
    return RuleResult(
        "finite_predictions",
        "pass" if passed else "fail",
        "all predictions are numbers" if passed else "some predictions are not finite numbers",
        rows=evaluation.rows,
        change="" if passed else "a finite number for every row",
    )


def _least_r2(evaluation: Evaluation, required: float) -> RuleResult:
    found = evaluation.r2 if evaluation.r2 is not None else float("-inf")
    passed = found >= required
    return RuleResult(
        "min_r2",
        "pass" if passed else "fail",
        f"R² {found:.4f} {_sign(passed)} {required:g}",
        value=evaluation.r2,
        bound=Bound(required, "at_least"),
        rows=evaluation.rows,
        change="" if passed else f"an R² of {required:g} or more",
    )


def _percent(value: float, bound: float) -> str:
    """Two decimals, or as many as it takes to show on which side of the bound the value lies."""
    for digits in range(2, 8):
        text = f"{value:.{digits}f}"
        if (float(text) >= bound) == (value >= bound):
            return text
    return repr(value)


def _sign(passed: bool) -> str:
    return "≥" if passed else "<"
