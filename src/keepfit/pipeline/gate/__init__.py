"""The gate: whether a candidate is good enough. Pure; no clock, disk, network or logger.

What is judged is evidence.py, the answer verdict.py; each rule has its file, and decide.py asks them all.
"""

from keepfit.pipeline.gate.decide import decide
from keepfit.pipeline.gate.evidence import Evidence
from keepfit.pipeline.gate.verdict import Bound, Decision, Interval, Outcome, RuleResult, Verdict

__all__ = ["Bound", "Decision", "Evidence", "Interval", "Outcome", "RuleResult", "Verdict", "decide"]
