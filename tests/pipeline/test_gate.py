"""The gate, rule by rule: an equal value passes, a worse one never does, and every reason has its numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.config import GateConfig
from keepfit.data.schema import Target
from keepfit.pipeline.evaluate import Evaluation, evaluate
from keepfit.pipeline.gate import Evidence
from keepfit.pipeline.gate import decide as judge

BINARY = Target("y", "binary", ("no", "yes"))
REGRESSION = Target("y", "regression")


def decide(evaluation, rules):
    return judge(Evidence(evaluation), rules)


def classified(correct, rows, trivial_percent=50.0, *, finite=True):
    return Evaluation(
        task="binary",
        rows=rows,
        finite=finite,
        loss=0.1,
        correct=correct,
        accuracy_percent=100 * correct / rows,
        accuracy_low_percent=90.0,
        accuracy_high_percent=99.0,
        trivial_percent=trivial_percent,
    )


def measured(r2, *, finite=True):
    return Evaluation(task="regression", rows=100, finite=finite, loss=1.0, r2=r2, mae=1.0, rmse=1.0)


@pytest.mark.parametrize(
    ("evaluation", "minimum", "decision"),
    [
        (classified(97, 100), 97.0, "PROMOTE"),
        (classified(1940, 2000), 97.0, "PROMOTE"),
        (classified(96, 100), 97.0, "REJECT"),
        (classified(96_999, 100_000), 97.0, "REJECT"),
        (classified(96_999_999, 100_000_000), 97.0, "REJECT"),
        (classified(97_000_001, 100_000_000), 97.0, "PROMOTE"),
        (classified(483, 500), 96.6, "PROMOTE"),
        (classified(100, 100), 100, "PROMOTE"),
        (classified(1, 100, 0.5), 0, "PROMOTE"),
        (classified(0, 100, 0.0), 0, "REJECT"),
    ],
    ids=lambda value: f"{value.correct}/{value.rows}" if isinstance(value, Evaluation) else str(value),
)
def test_least_accuracy(evaluation, minimum, decision):
    assert decide(evaluation, GateConfig(min_accuracy_percent=minimum)).decision == decision


@given(st.integers(1, 100_000), st.integers(0, 1000))
def test_accuracy_equal_to_the_bound_always_passes(rows, tenths):
    correct, rest = divmod(rows * tenths, 1000)
    if rest == 0 and correct:
        assert decide(classified(correct, rows, 0.0), GateConfig(min_accuracy_percent=tenths / 10)).promotes


@pytest.mark.parametrize(
    ("accuracy", "trivial", "decision"), [(98, 97.9, "PROMOTE"), (98, 98.0, "REJECT"), (98, 99.0, "REJECT")]
)
def test_model_must_beat_the_commonest_class(accuracy, trivial, decision):
    verdict = decide(classified(accuracy, 100, trivial), GateConfig(min_accuracy_percent=97))
    assert verdict.decision == decision
    if not verdict.promotes:
        assert verdict.reason == f"no better than always the commonest class ({trivial:.2f} %)"


@pytest.mark.parametrize(
    ("r2", "minimum", "decision"),
    [
        (0.5, 0.5, "PROMOTE"),
        (0.4999999, 0.5, "REJECT"),
        (1.0, 1.0, "PROMOTE"),
        (0.0, -1.0, "REJECT"),
        (-0.5, -1.0, "REJECT"),
        (1e-9, 0.0, "PROMOTE"),
        (-math.inf, 0.5, "REJECT"),
        (math.nan, -1.0, "REJECT"),
    ],
)
def test_least_r2(r2, minimum, decision):
    assert decide(measured(r2), GateConfig(min_r2=minimum)).decision == decision


def test_predictions_that_are_no_numbers_never_pass():
    for evaluation in (classified(100, 100, finite=False), measured(1.0, finite=False)):
        verdict = decide(evaluation, GateConfig(min_accuracy_percent=0, min_r2=-1))
        assert verdict.decision == "REJECT"
        assert verdict.reason == "some predictions are not finite numbers"


def test_nan_predictions_of_a_real_evaluation_are_rejected():
    truth = np.array([0, 1] * 50, np.int32)
    predictions = np.where(truth[:, None] == 1, 0.9, np.nan).astype(np.float32)
    evaluation = evaluate(BINARY, truth, predictions)
    assert evaluation.accuracy_percent == 100
    assert not decide(evaluation, GateConfig()).promotes


def test_holdout_of_one_class_never_promotes():
    truth = np.zeros(100, np.int32)
    assert not decide(evaluate(BINARY, truth, np.zeros((100, 1), np.float32)), GateConfig()).promotes


def test_constant_truth_never_promotes():
    truth = np.full(100, 2.5, np.float32)
    evaluation = evaluate(REGRESSION, truth, truth[:, None])
    assert not decide(evaluation, GateConfig(min_r2=-1000)).promotes


def test_reason_has_the_numbers():
    verdict = decide(classified(985, 1000), GateConfig(min_accuracy_percent=97))
    assert verdict.reason == "accuracy 98.50 % ≥ 97 % (95 % interval 90.00 to 99.00, 1,000 rows)"
    verdict = decide(classified(96_999, 100_000), GateConfig(min_accuracy_percent=97))
    assert verdict.reason.startswith("accuracy 96.999 % < 97 % (95 % interval ")
    assert decide(measured(0.25), GateConfig()).reason == "R² 0.2500 < 0.5"


def test_every_failed_rule_is_in_the_reason():
    verdict = decide(classified(50, 100, 60.0, finite=False), GateConfig())
    assert [rule.passed for rule in verdict.rules] == [False, False, False]
    assert verdict.reason == "; ".join(rule.reason for rule in verdict.rules)
    found = verdict.to_dict()["rules"][0]
    assert (found["rule"], found["outcome"], found["passed"]) == ("min_accuracy_percent", "fail", False)
    assert (found["value"], found["bound"]) == (50.0, {"value": 97.0, "direction": "at_least"})
    assert found["interval"]["low"] == 90.0


@given(st.integers(1, 5000), st.data(), st.floats(0, 100))
def test_what_is_promoted_passed_every_rule(rows, data, minimum):
    evaluation = classified(data.draw(st.integers(0, rows)), rows, data.draw(st.floats(0, 100)))
    verdict = decide(evaluation, GateConfig(min_accuracy_percent=minimum))
    assert verdict.promotes == (
        evaluation.accuracy_percent >= minimum and evaluation.accuracy_percent > evaluation.trivial_percent
    )
