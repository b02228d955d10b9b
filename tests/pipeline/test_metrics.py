"""Named metrics are scikit-learn's, their functions of means give the same value, and undefined ones say why."""

from typing import get_args

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from keepfit.config import MetricName
from keepfit.data.schema import Target
from keepfit.pipeline.bootstrap import Bootstrap
from keepfit.pipeline.gate.metric import LARGER_IS_BETTER
from keepfit.pipeline.metrics import measure

BINARY = Target("y", "binary", ("no", "yes"))
THREE = Target("y", "multiclass", ("a", "b", "c"))
REGRESSION = Target("y", "regression")


def binary(rows=600, seed=1):
    random = np.random.default_rng(seed)
    chance = random.beta(0.7, 0.7, rows)
    return (random.random(rows) < chance).astype(np.int32), np.round(chance, 2)[:, None].astype(np.float32)


def three(rows=900):
    random = np.random.default_rng(2)
    chances = random.dirichlet([0.5, 0.5, 0.5], rows)
    truth = np.array([random.choice(3, p=row) for row in chances], np.int32)
    return truth, chances.astype(np.float32)


def numbers(rows=500):
    random = np.random.default_rng(3)
    truth = random.normal(1000, 20, rows).astype(np.float32)
    return truth, (truth + random.normal(1, 5, rows)).astype(np.float32)[:, None]


CASES = [
    *[(BINARY, binary, name) for name in ("auc", "f1", "precision", "recall", "log_loss", "brier", "ece")],
    *[(THREE, three, name) for name in ("auc", "f1", "precision", "recall", "log_loss", "brier", "ece")],
    *[(REGRESSION, numbers, name) for name in ("mae", "rmse", "r2")],
]


@pytest.mark.parametrize(("target", "data", "name"), CASES, ids=lambda value: getattr(value, "task", None))
def test_function_of_means_gives_the_value_itself(target, data, name):
    found = measure(name, target, *data(), 0.5)
    assert found.combine(found.parts.mean(axis=0, dtype=np.float64)) == pytest.approx(found.value, rel=1e-5)
    assert found.problem == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auc", sk.roc_auc_score),
        ("f1", lambda y, p: sk.f1_score(y, p >= 0.3)),
        ("precision", lambda y, p: sk.precision_score(y, p >= 0.3)),
        ("recall", lambda y, p: sk.recall_score(y, p >= 0.3)),
        ("log_loss", lambda y, p: sk.log_loss(y, p.clip(1e-7, 1 - 1e-7))),
        ("brier", sk.brier_score_loss),
    ],
)
def test_two_classes_as_scikit_learn(name, expected):
    truth, predictions = binary()
    wanted = expected(truth, predictions[:, 0].astype(np.float64))
    assert measure(name, BINARY, truth, predictions, 0.3).value == pytest.approx(wanted, rel=1e-6)


def test_more_classes_as_scikit_learn():
    truth, predictions = three()
    called, exact = predictions.argmax(1), predictions.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert measure("auc", THREE, truth, predictions, 0.5).value == pytest.approx(
        sk.roc_auc_score(truth, exact, multi_class="ovr", average="macro")
    )
    assert measure("f1", THREE, truth, predictions, 0.5).value == sk.f1_score(truth, called, average="macro")
    assert measure("log_loss", THREE, truth, predictions, 0.5).value == pytest.approx(
        sk.log_loss(truth, exact), rel=1e-4
    )


def test_calibration_error_by_hand():
    truth = np.array([1, 1, 0, 0, 1], np.int32)
    stated = np.array([0.91, 0.95, 0.05, 0.91, 0.61])[:, None]
    # bins of 1/15: {0.91, 0.91}, {0.95}, {0.05}, {0.61}
    expected = (abs(1.82 - 1) + abs(0.95 - 1) + 0.05 + abs(0.61 - 1)) / 5
    assert measure("ece", BINARY, truth, stated, 0.5).value == pytest.approx(expected)


@pytest.mark.parametrize("name", ["auc", "f1", "precision", "recall"])
@pytest.mark.parametrize(("target", "data"), [(BINARY, binary), (THREE, three)], ids=["two", "three"])
def test_linearised_interval_is_that_of_full_resampling(target, data, name):
    truth, predictions = data()
    found = measure(name, target, truth, predictions, 0.5)
    low, high = Bootstrap(len(truth), 2000, 1).interval(found.parts, found.combine, 0.05)
    random, drawn = np.random.default_rng(5), []
    for _ in range(200):
        rows = random.integers(0, len(truth), len(truth))
        drawn.append(measure(name, target, truth[rows], predictions[rows], 0.5).value)
    assert high - low == pytest.approx(2 * 1.645 * np.std(drawn), rel=0.2)


@pytest.mark.parametrize(
    ("name", "target", "truth", "predictions", "problem"),
    [
        ("auc", BINARY, [1, 1, 1], [[0.2], [0.8], [0.5]], "auc is undefined where no row is of class 'no'"),
        ("auc", THREE, [0, 1, 1], np.full((3, 3), 1 / 3), "auc is undefined where no row is of class 'c'"),
        ("precision", BINARY, [1, 0], [[0.1], [0.2]], "precision is undefined where no row is predicted to be of the"),
        ("recall", BINARY, [0, 0], [[0.1], [0.9]], "recall is undefined where no row is truly of the second class"),
        ("f1", BINARY, [0, 0], [[0.1], [0.2]], "f1 is undefined where no row is truly of the second class"),
        ("r2", REGRESSION, [2.0, 2.0], [[1.0], [2.0]], "r2 is undefined where all true values are the same"),
        ("rmse", BINARY, [0, 1], [[0.1], [0.9]], "rmse is not a metric of a binary target"),
        ("auc", REGRESSION, [0.0, 1.0], [[0.1], [0.9]], "auc is not a metric of a regression target"),
        ("log_loss", BINARY, [0, 1], [[np.nan], [0.9]], "log_loss is undefined where predictions are not finite"),
    ],
)
def test_undefined_metric_says_why(name, target, truth, predictions, problem):
    dtype = np.float32 if target is REGRESSION else np.int32
    found = measure(name, target, np.array(truth, dtype), np.array(predictions), 0.5)
    assert found.value is None
    assert found.problem.startswith(problem)


def test_every_metric_of_the_config_has_a_direction():
    assert set(LARGER_IS_BETTER) == set(get_args(MetricName))


@pytest.mark.parametrize(("name", "right", "counted"), [("recall", 6, 8), ("precision", 6, 7), ("f1", 6, 9)], ids=str)
def test_share_of_few_rows_has_its_exact_interval(name, right, counted):
    truth = np.array([1] * 8 + [0] * 12)
    predictions = np.array([0.9] * 6 + [0.1] * 2 + [0.9] + [0.1] * 11)[:, None]
    share = stats.binomtest(right, counted).proportion_ci(0.9, "exact")
    expected = [2 * end / (1 + end) if name == "f1" else end for end in (share.low, share.high)]
    assert measure(name, BINARY, truth, predictions, 0.5).exact(0.05) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["auc", "f1", "precision", "recall"])
@pytest.mark.parametrize("target", [BINARY, THREE])
def test_few_rows_without_a_mistake_prove_little(name, target):
    truth = np.array([0] * 50 + [1] * 20 + [2 if target is THREE else 1] * 30, np.int32)
    predictions = np.eye(3)[truth] if target is THREE else truth[:, None].astype(np.float64)
    found = measure(name, target, truth, predictions, 0.5)
    assert found.value == 1
    low, high = found.exact(0.05)
    fewest = 20 if target is THREE else 50
    assert low == pytest.approx({"f1": 2 / (1 + 0.05 ** (-1 / fewest))}.get(name, 0.05 ** (1 / fewest)))
    assert high == 1
