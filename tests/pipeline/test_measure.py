"""From predictions to evidence: counts by hand, slices found in real frames, and looks at the same rows counted."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_rel

from keepfit.config import GateConfig, SliceConfig
from keepfit.data.identity import identify, shared
from keepfit.data.schema import Target
from keepfit.errors import ConfigError
from keepfit.ledger import Event
from keepfit.pipeline.evaluate import evaluate
from keepfit.pipeline.gate import Evidence, decide
from keepfit.pipeline.gate.evidence import Champion
from keepfit.pipeline.looks import earlier_use
from keepfit.pipeline.measure import Answers, measure
from keepfit.pipeline.slices import Slice, find_slices

BINARY = Target("y", "binary", ("no", "yes"))
REGRESSION = Target("y", "regression")


def everything(rows, **config):
    return Slice("all", SliceConfig(where="true", min_rows=1, **config), np.ones(rows, np.bool_), False)


def test_pairs_are_counted_by_hand():
    truth = np.array([1, 1, 1, 0, 0], np.int32)
    mine = np.array([[0.9], [0.2], [0.8], [0.1], [0.7]])
    its = np.array([[0.9], [0.8], [0.3], [0.1], [0.9]])
    found = measure(Answers(BINARY, truth, mine, its), [everything(5)], GateConfig(), 1)
    comparison = found.comparison
    assert (comparison.changed, comparison.gained, comparison.lost) == (2, 1, 1)
    assert comparison.evaluation.correct == 3
    assert (found.slices[0].value, found.slices[0].champion) == (60.0, 60.0)
    assert (found.slices[0].gained, found.slices[0].lost) == (1, 1)


def test_numbers_are_compared_by_their_error():
    random = np.random.default_rng(1)
    truth = random.normal(0, 10, 800).astype(np.float32)
    mine, its = ((truth + random.normal(0, spread, 800))[:, None] for spread in (2.0, 2.4))
    found = measure(Answers(REGRESSION, truth, mine, its), [everything(800, max_rmse=1.9)], GateConfig(), 1)
    ratio = found.comparison.error_ratio
    assert ratio.value == pytest.approx(found_rmse(truth, mine) / found_rmse(truth, its), rel=1e-6)
    assert 0.7 < ratio.low < ratio.value < ratio.high < 0.95
    mine_squares, its_squares = (mine[:, 0] - truth) ** 2, (its[:, 0] - truth) ** 2
    part = found.slices[0]
    assert part.worse == pytest.approx(ttest_rel(mine_squares, its_squares, alternative="greater").pvalue, rel=1e-4)
    assert part.below == pytest.approx(ttest_1samp(mine_squares, 1.9**2, alternative="greater").pvalue, rel=1e-4)


def found_rmse(truth, predictions):
    return float(np.sqrt(np.mean((predictions[:, 0] - truth) ** 2)))


def test_champion_without_error_has_no_ratio():
    truth = np.arange(20, dtype=np.float32)
    found = measure(Answers(REGRESSION, truth, truth[:, None] + 1, truth[:, None]), [], GateConfig(), 1)
    assert found.comparison.error_ratio is None


def test_undefined_metric_goes_to_the_gate_with_its_problem():
    rules = GateConfig.model_validate({"metrics": {"auc": {"min": 0.5}}})
    found = measure(Answers(BINARY, np.zeros(50, np.int32), np.full((50, 1), 0.1), None), [], rules, 1)
    assert found.metrics[0].candidate is None
    assert found.metrics[0].problem == "auc is undefined where no row is of class 'yes'"


def test_metric_of_few_rows_proves_nothing_though_no_row_is_wrong():
    metrics = {"recall": {"min": 0.95, "margin": 0.01}, "auc": {"min": 0.95, "margin": 0.01}}
    rules = GateConfig.model_validate({"strict": True, "metrics": metrics})
    for positives, outcomes in ((20, ["inconclusive"] * 4), (1000, ["pass"] * 4)):
        truth = np.repeat(np.array([1, 0], np.int32), [positives, 2000])
        predictions = truth[:, None] * 0.8 + 0.1
        answers = Answers(BINARY, truth, predictions, predictions)
        found = measure(answers, [], rules, 1)
        candidate = evaluate(BINARY, truth, predictions)
        verdict = decide(Evidence(candidate, Champion(1, found.comparison), found.metrics), rules)
        assert [result.outcome for result in verdict.rules if result.rule.startswith("metric")] == outcomes


FRAME = pl.DataFrame(
    {"city": ["Rome"] * 6 + ["Oslo"] * 3 + [None], "age": list(range(20, 30)), "id": [f"n{n}" for n in range(10)]}
)


def test_each_value_is_a_slice_and_few_rows_are_judged_together():
    found = find_slices([SliceConfig(column="city", min_rows=5)], FRAME)
    assert [(part.name, int(part.rows.sum()), part.is_optional) for part in found] == [
        ("city = Oslo", 3, True),
        ("city = Rome", 6, False),
        ("city = missing", 1, True),
        ("city: values with few rows", 4, True),
    ]


def test_condition_is_polars_sql_and_unknown_is_outside():
    found = find_slices(
        [SliceConfig(where="city = 'Oslo' AND age < 28"), SliceConfig(where="age > 90", name="old")], FRAME
    )
    assert found[0].rows.tolist() == [*[False] * 6, True, True, False, False]
    assert (found[1].name, int(found[1].rows.sum())) == ("old", 0)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ([SliceConfig(column="town")], "the column 'town': the data has 'city', 'age', 'id'"),
        ([SliceConfig(where="town = 'Oslo'")], "is no condition over the columns"),
        ([SliceConfig(where="age +")], "is no condition over the columns"),
        ([SliceConfig(where="age + 1")], "gives Int64 values: expected a condition"),
        ([SliceConfig(where="age < 25"), SliceConfig(where="age < 25")], "two slices called 'age < 25'"),
    ],
)
def test_slice_that_cannot_be_found_is_named(config, text):
    with pytest.raises(ConfigError, match=r"gate\.slices") as caught:
        find_slices(config, FRAME)
    assert text in str(caught.value)


def test_column_of_too_many_values_is_refused():
    frame = pl.DataFrame({"n": list(range(100))})
    with pytest.raises(ConfigError, match="has 100 different values, and 50 are the most"):
        find_slices([SliceConfig(column="n")], frame)


hashes = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60, unique=True)


@given(hashes, hashes)
def test_share_of_few_rows_is_exact(today, before):
    found = shared(*(identify(np.array(rows, np.uint64)).sketch for rows in (today, before)))
    assert found == pytest.approx(len(set(today) & set(before)) / len(today))


def test_share_of_many_rows_is_near():
    random = np.random.default_rng(2)
    rows = random.integers(0, 2**64, 30_000, np.uint64)
    assert shared(identify(rows[:20_000]).sketch, identify(rows[10_000:]).sketch) == pytest.approx(0.5, abs=0.2)
    assert shared(identify(rows[:20_000]).sketch, identify(rows[:20_000][::-1]).sketch) == 1.0
    assert shared(identify(rows[:10_000]).sketch, identify(rows[10_000:]).sketch) == 0.0


def decided(kind, identity, run):
    details = {"verdict": {"holdout": {"sketch": " ".join(identity.sketch)}}}
    return Event(datetime.now(UTC), kind, run, None, "", details)


def test_looks_are_verdicts_on_mostly_the_same_rows():
    random = np.random.default_rng(3)
    rows = random.integers(0, 2**64, 4_000, np.uint64)
    same, fresh = identify(rows[:2_000]), identify(rows[2_000:])
    events = [
        *(decided(kind, same, kind) for kind in ("promoted", "rejected", "inconclusive", "staged", "failed")),
        decided("promoted", fresh, "f"),
        Event(datetime.now(UTC), "promoted", "old", 1, "", {"verdict": {}}),
        Event(datetime.now(UTC), "promoted", "older", 1, "", {}),
    ]
    assert earlier_use(events, same).earlier_looks == 4
    assert earlier_use(events, fresh).earlier_looks == 1
    assert earlier_use([], same).shared == 0.0
