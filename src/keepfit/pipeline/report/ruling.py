"""The gate's rules as the record tells them, named and grouped for people. Reads metrics.json, older ones too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from keepfit.pipeline.report.wording import quantity, sentence

Outcome = Literal["pass", "fail", "inconclusive"]
OUTCOME_WORDS: dict[Outcome, str] = {"pass": "passed", "fail": "failed", "inconclusive": "cannot tell"}

GOLDEN = "golden"
"""The subject of what is asked of the golden set."""
MAIN = ("min_accuracy_percent", "min_r2", "champion")
"""The rules that every verdict is about: good enough by itself, and beside what is served."""
_OF_GOLDEN = (*MAIN, "finite_predictions")
_DIFFERENCES = ("champion", "metric_against_champion")
_SLICES = ("slice", "slice_disappeared")
_METRICS = {"auc": "Area under ROC", "log_loss": "Log loss", "brier": "Brier score", "ece": "Calibration error",
            "mae": "Mean absolute error", "rmse": "Root mean square error", "r2": "R²"}  # fmt: skip
_COMPARISONS = {"superiority": "Better than", "not_shown_worse": "Not shown worse than"}
_TITLES = {
    "min_accuracy_percent": "Accurate enough",
    "min_r2": "Accurate enough",
    "better_than_trivial": "Better than guessing",
    "finite_predictions": "Finite predictions",
    "metric": "{metric}",
    "metric_against_champion": "{metric} beside {champion}",
    "slice": "Slice {subject}",
    "slice_disappeared": "Slice {subject} still there",
    "signature": "Clients can stay",
    "changed_predictions": "Changed predictions",
    "size": "Size",
    "latency": "Latency",
}


@dataclass(frozen=True)
class Ruling:
    """What one rule found. Numbers are None where the record has none; `direction` is at_least, at_most or above."""

    rule: str
    title: str
    subject: str
    outcome: Outcome
    reason: str
    value: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    method: str = ""
    bound: float | None = None
    direction: str = "at_least"
    rows: int | None = None
    rows_needed: int | None = None
    change: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The outcome in plain words."""
        return OUTCOME_WORDS[self.outcome]

    @property
    def is_difference(self) -> bool:
        """Whether the value is a difference from the served version's, written with its sign."""
        return self.rule in _DIFFERENCES

    @property
    def is_slice(self) -> bool:
        """Whether it judges a part of the holdout."""
        return self.rule in _SLICES

    def says(self, value: float) -> str:
        """A value of this rule with its unit, in as many digits as it takes to read on its side of the bound."""
        return quantity(value, self.unit, () if self.bound is None else (self.bound,), signed=self.is_difference)

    @property
    def limit(self) -> str:
        """The bound in words, "" if there is none."""
        if self.bound is None:
            return ""
        words = {"at_least": "at least", "at_most": "at most", "above": "more than"}.get(self.direction, "bound")
        if self.direction == "above":  # measured, not configured
            return f"{words} {quantity(self.bound, self.unit)}"
        sign = {"percent": " %", "points": " points", "ratio": " times", "ms": " ms"}.get(self.unit, "")
        return f"{words} {self.bound:g}{sign}".replace("-", "−")

    @property
    def sentence(self) -> str:
        """The gate's reason as a sentence; a name of the data or the config at its start stays as it is."""
        is_name = bool(self.subject) and self.reason.startswith(self.subject)
        return f"{self.reason}." if is_name else sentence(self.reason)

    @property
    def interval(self) -> str:
        """The interval in words, "" if there is none."""
        if self.low is None or self.high is None:
            return ""
        named = "interval" if self.confidence is None else f"{100 * self.confidence:g} % interval"
        return f"{named} {self.says(self.low)} to {self.says(self.high)}"


@dataclass(frozen=True)
class Grouped:
    """The rules by what they did: those that decided, those that could not tell either, and those that passed."""

    decided: tuple[Ruling, ...]
    undecided: tuple[Ruling, ...]
    passed: tuple[Ruling, ...]


def rulings_of(verdict: Mapping[str, Any]) -> tuple[Ruling, ...]:
    """The rules in the gate's order; an unknown one gets its own name as title."""
    champion = (verdict.get("champion") or {}).get("version")
    against = "what is served" if champion is None else f"version {champion}"
    return tuple(_ruling(found, against) for found in verdict["rules"])


def completed(
    rulings: Sequence[Ruling], metrics: Mapping[str, Any], fit_interval: tuple[float, float] | None
) -> tuple[Ruling, ...]:
    """Add what the record has elsewhere to the first rule, as older ones do; `fit_interval` is that of R²."""
    return tuple(_completed(ruling, metrics, fit_interval) for ruling in rulings)


def grouped(rulings: Sequence[Ruling], decision: str) -> Grouped:
    """Group them; a promotion rests on the main rules, or on the first."""
    if decision == "PROMOTE":
        decided = [ruling for ruling in rulings if ruling.rule in MAIN] or list(rulings[:1])
    else:
        deciding: Outcome = "fail" if decision == "REJECT" else "inconclusive"
        decided = [ruling for ruling in rulings if ruling.outcome == deciding]
    known = set(map(id, decided))
    rest = [ruling for ruling in rulings if id(ruling) not in known]
    return Grouped(
        tuple(decided),
        tuple(ruling for ruling in rest if ruling.outcome != "pass"),
        tuple(ruling for ruling in rest if ruling.outcome == "pass"),
    )


def metric_title(name: str) -> str:
    """A metric of the config as people call it."""
    return _METRICS.get(name, name.replace("_", " ").capitalize())


def _ruling(found: Mapping[str, Any], against: str) -> Ruling:
    rule, subject = found["rule"], found.get("subject", "")
    interval, bound = found.get("interval") or {}, found.get("bound") or {}
    reason: str = found["reason"]
    return Ruling(
        rule=rule,
        title=_title(found, against),
        subject=subject,
        outcome=found.get("outcome", "pass" if found.get("passed") else "fail"),
        # the title says it already
        reason=reason.removeprefix(f"{subject}: ") if subject else reason,
        value=found.get("value"),
        unit=found.get("unit", ""),
        low=interval.get("low"),
        high=interval.get("high"),
        confidence=interval.get("confidence"),
        method=interval.get("method", ""),
        bound=bound.get("value"),
        direction=bound.get("direction", "at_least"),
        rows=found.get("rows"),
        rows_needed=found.get("rows_needed"),
        change=found.get("change", ""),
        details=found.get("details") or {},
    )


def _completed(ruling: Ruling, metrics: Mapping[str, Any], fit_interval: tuple[float, float] | None) -> Ruling:
    found, gate = metrics["evaluation"], metrics["config"]["gate"]
    if ruling.rule == "min_accuracy_percent" and ruling.value is None:
        return replace(
            ruling, value=found["accuracy_percent"], unit="percent", bound=gate["min_accuracy_percent"],
            low=found["accuracy_low_percent"], high=found["accuracy_high_percent"], confidence=0.95,
            method="Clopper–Pearson", rows=found["rows"],
        )  # fmt: skip
    if ruling.rule == "min_r2" and ruling.low is None and fit_interval is not None:
        low, high = fit_interval
        return replace(
            ruling, value=found.get("r2"), bound=gate["min_r2"], low=low, high=high, confidence=0.95,
            method="delta method, approximate", rows=found["rows"],
        )  # fmt: skip
    return ruling


def _title(found: Mapping[str, Any], against: str) -> str:
    if found.get("subject") == GOLDEN and found["rule"] in _OF_GOLDEN:
        return f"{_title({**found, 'subject': ''}, against)} on the golden set"
    rule, subject = found["rule"], found.get("subject", "")
    if rule == "champion":
        test = (found.get("details") or {}).get("test", "")
        return f"{_COMPARISONS.get(test, 'As good as')} {against}"
    pattern = _TITLES.get(rule)
    if pattern is None:
        name = rule.replace("_", " ").capitalize()
        return f"{name} ({subject})" if subject else name
    return pattern.format(subject=subject, champion=against, metric=metric_title(subject))
