"""Measures of predictions, against SciPy, scikit-learn and values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, log_loss, mean_absolute_error, r2_score

from keepfit.data.schema import Target
from keepfit.pipeline.evaluate import evaluate, predicted_classes
from keepfit.pipeline.statistics import clopper_pearson

BINARY = Target("y", "binary", ("no", "yes"))
THREE = Target("y", "multiclass", ("a", "b", "c"))
REGRESSION = Target("y", "regression")


@given(st.integers(1, 3000), st.data(), st.sampled_from([0.9, 0.95, 0.99]))
def test_interval_is_the_exact_one(trials, data, confidence):
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    low, high = clopper_pearson(successes, trials, confidence)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert low <= successes / trials <= high


def test_binary_measures_by_hand():
    truth = np.array([1, 1, 0, 0], np.int32)
    predictions = np.array([[0.9], [0.4], [0.2], [0.5]], np.float32)
    found = evaluate(BINARY, truth, predictions)
    assert (found.rows, found.correct, found.accuracy_percent, found.trivial_percent) == (4, 2, 50.0, 50.0)
    assert found.confusion == ((1, 1), (1, 1))
    assert found.loss == pytest.approx(-(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.5)) / 4, rel=1e-6)
    assert found.finite
    assert found.r2 is None


def test_half_is_the_second_class():
    assert predicted_classes(BINARY, np.array([[0.5], [np.nextafter(0.5, 0)]])).tolist() == [1, 0]


def test_first_of_equally_likely_classes_is_taken():
    assert predicted_classes(THREE, np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])).tolist() == [0, 1]


def test_multiclass_measures_agree_with_scikit_learn():
    random = np.random.default_rng(7)
    truth = random.integers(0, 3, 500).astype(np.int32)
    predictions = random.dirichlet([1, 1, 1], 500).astype(np.float32)
    found = evaluate(THREE, truth, predictions)
    assert found.confusion == tuple(map(tuple, confusion_matrix(truth, predictions.argmax(1)).tolist()))
    exact = predictions / predictions.sum(1, keepdims=True, dtype=np.float64)
    assert found.loss == pytest.approx(log_loss(truth, exact), rel=1e-5)
    assert found.correct == int((predictions.argmax(1) == truth).sum())
    assert sum(map(sum, found.confusion)) == 500


def test_class_that_is_in_no_holdout_row_has_a_row_of_zeros():
    found = evaluate(THREE, np.array([0, 2], np.int32), np.array([[1, 0, 0], [0, 1, 0]], np.float32))
    assert found.confusion == ((1, 0, 0), (0, 0, 0), (0, 1, 0))


def test_certain_and_wrong_is_a_finite_loss():
    found = evaluate(BINARY, np.array([1, 0], np.int32), np.array([[0.0], [1.0]], np.float32))
    assert found.loss == pytest.approx(-math.log(1e-7))


def test_regression_measures_agree_with_scikit_learn():
    random = np.random.default_rng(7)
    truth = random.normal(100, 20, 300).astype(np.float32)
    predictions = (truth + random.normal(0, 5, 300)).astype(np.float32)[:, None]
    found = evaluate(REGRESSION, truth, predictions)
    assert found.r2 == pytest.approx(r2_score(truth, predictions[:, 0]), rel=1e-6)
    assert found.mae == pytest.approx(mean_absolute_error(truth, predictions[:, 0]), rel=1e-6)
    assert found.rmse == pytest.approx(math.sqrt(found.loss))
    assert found.accuracy_percent is None


def test_always_the_mean_has_an_r2_of_zero_and_the_truth_one_of_one():
    truth = np.array([1.0, 2.0, 3.0], np.float32)
    assert evaluate(REGRESSION, truth, np.full((3, 1), 2.0)).r2 == 0
    assert evaluate(REGRESSION, truth, truth[:, None]).r2 == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_no_numbers_are_noticed(wrong):
    for target, truth in ((BINARY, np.array([0, 1], np.int32)), (REGRESSION, np.array([0.0, 1.0], np.float32))):
        assert not evaluate(target, truth, np.array([[0.1], [wrong]], np.float32)).finite


def test_dictionary_has_only_what_the_task_has():
    found = evaluate(REGRESSION, np.array([0.0, 1.0], np.float32), np.array([[0.0], [1.0]], np.float32)).to_dict()
    assert set(found) == {"task", "rows", "finite", "loss", "r2", "mae", "rmse"}
