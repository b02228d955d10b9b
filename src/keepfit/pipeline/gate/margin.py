"""Whether a holdout of so many rows can tell anything within the gate's margin, said before the first run. Pure."""

import math

from scipy.special import ndtri

from keepfit.config import GateConfig
from keepfit.pipeline.gate.wording import rounded_up
from keepfit.pipeline.statistics import critical_value, rows_to_tell

_DIFFERING = 0.004
"""Share of rows on which two models of an easy problem differ; harder ones differ on more, and need more rows."""
_STEP_POINTS = 0.5
_MOST_POINTS = 20.0


def too_few_to_compare(rows: int, rules: GateConfig) -> str:
    """A sentence if a classification's holdout is too small for the champion's rule as configured, else ""."""
    config, level = rules.champion, 1 - rules.confidence
    if config.test != "non_inferiority":
        return ""
    needed = rows_to_tell(_DIFFERING, config.margin_points / 100, float(ndtri(rules.confidence)))
    if needed is None or rows >= needed:
        return ""
    margin = _least_margin(rows, level)
    wider = "" if margin is None else f"gate.champion.margin_points to {margin:g} or more, or "
    return (
        f"the holdout's {rows:,} rows are too few for the gate's margin of {config.margin_points:g} points against the "
        f"served version, which takes about {rounded_up(needed):,} even for an easy problem: bring more, or set {wider}"
        'gate.champion.test to "not_shown_worse" (see docs/gate.md)'
    )


def _least_margin(rows: int, level: float) -> float | None:
    """The least margin, in steps, within which so many rows can tell; None if there is no sensible one."""
    for step in range(1, math.floor(_MOST_POINTS / _STEP_POINTS) + 1):
        points = _STEP_POINTS * step
        needed = rows_to_tell(_DIFFERING, points / 100, critical_value(rows, points / 100, level))
        if needed is not None and needed <= rows:
            return points
    return None
