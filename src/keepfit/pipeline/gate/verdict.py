"""What the gate answers: a decision, and each rule's result with its numbers. Knows nothing of how they came about."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Decision = Literal["PROMOTE", "REJECT", "INCONCLUSIVE"]
Outcome = Literal["pass", "fail", "inconclusive"]
Direction = Literal["at_least", "at_most", "above"]


@dataclass(frozen=True)
class Interval:
    """Where the true value lies with the given confidence (0 to 1); an end that is not known is None."""

    low: float | None
    high: float | None
    confidence: float
    method: str


@dataclass(frozen=True)
class Bound:
    """What a value is held against: it must be at least, at most, or above it."""

    value: float
    direction: Direction


@dataclass(frozen=True)
class RuleResult:
    """What one rule found.

    `subject` is what the rule looks at where there are several: a metric, a slice. `unit` is that of value, interval
    and bound: "percent", "points" (differences of percentages), "ratio", "ms", "bytes" or "" for bare numbers.
    `reason` is one sentence with the numbers. `rows_needed` is how many rows it would take to tell, where the outcome
    is inconclusive for want of rows; `change` is what would change the outcome, "" where the rule passed.
    `details` are the numbers behind it, JSON-ready.
    """

    rule: str
    outcome: Outcome
    reason: str
    subject: str = ""
    value: float | None = None
    unit: str = ""
    interval: Interval | None = None
    bound: Bound | None = None
    rows: int | None = None
    rows_needed: int | None = None
    change: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the rule has nothing against the candidate."""
        return self.outcome == "pass"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `passed` stands there for readers of older records."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True)
class Verdict:
    """The decision, and what it rests on.

    `champion` says which version the candidate was compared with and what both reached, None if nothing is served.
    `slices` are the measured slices, `holdout` and `golden` how often these rows were used, `warnings` what a person
    should hear.
    """

    rules: tuple[RuleResult, ...]
    champion: Mapping[str, Any] | None = None
    slices: tuple[Mapping[str, Any], ...] = ()
    holdout: Mapping[str, Any] = field(default_factory=dict)
    golden: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision:
        """REJECT if a rule failed, else INCONCLUSIVE if one could not tell, else PROMOTE."""
        outcomes = {result.outcome for result in self.rules}
        if "fail" in outcomes:
            return "REJECT"
        return "PROMOTE" if outcomes == {"pass"} else "INCONCLUSIVE"

    @property
    def promotes(self) -> bool:
        """Whether the candidate may be served."""
        return self.decision == "PROMOTE"

    @property
    def reason(self) -> str:
        """The sentences of the rules that decided; of a promotion the first rule's and the champion's."""
        if self.promotes:
            return "; ".join(result.reason for result in self.rules if result is self.rules[0] or _is_main(result))
        deciding: Outcome = "fail" if self.decision == "REJECT" else "inconclusive"
        return "; ".join(result.reason for result in self.rules if result.outcome == deciding)

    @property
    def change(self) -> str:
        """What would change the decision, "" for a promotion."""
        deciding: Outcome = "fail" if self.decision == "REJECT" else "inconclusive"
        return "; ".join(dict.fromkeys(r.change for r in self.rules if r.outcome == deciding and r.change))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "decision": self.decision,
            "reason": self.reason,
            "change": self.change,
            "rules": [result.to_dict() for result in self.rules],
            "champion": self.champion,
            "slices": list(self.slices),
            "holdout": dict(self.holdout),
            "golden": dict(self.golden),
            "warnings": list(self.warnings),
        }


def _is_main(result: RuleResult) -> bool:
    return result.rule == "champion" and not result.subject
