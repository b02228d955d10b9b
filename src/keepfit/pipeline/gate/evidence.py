"""What the gate judges: numbers measured on the holdout, and no rows. Knows nothing of how they are judged."""

from dataclasses import dataclass

from keepfit.pipeline.evaluate import Evaluation


@dataclass(frozen=True)
class Evidence:
    """All that is known of a candidate."""

    candidate: Evaluation
