"""The metrics that a config can name, from scikit-learn, and as functions of means over rows, for their intervals.

Imported only if a config names some: scikit-learn takes half a second to import.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from keepfit.config import MetricName
from keepfit.data.schema import Target
from keepfit.pipeline.bootstrap import Combine
from keepfit.pipeline.evaluate import LEAST_LIKELIHOOD, predicted_classes
from keepfit.pipeline.statistics import clopper_pearson

Array = NDArray[Any]

BINS = 15
"""Of the calibration error, equally wide, as in Guo et al., On Calibration of Modern Neural Networks, 2017."""
_OF_REGRESSION = ("mae", "rmse", "r2")


@dataclass(frozen=True, eq=False)
class Measured:
    """A metric's value, None where it is undefined, which `problem` explains.

    `combine` makes it, but for the terms of second order of auc and of the macro averages, of the means of `parts`
    (rows, parts). `exact` gives its interval, from the chance at each end, where resampling would be too sure: of a
    share of few rows, and where nothing went wrong. `counted` rows are what it rests on then.
    """

    value: float | None
    parts: Array
    combine: Combine
    problem: str = ""
    exact: Callable[[float], tuple[float, float]] | None = None
    counted: int | None = None


def measure(name: MetricName, target: Target, truth: Array, predictions: Array, threshold: float) -> Measured:
    """Measure predictions (rows, outputs) against the truth (rows,)."""
    if (name in _OF_REGRESSION) != (target.task == "regression"):
        return _undefined(len(truth), f"{name} is not a metric of a {target.task} target")
    if not np.isfinite(predictions).all():
        return _undefined(len(truth), f"{name} is undefined where predictions are not finite")
    if target.task == "regression":
        return _regression(name, truth.astype(np.float64), predictions[:, 0].astype(np.float64))
    if name in ("f1", "precision", "recall"):
        if target.task == "binary":
            return _counted(name, truth == 1, predictions[:, 0] >= threshold)
        return _macro_counted(name, len(target.classes), truth, predicted_classes(target, predictions))
    return _PROBABILITY[name](target, truth, predictions.astype(np.float64))


def _regression(name: MetricName, truth: Array, predictions: Array) -> Measured:
    error = predictions - truth
    if name == "mae":
        return Measured(float(sklearn_metrics.mean_absolute_error(truth, predictions)), np.abs(error)[:, None], _mean)
    if name == "rmse":
        value = float(sklearn_metrics.root_mean_squared_error(truth, predictions))
        return Measured(value, (error**2)[:, None], lambda means: np.sqrt(means[..., 0]))
    if len(truth) < 2 or np.ptp(truth) == 0:
        return _undefined(len(truth), "r2 is undefined where all true values are the same")
    centred = truth - truth.mean()
    parts = np.column_stack([error**2, centred, centred**2])
    return Measured(
        float(sklearn_metrics.r2_score(truth, predictions)),
        parts,
        lambda means: 1 - means[..., 0] / _positive(means[..., 2] - means[..., 1] ** 2),
    )


def _counted(name: MetricName, truth: Array, called: Array) -> Measured:
    """Precision, recall or F1 of the second class; undefined where its denominator is no row."""
    parts = np.column_stack([truth & called, called, truth]).astype(np.float64)
    missing = {"precision": not called.any(), "recall": not truth.any(), "f1": not (called | truth).any()}[name]
    if missing:
        what = "predicted to be" if name == "precision" else "truly"
        return _undefined(len(truth), f"{name} is undefined where no row is {what} of the second class")
    score: Callable[..., float] = getattr(sklearn_metrics, f"{name}_score")
    counting = {"precision": called, "recall": truth, "f1": called | truth}[name]
    counted = int(np.count_nonzero(counting))
    exact = _exact_share(name, int(np.count_nonzero(truth & called)), counted)
    return Measured(float(score(truth, called)), parts, _COUNTED[name], exact=exact, counted=counted)


def _exact_share(name: MetricName, right: int, counted: int) -> Callable[[float], tuple[float, float]]:
    """Clopper–Pearson of the share of the counted rows that are right; F1 is 2 s / (1 + s) of it."""

    def exact(tail: float) -> tuple[float, float]:
        low, high = clopper_pearson(right, counted, 1 - 2 * tail)
        return (2 * low / (1 + low), 2 * high / (1 + high)) if name == "f1" else (low, high)

    return exact


_COUNTED: dict[str, Combine] = {
    "precision": lambda means: means[..., 0] / _positive(means[..., 1]),
    "recall": lambda means: means[..., 0] / _positive(means[..., 2]),
    "f1": lambda means: 2 * means[..., 0] / _positive(means[..., 1] + means[..., 2]),
}


def _macro_counted(name: MetricName, classes: int, truth: Array, called: Array) -> Measured:
    """The mean over the classes that occur, a class that is never called counting as 0, as scikit-learn has it."""
    score: Callable[..., float] = getattr(sklearn_metrics, f"{name}_score")
    value = float(score(truth, called, average="macro", zero_division=0.0))
    rows = len(truth)
    right = np.bincount(truth[truth == called], minlength=classes) / rows
    of_truth, of_called = np.bincount(truth, minlength=classes) / rows, np.bincount(called, minlength=classes) / rows
    counts = {"precision": of_called, "recall": of_truth, "f1": (of_called + of_truth) / 2}[name]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(counts > 0, right / counts, 0.0)
        weight = np.where(counts > 0, 1 / counts, 0.0) / np.count_nonzero(of_truth + of_called)
    hit = (truth == called) * weight[truth]
    influence = {
        "precision": hit - (weight * each)[called],
        "recall": hit - (weight * each)[truth],
        "f1": hit - ((weight * each)[called] + (weight * each)[truth]) / 2,
    }[name]
    fewest = np.bincount(truth, minlength=classes)
    return _linear(name, value, influence, int(fewest[fewest > 0].min()))


def _auc(target: Target, truth: Array, predictions: Array) -> Measured:
    present, rows_of = np.unique(truth, return_counts=True)
    if len(present) < len(target.classes):
        absent = sorted(set(range(len(target.classes))) - {int(index) for index in present})
        return _undefined(len(truth), f"auc is undefined where no row is of class {target.classes[absent[0]]!r}")
    if target.task == "binary":
        value = float(sklearn_metrics.roc_auc_score(truth, predictions[:, 0]))
        return _linear("auc", value, _placements(truth == 1, predictions[:, 0]), int(rows_of.min()))
    sums = predictions.sum(axis=1, keepdims=True)
    shares = predictions / np.where(sums > 0, sums, 1)
    each = [_placements(truth == index, shares[:, index]) for index in present]
    areas = [float(sklearn_metrics.roc_auc_score(truth == index, shares[:, index])) for index in present]
    return _linear("auc", float(np.mean(areas)), np.mean(each, axis=0), int(rows_of.min()))


def _placements(positive: Array, scores: Array) -> Array:
    """How much each row moves the area: DeLong's structural components (Biometrics 44, 1988), centred, weighted."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    positives = np.bincount(inverse, positive, len(counts))
    negatives = counts - positives
    below = np.cumsum(negatives) - negatives / 2
    above = positives.sum() - np.cumsum(positives) + positives / 2
    share = np.where(positive, (below / negatives.sum())[inverse], (above / positives.sum())[inverse])
    area = float(share[positive].mean())
    influence: Array = (share - area) * np.where(positive, 1 / positive.mean(), 1 / (1 - positive.mean()))
    return influence


def _log_loss(target: Target, truth: Array, predictions: Array) -> Measured:
    chances = _chances(target, predictions)
    likelihood = np.clip(chances[np.arange(len(truth)), truth], LEAST_LIKELIHOOD, 1.0)
    parts = -np.log(likelihood)[:, None]
    return Measured(float(parts.mean()), parts, _mean)


def _brier(target: Target, truth: Array, predictions: Array) -> Measured:
    if target.task == "binary":
        parts = ((predictions[:, 0] - truth) ** 2)[:, None]
        return Measured(float(sklearn_metrics.brier_score_loss(truth, predictions[:, 0].clip(0, 1))), parts, _mean)
    chances = predictions.copy()
    chances[np.arange(len(truth)), truth] -= 1
    parts = (chances**2).sum(axis=1, keepdims=True)
    return Measured(float(parts.mean()), parts, _mean)


def _ece(target: Target, truth: Array, predictions: Array) -> Measured:
    """Expected calibration error: of the second class's probability, or with more classes of the named one's."""
    if target.task == "binary":
        stated, hit = predictions[:, 0], truth == 1
    else:
        stated, hit = predictions.max(axis=1), predicted_classes(target, predictions) == truth
    cell = np.minimum((stated.clip(0, 1) * BINS).astype(np.int64), BINS - 1)
    parts = np.zeros((len(truth), BINS), np.float32)
    parts[np.arange(len(truth)), cell] = stated - hit
    value = float(np.abs(np.bincount(cell, stated - hit, BINS)).sum() / len(truth))
    return Measured(value, parts, lambda means: np.abs(means).sum(axis=-1))


_PROBABILITY: dict[str, Callable[[Target, Array, Array], Measured]] = {
    "auc": _auc,
    "log_loss": _log_loss,
    "brier": _brier,
    "ece": _ece,
}


def _chances(target: Target, predictions: Array) -> Array:
    return np.column_stack([1 - predictions[:, 0], predictions[:, 0]]) if target.task == "binary" else predictions


def _linear(name: MetricName, value: float, influence: Array, fewest: int) -> Measured:
    """A value that moves with the mean of its rows' influence, which is 0 on the rows as they are.

    `fewest` rows has the smallest class. If the value is 1, each of them was right, or above a row of its own of
    another class: were a class worse than some value, that would have had at most the chance of value ** fewest.
    """
    exact = _exact_share(name, fewest, fewest) if value == 1 else None
    return Measured(value, influence[:, None], lambda means: value + means[..., 0], exact=exact, counted=fewest)


def _undefined(rows: int, problem: str) -> Measured:
    return Measured(None, np.zeros((rows, 1)), _mean, problem)


def _mean(means: Array) -> Array:
    value: Array = means[..., 0]
    return value


def _positive(values: Array) -> Array:
    """The values, NaN where they are not above 0, so that a quotient is NaN there."""
    return np.where(values > 0, values, np.nan)
