"""Bootstrap intervals against SciPy's, their coverage, and rows dealt into groups."""

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from keepfit.pipeline import bootstrap as ours
from keepfit.pipeline.bootstrap import Bootstrap


def mean(means):
    return means[..., 0]


def test_same_as_scipys_bca_interval():
    values = np.random.default_rng(3).exponential(2.0, 300)
    expected = bootstrap(
        (values,), np.mean, confidence_level=0.9, n_resamples=9999, method="BCa", rng=np.random.default_rng(4)
    ).confidence_interval
    found = Bootstrap(300, 9999, 5).interval(values[:, None], mean, 0.05)
    assert found == pytest.approx((expected.low, expected.high), rel=0.01)


def test_function_of_several_means():
    random = np.random.default_rng(6)
    parts = np.column_stack([random.normal(3, 1, 2000), random.normal(2, 1, 2000)])
    low, high = Bootstrap(2000, 4000, 1).interval(parts, lambda m: m[..., 0] / m[..., 1], 0.05)
    # delta method
    ratio = parts[:, 0].mean() / parts[:, 1].mean()
    error = np.std((parts[:, 0] - ratio * parts[:, 1]) / parts[:, 1].mean()) / 2000**0.5
    assert (low, high) == pytest.approx((ratio - 1.645 * error, ratio + 1.645 * error), abs=0.004)


def test_groups_give_the_interval_of_the_rows():
    values = np.random.default_rng(7).exponential(1.0, 200_000)
    low, high = Bootstrap(len(values), 2000, 8).interval(values[:, None], mean, 0.05)
    half = norm.ppf(0.95) * values.std() / len(values) ** 0.5
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_seed_repeats_it_and_another_one_does_not():
    parts = np.random.default_rng(9).normal(size=(500, 1))
    first, again, other = (Bootstrap(500, 500, seed).interval(parts, mean, 0.05) for seed in (1, 1, 2))
    assert first == again != other


def test_interval_covers_as_often_as_it_says():
    random, covered, tries = np.random.default_rng(10), 0, 400
    for seed in range(tries):
        values = random.exponential(1.0, 100)
        low, high = Bootstrap(100, 400, seed).interval(values[:, None], mean, 0.05)
        covered += low <= 1.0 <= high
    assert 0.84 <= covered / tries <= 0.95


def test_undefined_in_most_draws_has_no_interval():
    assert Bootstrap(20, 100, 1).interval(np.ones((20, 1)), lambda m: m[..., 0] * np.nan, 0.05) is None


def test_constant_has_an_interval_of_no_width():
    assert Bootstrap(50, 200, 1).interval(np.full((50, 1), 2.0), mean, 0.05) == pytest.approx((2.0, 2.0))


def test_a_byte_counts_every_draw():
    assert Bootstrap(ours.MOST_UNITS + 5, 100, 3)._times.sum(axis=1).tolist() == [ours.MOST_UNITS] * 100
