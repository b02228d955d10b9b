"""The golden set judged by itself: the least that is asked, no worse than the champion, and numbers for answers.

Slices, named metrics and behaviour are of the holdout alone.
"""

from dataclasses import replace

from keepfit.config import GateConfig
from keepfit.pipeline.gate.absolute import finite, least
from keepfit.pipeline.gate.champion import against_champion
from keepfit.pipeline.gate.evidence import Evidence, GoldenEvidence
from keepfit.pipeline.gate.verdict import RuleResult
from keepfit.pipeline.gate.wording import wanted

SUBJECT = "golden"


def judged_golden(evidence: Evidence, rules: GateConfig) -> list[RuleResult]:
    """The results of the golden set, none without one."""
    golden = evidence.golden
    if golden is None:
        return []
    results = [least(golden.candidate, rules), *against_champion(_of_golden_rows(evidence, golden), rules)]
    if not golden.candidate.finite:
        results.append(finite(golden.candidate))
    return [_named(result) for result in results]


def _of_golden_rows(evidence: Evidence, golden: GoldenEvidence) -> Evidence:
    """As if these rows were the holdout; without the champion if it gave no answers, as the holdout's rule says."""
    champion = evidence.champion
    if champion is None or golden.comparison is None:
        return Evidence(golden.candidate)
    return Evidence(golden.candidate, replace(champion, comparison=golden.comparison, leak=golden.leak))


def _named(result: RuleResult) -> RuleResult:
    change = result.change.replace(wanted(result.rows_needed), wanted(result.rows_needed, SUBJECT))
    return replace(result, subject=SUBJECT, reason=f"{SUBJECT}: {result.reason}", change=change)
