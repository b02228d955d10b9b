"""How much can still be believed of rows that have been looked at before. Pure: numbers in, a warning out.

Bound: the union bound (Bonferroni). Of k looks, each of which errs with chance α at most, at least one errs with
chance k·α at most; after 1/α looks it says nothing any more. It holds for candidates that were not chosen by their
earlier results on the same rows. People who tune against the holdout use it up faster: Dwork et al., The reusable
holdout (Science 349, 2015); Blum & Hardt, The Ladder (ICML 2015).
"""

from typing import Any

from keepfit.config import GateConfig
from keepfit.pipeline.gate.evidence import HoldoutUse


def budget(rules: GateConfig) -> int:
    """The number of decisions for which the same rows are good."""
    return rules.holdout_looks or round(1 / (1 - rules.confidence))


def described(use: HoldoutUse, rules: GateConfig) -> dict[str, Any]:
    """What the record says of the rows, JSON-ready; `error_bound` is that of all looks together."""
    looks = use.earlier_looks + 1
    return {
        "fingerprint": use.fingerprint,
        "looks": looks,
        "budget": budget(rules),
        "shared_percent": round(100 * use.shared, 1),
        "error_bound": round(min(1.0, looks * (1 - rules.confidence)), 6),
        "bound": "union bound over the looks",
        "sketch": " ".join(use.sketch),
    }


def warnings(use: HoldoutUse, rules: GateConfig, which: str = "holdout") -> list[str]:
    """What a person should hear of the rows; `which` is what they are called."""
    looks, good_for = use.earlier_looks + 1, budget(rules)
    if looks <= good_for:
        return []
    text = (
        f"the same {which} rows have decided {looks} times, and are good for {good_for}: by the union bound nothing "
        "is promised any more; bring fresh rows, or raise gate.confidence"
    )
    return [text]
