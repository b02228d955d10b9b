"""Two samples of the same columns compared: which columns differ by more than chance, and by how much. Pure.

A number is tested by Kolmogorov and Smirnov's test, everything else by χ²; what is missing is a test of its own for
numbers, and a category for the others. All p values of one comparison are adjusted together (Holm), so that all its
columns together cry wolf no more often than one test would. A column has drifted if its adjusted p value is small
and its effect is not: with many rows nothing is too small to be shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp

from keepfit.config import DriftConfig
from keepfit.drift.sample import Sample
from keepfit.holm import holm

Test = Literal["ks", "chi2", "missing"]

LEAST_ROWS = 100
"""With fewer on one side a test finds little, and what it finds is mostly chance."""
_LEAST_EXPECTED = 5
"""In each cell, or the χ² distribution is not what the statistic follows (Cochran, Biometrics 10, 1954)."""
_MOST_SHOWN = 200


@dataclass(frozen=True)
class Finding:
    """One test of one column. `p_value` is adjusted for all of the comparison.

    `effect` is between 0 and 1: the largest distance of the two cumulative distributions (ks), Cramér's V (the others).
    """

    column: str
    test: Test
    p_value: float
    effect: float
    drifted: bool


@dataclass(frozen=True)
class Comparison:
    """What came of it; without findings, `reason` says why. The findings with the smallest p value come first."""

    reference_rows: int
    rows: int
    findings: tuple[Finding, ...] = ()
    reason: str = ""

    @property
    def drifted(self) -> list[str]:
        """The columns that differ, the clearest first."""
        return list(dict.fromkeys(finding.column for finding in self.findings if finding.drifted))

    def to_dict(self) -> Mapping[str, Any]:
        """JSON-ready; of many columns those that drifted, and the nearest to it."""
        shown = [finding for number, finding in enumerate(self.findings) if finding.drifted or number < _MOST_SHOWN]
        return {
            "reference_rows": self.reference_rows,
            "rows": self.rows,
            "reason": self.reason,
            "tests": len(self.findings),
            "findings": [asdict(finding) for finding in shown],
        }


def compare(reference: Sample, current: Sample, rules: DriftConfig) -> Comparison:
    """Compare the columns that both have, of the same types; other columns are nobody's drift."""
    if min(reference.height, current.height) < LEAST_ROWS:
        few = f"too few rows: {current.height} against {reference.height}, and at least {LEAST_ROWS} are needed"
        return Comparison(reference.height, current.height, reason=few)
    found = [finding for name in reference.columns for finding in _column(name, reference, current)]
    adjusted = [
        replace(finding, p_value=p, drifted=p < rules.significance and finding.effect >= rules.min_effect)
        for finding, p in zip(found, holm([finding.p_value for finding in found]), strict=True)
    ]
    adjusted.sort(key=lambda finding: (not finding.drifted, finding.p_value, -finding.effect))
    return Comparison(reference.height, current.height, tuple(adjusted))


def _column(name: str, reference: Sample, current: Sample) -> Iterator[Finding]:
    if name not in current.columns or reference[name].dtype != current[name].dtype:
        return
    before, now = reference[name], current[name]
    if not before.dtype.is_numeric():
        yield from _chi2(name, "chi2", _counts(before, now))
        return
    if before.null_count() or now.null_count():
        yield from _chi2(name, "missing", _counts(before.is_null(), now.is_null()))
    values = before.drop_nulls().to_numpy(), now.drop_nulls().to_numpy()
    if min(map(len, values)) >= LEAST_ROWS:
        # exact p values take a second for a column, and differ by nothing that matters from 100 rows on
        tested = ks_2samp(*values, method="asymp")
        yield Finding(name, "ks", float(tested.pvalue), float(tested.statistic), drifted=False)


def _chi2(name: str, test: Test, counts: NDArray[np.int64]) -> Iterator[Finding]:
    table = _pooled(counts)
    if len(table) > 1:
        statistic, p_value, _, _ = chi2_contingency(table, correction=False)
        yield Finding(name, test, float(p_value), float(np.sqrt(statistic / table.sum())), drifted=False)


def _counts(before: pl.Series, now: pl.Series) -> NDArray[np.int64]:
    """How often each value is there, int64 (values, 2)."""
    frames = [series.alias("value").value_counts(name=side) for series, side in ((before, "before"), (now, "now"))]
    joined = frames[0].join(frames[1], on="value", how="full", nulls_equal=True, coalesce=True).fill_null(0)
    return joined.select("before", "now").cast(pl.Int64).to_numpy()


def _pooled(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Put rare values together until each cell can be expected to hold enough."""
    ordered = counts[np.argsort(counts.sum(axis=1), kind="stable")]
    totals = ordered.sum(axis=1)
    smaller_side = ordered.sum(axis=0).min() / ordered.sum()
    expected = np.cumsum(totals) * smaller_side
    rare = int(np.count_nonzero(totals * smaller_side < _LEAST_EXPECTED))
    if not rare:
        return ordered
    # the rarest come first: all that would not fill a cell alone, and if they do not together, one more
    pooled = rare if expected[rare - 1] >= _LEAST_EXPECTED else rare + 1
    return np.vstack([ordered[:pooled].sum(axis=0), ordered[pooled:]])
