"""The gate's one function: asks every rule, and lets nothing through that one of them has something against."""

from keepfit.config import GateConfig
from keepfit.pipeline.gate.absolute import better_than_trivial, finite, least
from keepfit.pipeline.gate.evidence import Evidence
from keepfit.pipeline.gate.verdict import Verdict


def decide(evidence: Evidence, rules: GateConfig) -> Verdict:
    """Judge a candidate: PROMOTE, REJECT or INCONCLUSIVE, with the reason of each rule."""
    evaluation = evidence.candidate
    return Verdict((least(evaluation, rules), better_than_trivial(evaluation), finite(evaluation)))
