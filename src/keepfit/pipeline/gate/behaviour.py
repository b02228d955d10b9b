"""What a candidate must have in common with the served version, beside being right: form, answers, size, speed."""

from keepfit.config import BehaviourConfig
from keepfit.pipeline.gate.evidence import Champion, Evidence
from keepfit.pipeline.gate.verdict import Bound, Outcome, RuleResult


def alike(evidence: Evidence, config: BehaviourConfig) -> list[RuleResult]:
    """Signature, changed predictions, size and latency; nothing if nothing is served."""
    champion = evidence.champion
    if champion is None:
        return []
    results = [_signature(champion, new_schema=evidence.new_schema)]
    if champion.comparison is not None:
        results += _changed(evidence, champion, config)
    if champion.footprint is not None and evidence.footprint is not None:
        results += _costs(evidence, champion, config)
    return results


def _signature(champion: Champion, *, new_schema: bool) -> RuleResult:
    if not champion.mismatch:
        return RuleResult("signature", "pass", f"clients of version {champion.version} can stay as they are")
    if new_schema:
        reason = f"clients of version {champion.version} have to change, as --new-schema accepts: {champion.mismatch}"
        return RuleResult("signature", "pass", reason)
    return RuleResult(
        "signature",
        "fail",
        f"clients of version {champion.version} would break: {champion.mismatch}",
        change="inputs and outputs as before, or --new-schema once",
    )


def _changed(evidence: Evidence, champion: Champion, config: BehaviourConfig) -> list[RuleResult]:
    comparison, rows = champion.comparison, evidence.candidate.rows
    if comparison is None:
        return []
    changed, worse = 100 * comparison.changed / rows, 100 * (comparison.changed - comparison.gained) / rows
    limit = config.max_changed_percent
    passed = limit is None or worse <= limit
    became = "" if evidence.candidate.correct is None else f", {100 * comparison.gained / rows:.2f} % became right"
    reason = f"{changed:.2f} % of the predictions differ from version {champion.version}'s{became}"
    return [
        RuleResult(
            "changed_predictions",
            "pass" if passed else "inconclusive",
            reason if passed else f"{reason}: {worse:.2f} % > {limit:g} % changed without becoming right",
            value=worse,
            unit="percent",
            bound=None if limit is None else Bound(limit, "at_most"),
            rows=rows,
            change="" if passed else "`keepfit promote` by a person, or a larger gate.behaviour.max_changed_percent",
            details={"changed": comparison.changed, "gained": comparison.gained, "changed_percent": changed},
        )
    ]


def _costs(evidence: Evidence, champion: Champion, config: BehaviourConfig) -> list[RuleResult]:
    ours, theirs = evidence.footprint, champion.footprint
    if ours is None or theirs is None:
        return []
    results = []
    if theirs.size_bytes:
        shown = f"{_megabytes(ours.size_bytes)} on disk, {_megabytes(theirs.size_bytes)} of version {champion.version}"
        results.append(_factor("size", ours.size_bytes / theirs.size_bytes, config.max_size_factor, shown))
    if ours.latency_ms is not None and theirs.latency_ms:
        shown = f"{ours.latency_ms:.3g} ms for one row, {theirs.latency_ms:.3g} ms of version {champion.version}"
        results.append(_factor("latency", ours.latency_ms / theirs.latency_ms, config.max_latency_factor, shown))
    return results


def _factor(rule: str, found: float, limit: float | None, shown: str) -> RuleResult:
    passed = limit is None or found <= limit
    outcome: Outcome = "pass" if passed else "fail"
    return RuleResult(
        rule,
        outcome,
        shown if passed else f"{shown}: {found:.2f} times, more than {limit:g}",
        value=found,
        unit="ratio",
        bound=None if limit is None else Bound(limit, "at_most"),
        change="" if passed else f"a smaller or faster model, or a larger gate.behaviour.max_{rule}_factor",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
