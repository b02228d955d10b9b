"""Evidence for the report's tests: a candidate beside a served version, with slices, metrics and a used holdout."""

from dataclasses import replace
from typing import Any

import numpy as np

from keepfit.data.schema import Target
from keepfit.pipeline.evaluate import evaluate, predicted_classes
from keepfit.pipeline.gate import Evidence
from keepfit.pipeline.gate.evidence import (
    Champion,
    Comparison,
    Estimate,
    Footprint,
    HoldoutUse,
    MetricEvidence,
    SliceEvidence,
)

AUC = MetricEvidence("auc", Estimate(0.9991, 0.998, 0.9997), 0.9985, Estimate(0.0006, -0.0003, 0.0014))
AUC_RULES = {"metrics": {"auc": {"min": 0.98, "margin": 0.002}}}


def part(name: str, rows: int, value: float | None, **more: Any) -> SliceEvidence:
    """A slice of which 50 rows are enough and 95 % are required."""
    return SliceEvidence(name, rows, 50, value, **{"bound": 95.0, "below": 1.0, "worse": 1.0, **more})


GOOD_PARTS = (
    part("contract = monthly", 312, 98.7, champion=98.4, gained=3, lost=2),
    part("contract = one year", 262, 99.2, champion=99.2, gained=1, lost=1),
    part("tenure_months < 12", 121, 97.5, champion=98.3, gained=1, lost=2),
)
BAD_PART = part("contract = two years", 240, 88.2, champion=97.2, below=1e-5, worse=1e-4, gained=3, lost=27)
SMALL_PART = part('city = "Rome"', 12, 91.7)


class Challenge:
    """Adds to a candidate's evidence: the served version 6, which differs on `gained` and `lost` rows, and the rest."""

    def __init__(
        self,
        *,
        gained: int = 0,
        lost: int = 0,
        ratio: float | None = None,
        problem: str = "",
        mismatch: str = "",
        leak: str = "",
        judged_on: tuple[str, ...] = (),
        slow: float = 1.0,
        **more: Any,
    ) -> None:
        self.gained, self.lost, self.ratio, self.slow = gained, lost, ratio, slow
        self.champion = Champion(6, problem=problem, mismatch=mismatch, leak=leak, slices=judged_on)
        self.more = more

    def __call__(self, evidence: Evidence, target: Target, truth: Any, predictions: Any) -> Evidence:
        if not (self.champion.problem or self.champion.mismatch):
            theirs = self._of_champion(target, truth, predictions)
            comparison = Comparison(evaluate(target, truth, theirs), self.gained + self.lost, self.gained, self.lost)
            if self.ratio is not None:
                error = Estimate(self.ratio, self.ratio - 0.03, self.ratio + 0.04)
                comparison = replace(comparison, changed=len(truth) // 5, error_ratio=error)
            its = Footprint(183_000, 0.41)
            self.champion = replace(self.champion, comparison=comparison, footprint=its)
        ours = Footprint(191_000, 0.41 * self.slow)
        return replace(evidence, champion=self.champion, footprint=ours, **self.more)

    def _of_champion(self, target: Target, truth: Any, predictions: Any) -> Any:
        """Answers that differ from the candidate's on as many rows as asked for; of a regression slightly worse."""
        if target.task == "regression":
            return predictions * 1.02
        theirs, right = predictions.copy(), predicted_classes(target, predictions) == truth
        for row in (*np.flatnonzero(right)[: self.gained], *np.flatnonzero(~right)[: self.lost]):
            theirs[row] = 1 - theirs[row]
        return theirs


def used(looks: int) -> HoldoutUse:
    """Holdout rows that have decided so often before."""
    return HoldoutUse("abc", looks, 1.0)
