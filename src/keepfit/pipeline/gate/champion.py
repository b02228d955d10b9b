"""Champion against challenger on the same holdout rows: no worse than a margin, better, or not shown to be worse."""

from dataclasses import replace

from scipy.special import ndtri

from keepfit.config import ChampionConfig, GateConfig
from keepfit.pipeline.gate.evidence import Champion, Comparison, Evidence
from keepfit.pipeline.gate.verdict import Bound, Interval, Outcome, RuleResult
from keepfit.pipeline.gate.wording import interval as shown_interval
from keepfit.pipeline.gate.wording import rows as shown_rows
from keepfit.pipeline.gate.wording import signed, wanted
from keepfit.pipeline.statistics import critical_value, mcnemar, paired_interval, rows_to_tell, shown_worse

_POWER = 0.8
_BOOTSTRAP = "paired bootstrap, BCa"
_SCORE = "Tango's score interval, held to its level"


def against_champion(evidence: Evidence, rules: GateConfig) -> list[RuleResult]:
    """The comparison with the served version; none if nothing is served, or if the config does not ask for it.

    One that cannot be compared with is told even then: margins of metrics, slices and behaviour are held against it.
    """
    champion, config = evidence.champion, rules.champion
    if champion is None:
        return []
    if champion.comparison is None:
        return [_not_compared(champion, config, new_schema=evidence.new_schema)]
    if config.test == "off":
        return []
    if evidence.candidate.correct is None:
        result = _regression(evidence.candidate.rows, champion.version, champion.comparison, rules)
    else:
        result = _classification(evidence.candidate.rows, champion.version, champion.comparison, rules)
    return [_with_leak(result, champion)]


def _not_compared(champion: Champion, config: ChampionConfig, *, new_schema: bool) -> RuleResult:
    if champion.mismatch and new_schema:
        reason = f"not compared with version {champion.version}, as --new-schema accepts: {champion.mismatch}"
        return RuleResult("champion", "pass", reason)
    why = champion.problem or champion.mismatch
    if config.unusable == "ignore":
        return RuleResult("champion", "pass", f"not compared with version {champion.version}, as configured: {why}")
    return RuleResult(
        "champion",
        "inconclusive",
        f"version {champion.version} cannot be compared with: {why}",
        change=f"`keepfit rollback` takes version {champion.version} out, so that the one before is compared with; "
        'or "unusable": "ignore" in gate.champion',
    )


def _classification(rows: int, version: int, comparison: Comparison, rules: GateConfig) -> RuleResult:
    gained, lost, level = comparison.gained, comparison.lost, 1 - rules.confidence
    config, margin = rules.champion, rules.champion.margin_points / 100
    critical = critical_value(rows, margin, level)
    low, high = (100 * end for end in paired_interval(gained, lost, rows, critical))
    found, required = 100 * (gained - lost) / rows, -config.margin_points
    p_worse, p_better = shown_worse(gained, lost), shown_worse(lost, gained)
    details = {
        "gained": gained,
        "lost": lost,
        "changed": comparison.changed,
        "mcnemar_p": mcnemar(gained, lost),
        "shown_worse_p": p_worse,
        "shown_better_p": p_better,
        "test": config.test,
        "critical_value": critical,
    }
    outcome, bound = _standing(config, low, high, required, is_shown_worse=p_worse < level)
    if config.test == "superiority":
        outcome = "pass" if p_better < level else "fail" if p_worse < level else "inconclusive"
    needed = None
    if outcome == "inconclusive" and bound is not None:
        differing = (gained + lost + 1) / (rows + 1)
        needed = rows_to_tell(differing, abs(found - bound.value) / 100, critical, _POWER)
        needed = None if needed is None else max(needed, rows + 1)
    confidence = round(2 * rules.confidence - 1, 9)
    shown = shown_interval(low, high, confidence)
    numbers = f"{signed(found, [required])} points ({shown}, {shown_rows(rows)}, {gained + lost:,} decided otherwise)"
    return RuleResult(
        "champion",
        outcome,
        f"{_words(config, outcome, version, rows, f'{config.margin_points:g} points')}: {numbers}",
        value=found,
        unit="points",
        interval=Interval(low, high, confidence, _SCORE),
        bound=bound,
        rows=rows,
        rows_needed=needed,
        change=_change(config, outcome, needed, -low, "margin_points"),
        details=details,
    )


def _regression(rows: int, version: int, comparison: Comparison, rules: GateConfig) -> RuleResult:
    config, ratio = rules.champion, comparison.error_ratio
    if ratio is None:
        return RuleResult(
            "champion", "inconclusive", f"the error of version {version} is 0 or no number: there is nothing to compare"
        )
    found, low, high = (100 * (end - 1) for end in (ratio.value, ratio.low, ratio.high))
    # a larger error is worse: the same rules, seen from the other side
    outcome, gain = _standing(config, -high, -low, -config.margin_percent, is_shown_worse=low > 0)
    required = config.margin_percent if gain is None else -gain.value
    needed = None
    if outcome == "inconclusive" and found != required:
        end = high if found < required else low
        stretch = 1 + float(ndtri(_POWER)) / float(ndtri(rules.confidence))
        needed = int(rows * (stretch * (end - found) / (required - found)) ** 2) + 1
        needed = max(needed, rows + 1) if needed < 1e9 else None
    confidence = round(2 * rules.confidence - 1, 9)
    numbers = (
        f"its error is {signed(found, [required])} % ({shown_interval(low, high, confidence)}, {shown_rows(rows)})"
    )
    return RuleResult(
        "champion",
        outcome,
        f"{_words(config, outcome, version, rows, f'{config.margin_percent:g} % of its error')}: {numbers}",
        value=found,
        unit="percent",
        interval=Interval(low, high, confidence, _BOOTSTRAP),
        bound=None if gain is None else Bound(required, "at_most"),
        rows=rows,
        rows_needed=needed,
        change=_change(config, outcome, needed, high, "margin_percent"),
        details={"error_ratio": ratio.value, "changed": comparison.changed, "test": config.test},
    )


def _standing(
    config: ChampionConfig, low: float, high: float, required: float, *, is_shown_worse: bool
) -> tuple[Outcome, Bound | None]:
    """The outcome for a gain between low and high, and what the gain is held against, None if a p value decides."""
    if config.test == "not_shown_worse":
        return ("fail" if is_shown_worse else "pass"), None
    if config.test == "superiority":
        return ("pass" if low > 0 else "fail" if high < 0 else "inconclusive"), Bound(0.0, "above")
    return ("pass" if low >= required else "fail" if high < required else "inconclusive"), Bound(required, "at_least")


def _words(config: ChampionConfig, outcome: Outcome, version: int, rows: int, margin: str) -> str:
    against = f"version {version}"
    if config.test == "not_shown_worse":
        return f"shown to be worse than {against}" if outcome == "fail" else f"not shown to be worse than {against}"
    if config.test == "superiority":
        return {
            "pass": f"shown to be better than {against}",
            "fail": f"shown to be worse than {against}",
            "inconclusive": f"{shown_rows(rows)} do not show it to be better than {against}",
        }[outcome]
    return {
        "pass": f"no worse than {against} by more than {margin}",
        "fail": f"worse than {against} by more than {margin}",
        "inconclusive": f"{shown_rows(rows)} cannot tell whether it is worse than {against} by more than {margin}",
    }[outcome]


def _change(config: ChampionConfig, outcome: Outcome, needed: int | None, loss: float, key: str) -> str:
    if outcome == "pass":
        return ""
    if outcome == "fail":
        return "a better model"
    if config.test == "superiority":
        return wanted(needed)
    return f'{wanted(needed)}; or gate.champion: "{key}": {loss:.2g} or more, or "test": "not_shown_worse"'


def _with_leak(result: RuleResult, champion: Champion) -> RuleResult:
    """A champion that saw the rows looks better than it is: what passes all the same stands, and nothing else does."""
    if not champion.leak or result.passed:
        return result
    return replace(
        result,
        outcome="inconclusive",
        reason=f"{result.reason}; but version {champion.version} may look better than it is, for {champion.leak}",
        change="`keepfit promote` by a person, once: from then on both are judged on rows that neither has seen",
    )
