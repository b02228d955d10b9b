"""The gate: whether a candidate is good enough. Pure; no clock, disk, network or logger."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from keepfit.config import GateConfig
from keepfit.pipeline.evaluate import Evaluation

Decision = Literal["PROMOTE", "REJECT"]


@dataclass(frozen=True)
class RuleResult:
    """What one rule found, with the sentence that says why."""

    rule: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The decision, with each rule's result."""

    decision: Decision
    rules: tuple[RuleResult, ...]

    @property
    def promotes(self) -> bool:
        """Whether the candidate may be served."""
        return self.decision == "PROMOTE"

    @property
    def reason(self) -> str:
        """The failed rules' sentences, or that of the first rule, the one which is configured, if none failed."""
        failed = [result.reason for result in self.rules if not result.passed]
        return "; ".join(failed or [self.rules[0].reason])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"decision": self.decision, "reason": self.reason, "rules": [asdict(rule) for rule in self.rules]}


def decide(evaluation: Evaluation, rules: GateConfig) -> Verdict:
    """Judge a candidate: PROMOTE if every rule passes, else REJECT, with the reason of each rule."""
    results = (_least(evaluation, rules), _better_than_trivial(evaluation), _finite(evaluation))
    return Verdict("PROMOTE" if all(result.passed for result in results) else "REJECT", results)


def _least(evaluation: Evaluation, rules: GateConfig) -> RuleResult:
    if evaluation.accuracy_percent is None:
        r2 = evaluation.r2 if evaluation.r2 is not None else float("-inf")
        passed = r2 >= rules.min_r2
        return RuleResult("min_r2", passed, f"R² {r2:.4f} {_sign(passed)} {rules.min_r2:g}")
    passed = evaluation.accuracy_percent >= rules.min_accuracy_percent
    shown = _percent(evaluation.accuracy_percent, rules.min_accuracy_percent)
    interval = f"95 % interval {evaluation.accuracy_low_percent:.2f} to {evaluation.accuracy_high_percent:.2f}"
    reason = (
        f"accuracy {shown} % {_sign(passed)} {rules.min_accuracy_percent:g} % ({interval}, {evaluation.rows:,} rows)"
    )
    return RuleResult("min_accuracy_percent", passed, reason)


def _better_than_trivial(evaluation: Evaluation) -> RuleResult:
    if evaluation.accuracy_percent is None or evaluation.trivial_percent is None:
        r2 = evaluation.r2 if evaluation.r2 is not None else float("-inf")
        return RuleResult("better_than_trivial", r2 > 0, f"{'better' if r2 > 0 else 'no better'} than always the mean")
    passed = evaluation.accuracy_percent > evaluation.trivial_percent
    word = "better" if passed else "no better"
    return RuleResult(
        "better_than_trivial", passed, f"{word} than always the commonest class ({evaluation.trivial_percent:.2f} %)"
    )


def _finite(evaluation: Evaluation) -> RuleResult:
    reason = "all predictions are numbers" if evaluation.finite else "some predictions are not finite numbers"
    return RuleResult("finite_predictions", evaluation.finite, reason)


def _percent(value: float, bound: float) -> str:
    """Two decimals, or as many as it takes to show on which side of the bound the value lies."""
    for digits in range(2, 8):
        text = f"{value:.{digits}f}"
        if (float(text) >= bound) == (value >= bound):
            return text
    return repr(value)


def _sign(passed: bool) -> str:
    return "≥" if passed else "<"
