"""Parts of the holdout judged by themselves, with Holm's correction for looking at so many of them."""

from collections.abc import Sequence

from keepfit.config import GateConfig
from keepfit.holm import holm
from keepfit.pipeline.gate.evidence import Evidence, SliceEvidence
from keepfit.pipeline.gate.verdict import Bound, RuleResult
from keepfit.pipeline.gate.wording import number, rows
from keepfit.pipeline.statistics import clopper_pearson


def judged_slices(evidence: Evidence, rules: GateConfig) -> list[RuleResult]:
    """One result a slice. A slice fails if it is shown to be bad: all of them together err in at most 5 % of looks."""
    large = [part for part in evidence.slices if part.rows >= part.min_rows]
    below = [part.below for part in large if part.below is not None]
    worse = [part.worse for part in large if part.worse is not None]
    adjusted = iter(holm([*below, *worse]))
    below_of = {part.name: next(adjusted) for part in large if part.below is not None}
    worse_of = {part.name: next(adjusted) for part in large if part.worse is not None}
    is_regression = evidence.candidate.correct is None
    results = [
        _judged(part, below_of.get(part.name, 1.0), worse_of.get(part.name, 1.0), len(below), rules, is_regression)
        if part.rows >= part.min_rows
        else _too_few(part)
        for part in evidence.slices
    ]
    return [*results, *_disappeared(evidence)]


def _judged(
    part: SliceEvidence, below: float, worse: float, bounded: int, rules: GateConfig, is_regression: bool
) -> RuleResult:
    level = 1 - rules.confidence
    value = _value(part, is_regression)
    bound = None if part.bound is None else Bound(part.bound, "at_most" if is_regression else "at_least")
    limit = "" if part.bound is None else f"{part.bound:g}{'' if is_regression else ' %'}"
    outcome, reason, change = "pass", f"{part.name}: {value}, {rows(part.rows)}", ""
    if below < level:
        side = "above" if is_regression else "below"
        outcome, reason = "fail", f"{part.name}: {value} is shown to lie {side} {limit} ({_adjusted(below, part)})"
        change = f"a model that reaches {limit} on {part.name}"
    elif worse < level:
        outcome = "fail"
        reason = f"{part.name}: {value} is shown to be worse than the served version's ({_adjusted(worse, part)})"
        change = f"a model that is as good as the served version on {part.name}"
    elif rules.strict and part.bound is not None and not _is_shown_to_reach(part, level / bounded, is_regression):
        outcome, reason = "inconclusive", f"{part.name}: {value} is not shown to reach {limit}, {rows(part.rows)}"
        change = f"more holdout rows of {part.name}"
    return RuleResult(
        "slice",
        outcome,  # type: ignore[arg-type]  # mypy takes the first assignment of a chain for its type
        reason,
        subject=part.name,
        value=part.value,
        unit="" if is_regression else "percent",
        bound=bound,
        rows=part.rows,
        change=change,
        details=_details(part, below, worse),
    )


def _too_few(part: SliceEvidence) -> RuleResult:
    found = "no row" if part.rows == 0 else f"only {rows(part.rows)}"
    if part.optional:
        return RuleResult("slice", "pass", f"{part.name}: {found}, not judged", subject=part.name, rows=part.rows)
    return RuleResult(
        "slice",
        "inconclusive",
        f"{part.name}: {found} where {part.min_rows:,} are needed to judge",
        subject=part.name,
        value=part.value,
        rows=part.rows,
        rows_needed=part.min_rows,
        change=f'{part.min_rows:,} holdout rows of {part.name}, a smaller "min_rows", or "optional": true',
    )


def _disappeared(evidence: Evidence) -> list[RuleResult]:
    """Slices that the served version was judged on and that have no row today."""
    present = {part.name for part in evidence.slices if part.rows > 0}
    known = evidence.champion.slices if evidence.champion else ()
    return [
        RuleResult(
            "slice_disappeared",
            "fail",
            f"{name}: no row of the holdout is of this slice, on which version {evidence.champion.version} was judged",
            subject=name,
            rows=0,
            change=f"data with {name} again; or, if it is gone for good, --new-schema once",
        )
        for name in known
        if evidence.champion and name not in present and not evidence.new_schema
    ]


def _value(part: SliceEvidence, is_regression: bool) -> str:
    if part.value is None:
        return "no value"
    if is_regression:
        before = "" if part.champion is None else f" (version before: {number(part.champion)})"
        return f"RMSE {number(part.value)}{before}"
    before = "" if part.champion is None else f" (version before: {part.champion:.2f} %)"
    return f"accuracy {part.value:.2f} %{before}"


def _is_shown_to_reach(part: SliceEvidence, level: float, is_regression: bool) -> bool:
    if is_regression or part.value is None or part.bound is None:
        return part.value is not None and part.bound is not None and part.value <= part.bound
    low, _ = clopper_pearson(round(part.value * part.rows / 100), part.rows, 1 - 2 * level)
    return 100 * low >= part.bound


def _adjusted(p_value: float, part: SliceEvidence) -> str:
    return f"p {p_value:.2g} after Holm's correction, {rows(part.rows)}"


def _details(part: SliceEvidence, below: float, worse: float) -> dict[str, float | int | None]:
    return {
        "champion": part.champion,
        "gained": part.gained,
        "lost": part.lost,
        "p_below": None if part.below is None else below,
        "p_worse": None if part.worse is None else worse,
    }


def slice_lines(parts: Sequence[SliceEvidence]) -> tuple[dict[str, float | int | str | bool | None], ...]:
    """The measured slices, JSON-ready, for the record and the next comparison."""
    return tuple(
        {
            "name": part.name,
            "rows": part.rows,
            "value": part.value,
            "champion": part.champion,
            "gained": part.gained,
            "lost": part.lost,
            "bound": part.bound,
            "judged": part.rows >= part.min_rows,
            "optional": part.optional,
            "source": part.source,
        }
        for part in parts
    )
