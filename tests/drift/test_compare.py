"""Comparisons of samples: what differs is found, what does not is not, at a known rate."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from keepfit.config import DriftConfig
from keepfit.drift.alarm import alarming_columns
from keepfit.drift.compare import LEAST_ROWS, compare

ANY_EFFECT = DriftConfig(min_effect=0)
RULES = DriftConfig()
CATEGORIES = np.array(list("abcdefgh"), dtype=object)
SHARES = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.03, 0.008, 0.002])


def table(random, rows, numbers=5, shift=0.0):
    """Numbers, counts with many ties, numbers with gaps, categories of which some are rare, and a flag."""
    columns = {f"n{i}": random.normal(shift if i == 0 else 0, 1, rows).astype(np.float32) for i in range(numbers)}
    gaps = random.normal(size=rows).astype(np.float32)
    gaps[random.random(rows) < 0.05] = np.nan
    return pl.DataFrame(
        {
            **columns,
            "count": random.poisson(2, rows).astype(np.float32),
            "gaps": pl.Series(gaps).fill_nan(None),
            "category": pl.Series(random.choice(CATEGORIES, rows, p=SHARES).tolist(), dtype=pl.String),
            "flag": pl.Series((random.random(rows) < 0.1).tolist()),
        }
    )


def record(comparison, fingerprint):
    return {"reference_version": 1, "fingerprint": fingerprint, **comparison.to_dict()}


def test_without_drift_a_comparison_errs_as_often_as_it_says_and_an_alarm_hardly_ever():
    random, runs, found, alarms = np.random.default_rng(20260301), 150, 0, 0
    for _ in range(runs):
        reference = table(random, 800, numbers=2)
        pair = [compare(reference, table(random, 150, numbers=2), ANY_EFFECT) for _ in range(2)]
        found += sum(bool(comparison.drifted) for comparison in pair)
        alarms += bool(alarming_columns([record(one, str(number)) for number, one in enumerate(pair)], 1))
    # 5 % of 300, give or take three standard deviations
    assert 4 <= found <= 26
    assert alarms <= 2


def test_a_shift_is_found_in_its_column_alone_with_its_size():
    random = np.random.default_rng(1)
    comparison = compare(table(random, 2000), table(random, 500, shift=0.6), RULES)
    assert comparison.drifted == ["n0"]
    first = comparison.findings[0]
    # the distance of two normal distributions that are 0.6 apart is 2 Φ(0.3) − 1
    assert first.effect == pytest.approx(0.236, abs=0.06)
    assert first.p_value < 1e-6


def test_a_difference_that_is_significant_but_small_is_no_drift():
    random = np.random.default_rng(2)
    pair = table(random, 5000), table(random, 5000, shift=0.15)
    assert compare(*pair, ANY_EFFECT).drifted == ["n0"]
    assert compare(*pair, RULES).drifted == []


def test_p_values_and_effects_are_those_of_scipy():
    random = np.random.default_rng(3)
    reference, current = table(random, 900), table(random, 300)
    found = {(finding.column, finding.test): finding for finding in compare(reference, current, RULES).findings}
    tested = ks_2samp(reference["n1"].to_numpy(), current["n1"].to_numpy(), method="asymp")
    assert found["n1", "ks"].effect == tested.statistic
    flags = np.array([[side["flag"].sum(), (~side["flag"]).sum()] for side in (reference, current)])
    statistic, p_value, *_ = chi2_contingency(flags, correction=False)
    assert found["flag", "chi2"].effect == pytest.approx((statistic / 1200) ** 0.5)
    # Holm's correction makes none smaller, and none larger than all tests together would
    assert p_value <= found["flag", "chi2"].p_value <= min(1, len(found) * p_value)
    assert [finding.p_value for finding in found.values()] == sorted(finding.p_value for finding in found.values())


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        (pl.lit(None, pl.String).alias("category"), "chi2"),
        (pl.lit("new").alias("category"), "chi2"),
        (pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("gaps").alias("gaps"), "missing"),
        ((pl.int_range(pl.len()) % 2 == 0).alias("flag"), "chi2"),
        ((pl.col("count") * 1000).alias("count"), "ks"),
    ],
    ids=["a category gone missing", "a new category", "gaps", "a flag", "another unit"],
)
def test_what_happens_to_real_data_is_found(changed, test):
    random = np.random.default_rng(4)
    comparison = compare(table(random, 1000), table(random, 300).with_columns(changed), RULES)
    [finding] = [finding for finding in comparison.findings if finding.drifted]
    assert (finding.column, finding.test) == (changed.meta.output_name(), test)


def test_rare_categories_are_put_together():
    rare = pl.DataFrame({"id": [f"code {number}" for number in range(400)] + ["common"] * 1600})
    comparison = compare(rare, rare.with_columns(pl.col("id").str.replace("code", "other")), RULES)
    # every rare code is another one, and yet there are as many of them
    assert [(finding.test, finding.effect) for finding in comparison.findings] == [("chi2", 0)]


def test_a_column_that_says_nothing_is_not_tested():
    constant = pl.DataFrame({"only": ["a"] * 500, "hardly": ["b"] + ["a"] * 499})
    assert compare(constant, constant, RULES).findings == ()


def test_columns_that_one_side_lacks_or_has_otherwise_are_left_out():
    random = np.random.default_rng(5)
    reference = table(random, 500)
    current = table(random, 500).drop("n0").with_columns(pl.col("flag").cast(pl.String), extra=pl.lit(1.0))
    columns = {finding.column for finding in compare(reference, current, RULES).findings}
    assert columns == set(reference.columns) - {"n0", "flag"}


@pytest.mark.parametrize("rows", [0, 1, LEAST_ROWS - 1])
def test_too_few_rows_say_so(rows):
    random = np.random.default_rng(6)
    for sides in ((table(random, rows), table(random, 500)), (table(random, 500), table(random, rows))):
        comparison = compare(*sides, RULES)
        assert comparison.findings == ()
        assert "too few rows" in comparison.reason


def test_too_few_values_in_a_column_test_only_what_is_missing():
    random = np.random.default_rng(7)
    mostly_missing = pl.when(pl.int_range(pl.len()) < LEAST_ROWS - 1).then("n0").otherwise(None).alias("n0")
    comparison = compare(table(random, 500), table(random, 500).with_columns(mostly_missing), RULES)
    assert {finding.test for finding in comparison.findings if finding.column == "n0"} == {"missing"}


def test_a_record_of_very_many_columns_keeps_those_that_drifted_and_is_small():
    random = np.random.default_rng(8)
    reference = pl.DataFrame({f"c{number}": random.normal(size=200) for number in range(300)})
    current = reference.with_columns(pl.col("c299") + 5)
    shown = compare(reference, current, RULES).to_dict()
    assert shown["tests"] == 300
    assert len(shown["findings"]) == 200
    assert shown["findings"][0]["column"] == "c299"
