"""Intervals and tests against published values and SciPy, and the level of the paired test counted out exactly."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from keepfit.pipeline import statistics


@pytest.mark.parametrize(
    ("gained", "lost", "p_value"),
    [
        (121, 59, 4.434e-06),
        (1, 7, 0.0703125),  # Fagerland et al., BMC Medical Research Methodology 13, 2013: airway reactivity, P = 0.0703
        (5, 5, 1.0),
        (0, 0, 1.0),
        (0, 6, 0.03125),
    ],
)  # fmt: skip
def test_mcnemar_against_published_values(gained, lost, p_value):
    assert statistics.mcnemar(gained, lost) == pytest.approx(p_value, rel=1e-3)
    assert statistics.mcnemar(lost, gained) == statistics.mcnemar(gained, lost)


@given(st.integers(0, 300), st.integers(0, 300))
def test_one_sided_tests_are_the_binomial_test(gained, lost):
    if gained + lost:
        expected = binomtest(gained, gained + lost, 0.5, alternative="less").pvalue
        assert statistics.shown_worse(gained, lost) == pytest.approx(expected, rel=1e-9)


@given(st.integers(1, 500), st.data(), st.floats(0.01, 0.99))
def test_share_below_is_the_binomial_test(trials, data, share):
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials, share, alternative="less").pvalue
    assert statistics.share_is_below(successes, trials, share) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("gained", "lost", "rows", "confidence", "low", "high"),
    [
        # Fagerland, Lydersen & Laake, Statistics in Medicine 33, 2014: airway reactivity, Tango -0.517 to -0.026
        (1, 7, 21, 0.95, -0.517, -0.026),
        # no differing rows at all: z² / (n + z²) to both sides, from Tango's own formula
        (0, 0, 200, 0.95, -0.018846, 0.018846),
        (0, 0, 100, 0.90, -0.026343, 0.026343),
    ],
)
def test_tangos_interval_against_published_values(gained, lost, rows, confidence, low, high):
    critical = float(norm.ppf((1 + confidence) / 2))
    assert statistics.paired_interval(gained, lost, rows, critical) == pytest.approx((low, high), abs=5e-4)


paired_counts = st.integers(1, 3000).flatmap(
    lambda rows: st.integers(0, rows).flatmap(
        lambda gained: st.tuples(st.just(rows), st.just(gained), st.integers(0, rows - gained))
    )
)


@settings(deadline=None)
@given(paired_counts)
def test_paired_interval_holds_the_difference_and_mirrors(counts):
    rows, gained, lost = counts
    low, high = statistics.paired_interval(gained, lost, rows, 1.645)
    assert -1 <= low <= (gained - lost) / rows + 1e-9
    assert (gained - lost) / rows - 1e-9 <= high <= 1
    mirrored = statistics.paired_interval(lost, gained, rows, 1.645)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


@settings(deadline=None)
@given(paired_counts)
def test_more_confidence_is_a_wider_interval(counts):
    rows, gained, lost = counts
    narrow, wide = (statistics.paired_interval(gained, lost, rows, critical) for critical in (1.645, 2.576))
    assert wide[0] <= narrow[0] + 1e-9
    assert narrow[1] <= wide[1] + 1e-9


def test_interval_and_test_decide_alike():
    critical = statistics.critical_value(200, 0.02, 0.05)
    for gained, lost in itertools.product(range(0, 30, 3), repeat=2):
        low, _ = statistics.paired_interval(gained, lost, 200, critical)
        passes = statistics._scores(gained, lost, 200, -0.02) >= critical
        assert (low >= -0.02) == bool(passes)


def test_chance_to_pass_is_the_sum_over_all_outcomes():
    rows, margin, critical, worse, better = 12, 0.2, 1.2, 0.3, 0.1
    expected = 0.0
    for gained in range(rows + 1):
        for lost in range(rows - gained + 1):
            if statistics.paired_interval(gained, lost, rows, critical)[0] >= -margin - 1e-12:
                rest = rows - gained - lost
                ways = np.prod(np.arange(1, rows + 1, dtype=float)) / (
                    _factorial(gained) * _factorial(lost) * _factorial(rest)
                )
                expected += ways * better**gained * worse**lost * (1 - better - worse) ** rest
    found = statistics.chance_to_pass(rows, margin, better - worse, np.array([better + worse]), critical)
    assert found[0] == pytest.approx(expected, abs=1e-9)


def _factorial(number):
    return np.prod(np.arange(1, number + 1, dtype=float))


@pytest.mark.parametrize("rows", [50, 114, 200, 1000, 2000, 5000])
@pytest.mark.parametrize("margin", [0.0025, 0.005, 0.02, 0.05])
@pytest.mark.parametrize("level", [0.05, 0.001])
def test_level_is_kept_however_often_the_models_differ(rows, margin, level):
    critical = statistics.critical_value(rows, margin, level)
    # finer, and with other shares of differing rows, than the search itself has
    differing = margin + np.linspace(0, 0.4, 333)
    assert statistics.chance_to_pass(rows, margin, -margin, differing, critical).max() <= 1.02 * level


def test_tangos_own_critical_value_would_not_keep_it():
    assert statistics.level_of(200, 0.03, float(norm.ppf(0.95))) > 0.055


@pytest.mark.parametrize(("differing", "margin"), [(0.01, 0.005), (0.004, 0.005), (0.03, 0.005), (0.05, 0.02)])
def test_rows_to_tell_do_tell(differing, margin):
    rows = statistics.rows_to_tell(differing, margin, 1.65)
    found = statistics.chance_to_pass(rows, margin, 0.0, np.array([differing]), 1.65)
    assert found[0] == pytest.approx(0.8, abs=0.04)


def test_no_number_of_rows_tells_what_lies_at_the_bound():
    assert statistics.rows_to_tell(0.01, 0.0, 1.645) is None
    assert statistics.rows_to_tell(0.01, 1e-9, 1.645) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 400), st.floats(0.005, 0.2))
def test_critical_value_is_never_below_the_plain_one(rows, margin):
    assert statistics.critical_value(rows, margin, 0.05) >= norm.ppf(0.95) - 1e-9
