"""Exact intervals and tests of shares, paired and not. Numbers in, numbers out.

Paired: the same rows under two models. `gained` rows only the candidate has right, `lost` rows only the champion.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, betaincinv, gammaln, ndtri, xlog1py, xlogy

Array = NDArray[Any]

_MOST_ROWS_EXACT = 20_000
"""From here on the true level of Tango's test is within 0.0002 of the nominal one: benchmarks/gate_simulation.py."""
_STEPS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)


def clopper_pearson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """The exact two-sided interval of a binomial share (Clopper & Pearson, Biometrika 26, 1934)."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high


def share_is_below(successes: int, trials: int, share: float) -> float:
    """Exact one-sided p value against "the true share is `share` or more"; small where it seems to be below."""
    return float(bdtr(successes, trials, share)) if trials else 1.0


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p value of "gained and lost are equally likely" (McNemar, Psychometrika 12, 1947).

    The binomial test of the rows on which the models differ, as in Agresti, Categorical Data Analysis, 10.1.4.
    """
    differing = gained + lost
    return min(1.0, 2 * float(bdtr(min(gained, lost), differing, 0.5))) if differing else 1.0


def shown_worse(gained: int, lost: int) -> float:
    """Exact one-sided p value of McNemar's test; small where the candidate seems to be worse."""
    return float(bdtr(gained, gained + lost, 0.5)) if gained + lost else 1.0


def paired_interval(gained: int, lost: int, rows: int, critical: float) -> tuple[float, float]:
    """Tango's score interval of the difference of two shares on the same rows (Statistics in Medicine 17, 1998).

    `critical` is the standard normal quantile of one end, 1.645 for 90 % between the two. Difference: candidate minus
    champion, between -1 and 1.
    """
    found = (gained - lost) / rows
    return (
        _crossing(lambda difference: _score(gained, lost, rows, difference) - critical, -1.0, found),
        _crossing(lambda difference: _score(gained, lost, rows, difference) + critical, found, 1.0),
    )


@lru_cache(maxsize=1024)
def critical_value(rows: int, margin: float, level: float) -> float:
    """The critical value at which Tango's non-inferiority test keeps its level, however often the models differ.

    The plain quantile is one for very many rows: with 200 the test would let a model pass that is worse by exactly
    the margin in up to 5.9 % of all cases, not 5. So this is the exact unconditional test with his statistic, as in
    Hsueh, Liu & Chen (Biometrics 57, 2001): the least value, in small steps, whose level never exceeds the nominal
    one, the maximum being taken over the share of rows on which the models differ.
    """
    plain = float(ndtri(1 - level))
    if rows > _MOST_ROWS_EXACT or not 0 < margin < 1:
        return plain
    return next((plain + step for step in _STEPS if level_of(rows, margin, plain + step) <= level), plain + _STEPS[-1])


def level_of(rows: int, margin: float, critical: float) -> float:
    """How often a model that is worse by exactly `margin` passes at most: the maximum over how often the two differ."""
    differing = margin + np.concatenate([[0.0], np.geomspace(1e-4, min(0.5, 1 - margin), 40)])
    return float(chance_to_pass(rows, margin, -margin, differing, critical).max())


def chance_to_pass(rows: int, margin: float, difference: float, differing: Array, critical: float) -> Array:
    """The exact chance that the non-inferiority test passes, for each share of rows on which the models differ.

    Sums the multinomial distribution of (gained, lost) over the cases in which Tango's statistic at `-margin` is
    `critical` or more. `difference` is the true one, candidate minus champion.
    """
    worse, better = (differing - difference) / 2, (differing + difference) / 2
    most = min(rows, int(rows * worse.max() + 10 * math.sqrt(rows * worse.max()) + 30))
    lost = np.arange(most + 1)
    needed = _least_gained(lost, rows, margin, critical)
    mass = np.exp(
        gammaln(rows + 1)
        - gammaln(lost + 1)
        - gammaln(rows - lost + 1)
        + xlogy(lost, worse[:, None])
        + xlog1py(rows - lost, -worse[:, None])
    )
    rest = better[:, None] / (1 - worse[:, None])
    above = np.where(needed > 0, bdtrc(np.maximum(needed - 1, 0), rows - lost, np.clip(rest, 0, 1)), 1.0)
    chances: Array = np.sum(mass * np.where(needed > rows - lost, 0.0, above), axis=1)
    return chances


def rows_to_tell(differing: float, distance: float, critical: float, power: float = 0.8) -> int | None:
    """How many rows tell, with this power, a difference that lies `distance` from the bound; None beyond 10**9.

    `differing` is the share of rows on which the models differ, which is about the variance of the difference; at the
    bound, where the test measures it, it is about hypot(differing, distance).
    """
    if distance == 0:
        return None
    at_bound = math.sqrt(math.hypot(differing, distance))
    rows = ((critical * at_bound + float(ndtri(power)) * math.sqrt(differing)) / distance) ** 2
    return math.ceil(rows) if rows < 1e9 else None


def _least_gained(lost: Array, rows: int, margin: float, critical: float) -> Array:
    """The least count of gained rows with which the test passes, for each count of lost ones; by bisection."""
    low, high = np.zeros_like(lost), rows - lost + 1
    for _ in range(rows.bit_length() + 1):
        middle = (low + high) // 2
        passes = _scores(middle, lost, rows, -margin) >= critical
        is_open = low < high
        high = np.where(passes & is_open, middle, high)
        low = np.where(~passes & is_open, middle + 1, low)
    return high


def _score(gained: int, lost: int, rows: int, difference: float) -> float:
    """`_scores` of single numbers, ten times as fast."""
    linear = (2 * rows - gained + lost) * difference - gained - lost
    constant = -lost * difference * (1 - difference)
    root = math.sqrt(max(linear * linear - 8 * rows * constant, 0.0))
    variance = rows * ((root - linear) / (2 * rows) + difference * (1 - difference))
    excess = gained - lost - rows * difference
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(1e9, excess) if excess else 0.0


def _scores(gained: Any, lost: Any, rows: int, difference: float) -> Any:
    """Tango's statistic, his equations (24) to (26), for the hypothesis of a difference."""
    linear = (2 * rows - gained + lost) * difference - gained - lost
    constant = -lost * difference * (1 - difference)
    root = np.sqrt(np.maximum(linear * linear - 8 * rows * constant, 0.0))
    variance = rows * ((root - linear) / (2 * rows) + difference * (1 - difference))
    excess = gained - lost - rows * difference
    # no variance is left where the counts agree with the hypothesis exactly, or cannot agree with it at all
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, excess / np.sqrt(np.maximum(variance, 1e-300)), np.sign(excess) * 1e9)


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is zero, by bisection."""
    for _ in range(50):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
