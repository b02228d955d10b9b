"""Intervals of anything that is a function of means over rows, by resampling the rows. Seeded, in bounded memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[Any]
Combine = Callable[[Array], Array]
"""Means of the parts over rows (..., parts) to values (...)."""

MOST_UNITS = 10_000
_BLOCK = 64


class Bootstrap:
    """Resamplings of so many rows, drawn once and used for every metric, so that paired metrics stay paired.

    More than 10,000 rows are first dealt at random into 10,000 groups, and groups are resampled: the variance of a
    mean stays what it is, known to 1.4 % (random groups; Wolter, Introduction to Variance Estimation, chapter 2).
    """

    def __init__(self, rows: int, draws: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        units = min(rows, MOST_UNITS)
        self._group = None if rows <= MOST_UNITS else random.permutation(np.arange(rows, dtype=np.int32) % units)
        self._rows = np.ones(rows) if self._group is None else np.bincount(self._group).astype(np.float64)
        # how often each draw takes each unit: a byte is enough, for the chance of 256 times is 10**-507
        self._times = np.empty((draws, units), np.uint8)
        for times in self._times:
            times[:] = np.bincount(random.integers(0, units, units, np.int32), minlength=units)

    def interval(self, parts: Array, combine: Combine, tail: float) -> tuple[float, float] | None:
        """The bias-corrected and accelerated interval (Efron, JASA 82, 1987) with the chance `tail` at each end.

        Of the function `combine` of the means of `parts` (rows, parts). Its acceleration is from leaving out one row,
        or group, at a time. Draws in which the value is undefined are left out; None if that is so in most of them.
        """
        sums, total = self._sums(parts), self._rows.sum()
        drawn = combine(self._drawn(sums))
        drawn = np.sort(drawn[np.isfinite(drawn)])
        if 2 * len(drawn) < len(self._times):
            return None
        found = float(combine(sums.sum(axis=0) / total))
        below = (np.searchsorted(drawn, found, "left") + np.searchsorted(drawn, found, "right")) / 2
        shift = float(ndtri(np.clip(below / len(drawn), 1 / (len(drawn) + 1), len(drawn) / (len(drawn) + 1))))
        acceleration = _acceleration(combine((sums.sum(axis=0) - sums) / (total - self._rows)[:, None]))
        ends = []
        for normal in (float(ndtri(tail)), float(ndtri(1 - tail))):
            shifted = shift + (shift + normal) / (1 - acceleration * (shift + normal))
            ends.append(float(np.quantile(drawn, float(ndtr(shifted)))))
        return ends[0], ends[1]

    def _sums(self, parts: Array) -> Array:
        if self._group is None:
            return parts.astype(np.float64)
        return np.column_stack([np.bincount(self._group, column) for column in parts.T])

    def _drawn(self, sums: Array) -> Array:
        """The means of each draw (draws, parts)."""
        means = np.empty((len(self._times), sums.shape[1]))
        for start in range(0, len(means), _BLOCK):
            times = self._times[start : start + _BLOCK].astype(np.float64)
            means[start : start + _BLOCK] = (times @ sums) / (times @ self._rows)[:, None]
        return means


def _acceleration(left_out: Array) -> float:
    values = left_out[np.isfinite(left_out)]
    if len(values) < 3:
        return 0.0
    off = values.mean() - values
    spread = float(np.sum(off**2)) ** 1.5
    return float(np.sum(off**3)) / (6 * spread) if spread > 0 else 0.0
