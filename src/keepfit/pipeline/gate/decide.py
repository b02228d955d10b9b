"""The gate's one function: asks every rule, and lets nothing through that one of them has something against."""

from typing import Any

from keepfit.config import GateConfig
from keepfit.pipeline.gate import holdout
from keepfit.pipeline.gate.absolute import better_than_trivial, finite, least
from keepfit.pipeline.gate.behaviour import alike
from keepfit.pipeline.gate.champion import against_champion
from keepfit.pipeline.gate.evidence import Evidence
from keepfit.pipeline.gate.golden import SUBJECT, judged_golden
from keepfit.pipeline.gate.metric import named_metrics
from keepfit.pipeline.gate.slices import judged_slices, slice_lines
from keepfit.pipeline.gate.verdict import Verdict


def decide(evidence: Evidence, rules: GateConfig) -> Verdict:
    """Judge a candidate: PROMOTE, REJECT or INCONCLUSIVE, with the reason of each rule."""
    results = (
        least(evidence.candidate, rules),
        *against_champion(evidence, rules),
        *judged_golden(evidence, rules),
        *named_metrics(evidence, rules),
        better_than_trivial(evidence.candidate, rules),
        finite(evidence.candidate),
        *judged_slices(evidence, rules),
        *alike(evidence, rules.behaviour),
    )
    return Verdict(
        results,
        champion=_side_by_side(evidence),
        slices=slice_lines(evidence.slices),
        holdout={} if evidence.holdout is None else holdout.described(evidence.holdout, rules),
        golden={} if evidence.golden is None else holdout.described(evidence.golden.use, rules),
        warnings=tuple(_warnings(evidence, rules)),
    )


def _side_by_side(evidence: Evidence) -> dict[str, Any] | None:
    """Champion and challenger, JSON-ready."""
    champion = evidence.champion
    if champion is None:
        return None
    comparison = champion.comparison
    mine, its = evidence.footprint, champion.footprint
    return {
        "version": champion.version,
        "compared": comparison is not None,
        "problem": champion.problem or champion.mismatch,
        "leak": champion.leak,
        "evaluation": None if comparison is None else comparison.evaluation.to_dict(),
        "changed": None if comparison is None else comparison.changed,
        "gained": None if comparison is None else comparison.gained,
        "lost": None if comparison is None else comparison.lost,
        "size_bytes": None if its is None else its.size_bytes,
        "latency_ms": None if its is None else its.latency_ms,
        "candidate_size_bytes": None if mine is None else mine.size_bytes,
        "candidate_latency_ms": None if mine is None else mine.latency_ms,
        "metrics": {
            found.name: {
                "candidate": None if found.candidate is None else found.candidate.value,
                "champion": found.champion,
            }
            for found in evidence.metrics
        },
    }


def _warnings(evidence: Evidence, rules: GateConfig) -> list[str]:
    found = [] if evidence.holdout is None else holdout.warnings(evidence.holdout, rules)
    if evidence.champion is not None and evidence.champion.leak:
        found.append(f"version {evidence.champion.version} may look better than it is: {evidence.champion.leak}")
    return [*found, *_golden_warnings(evidence, rules)]


def _golden_warnings(evidence: Evidence, rules: GateConfig) -> list[str]:
    golden = evidence.golden
    if golden is None:
        return []
    found = holdout.warnings(golden.use, rules, SUBJECT)
    if evidence.champion is not None and golden.leak:
        version = evidence.champion.version
        found.append(f"version {version} may look better on the golden rows than it is: {golden.leak}")
    return found
