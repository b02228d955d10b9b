"""What a candidate must reach whatever is served: a least accuracy or R², more than guessing, numbers for answers."""

import math

from scipy.special import ndtri

from keepfit.config import GateConfig
from keepfit.pipeline.evaluate import CONFIDENCE, Evaluation
from keepfit.pipeline.gate.verdict import Bound, Interval, Outcome, RuleResult
from keepfit.pipeline.gate.wording import beside, number, wanted
from keepfit.pipeline.statistics import clopper_pearson, rows_to_tell

_EXACT = "Clopper–Pearson"


def least(evaluation: Evaluation, rules: GateConfig) -> RuleResult:
    """The measured accuracy, or R², is at least the configured one; if `strict`, the lower bound of it is."""
    if evaluation.accuracy_percent is None or evaluation.correct is None:
        return _least_r2(evaluation, rules)
    if rules.strict:
        return _strict_accuracy(evaluation.correct, evaluation.rows, rules)
    found, required = evaluation.accuracy_percent, rules.min_accuracy_percent
    passed = found >= required
    low, high = evaluation.accuracy_low_percent or 0.0, evaluation.accuracy_high_percent or 100.0
    shown = f"95 % interval {low:.2f} to {high:.2f}, {evaluation.rows:,} rows"
    return RuleResult(
        "min_accuracy_percent",
        "pass" if passed else "fail",
        f"accuracy {beside(found, [required])} % {_sign(passed)} {required:g} % ({shown})",
        value=found,
        unit="percent",
        interval=Interval(low, high, CONFIDENCE, _EXACT),
        bound=Bound(required, "at_least"),
        rows=evaluation.rows,
        change="" if passed else f"an accuracy of {required:g} % or more",
    )


def better_than_trivial(evaluation: Evaluation, rules: GateConfig) -> RuleResult:
    """Better than always naming the holdout's commonest class, or its mean; if `strict`, shown to be so."""
    if evaluation.accuracy_percent is None or evaluation.trivial_percent is None or evaluation.correct is None:
        found, trivial, unit, low = evaluation.r2, 0.0, "", None
        against = "always the mean"
    else:
        found, trivial, unit = evaluation.accuracy_percent, evaluation.trivial_percent, "percent"
        against = f"always the commonest class ({trivial:.2f} %)"
        low = 100 * clopper_pearson(evaluation.correct, evaluation.rows, 2 * rules.confidence - 1)[0]
    outcome: Outcome = "pass" if found is not None and found > trivial else "fail"
    if outcome == "pass" and rules.strict and low is not None and low <= trivial:
        outcome = "inconclusive"
    words = {"pass": "better", "fail": "no better", "inconclusive": "not shown to be better"}[outcome]
    return RuleResult(
        "better_than_trivial",
        outcome,
        f"{words} than {against}",
        value=found,
        unit=unit,
        bound=Bound(trivial, "above"),
        rows=evaluation.rows,
        change="" if outcome == "pass" else f"more than {against} reaches",
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


def _strict_accuracy(correct: int, rows: int, rules: GateConfig) -> RuleResult:
    required, confidence = rules.min_accuracy_percent, round(2 * rules.confidence - 1, 9)
    low, high = (100 * end for end in clopper_pearson(correct, rows, confidence))
    found = 100 * correct / rows
    outcome: Outcome = "pass" if low >= required else "fail" if high < required else "inconclusive"
    shown = f"accuracy {found:.2f} %, {100 * confidence:g} % interval {beside(low, [required])} to "
    shown += f"{beside(high, [required])}, {rows:,} rows"
    words = {
        "pass": f"shown to reach {required:g} %",
        "fail": f"shown to miss {required:g} %",
        "inconclusive": f"not shown to reach {required:g} %",
    }[outcome]
    needed = None
    if outcome == "inconclusive":
        share = (correct + 1) / (rows + 2)
        needed = rows_to_tell(share * (1 - share), abs(found - required) / 100, float(ndtri(rules.confidence)))
        needed = None if needed is None else max(needed, rows + 1)
    change = {
        "pass": "",
        "fail": f"an accuracy above {required:g} %",
        "inconclusive": f"{wanted(needed)}; or gate.min_accuracy_percent: {math.floor(10 * low) / 10:g} or less",
    }[outcome]
    return RuleResult(
        "min_accuracy_percent",
        outcome,
        f"{words}: {shown}",
        value=found,
        unit="percent",
        interval=Interval(low, high, confidence, _EXACT),
        bound=Bound(required, "at_least"),
        rows=rows,
        rows_needed=needed,
        change=change,
    )


def _least_r2(evaluation: Evaluation, rules: GateConfig) -> RuleResult:
    required = rules.min_r2
    found = evaluation.r2 if evaluation.r2 is not None else float("-inf")
    passed = found >= required
    return RuleResult(
        "min_r2",
        "pass" if passed else "fail",
        f"R² {number(found, [required])} {_sign(passed)} {required:g}",
        value=evaluation.r2,
        bound=Bound(required, "at_least"),
        rows=evaluation.rows,
        change="" if passed else f"an R² of {required:g} or more",
    )


def _sign(passed: bool) -> str:
    return "≥" if passed else "<"
