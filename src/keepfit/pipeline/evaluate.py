"""Measures predictions against the holdout. Pure: arrays in, numbers out."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepfit.data.schema import Target
from keepfit.pipeline.statistics import clopper_pearson

Array = NDArray[Any]

CONFIDENCE = 0.95
LEAST_LIKELIHOOD = 1e-7
"""Where the log loss is cut off: the resolution of the model's float32, as Keras does."""


@dataclass(frozen=True)
class Evaluation:
    """What a model does on the holdout. Shares are percent; what a task has not is None.

    `trivial_percent` is the accuracy of always naming the commonest class of the holdout.
    `loss` is the mean log loss (classification, natural logarithm) or the mean squared error (regression).
    `confusion` counts rows by true class, then by predicted class.
    """

    task: str
    rows: int
    finite: bool
    loss: float
    correct: int | None = None
    accuracy_percent: float | None = None
    accuracy_low_percent: float | None = None
    accuracy_high_percent: float | None = None
    trivial_percent: float | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    r2: float | None = None
    mae: float | None = None
    rmse: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what the task has not."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def evaluate(target: Target, truth: Array, predictions: Array) -> Evaluation:
    """Measure predictions (rows, outputs) against the truth (rows,)."""
    if target.task == "regression":
        return _regression(truth.astype(np.float64), predictions[:, 0].astype(np.float64))
    return _classification(target, truth, predictions.astype(np.float64))


def predicted_classes(target: Target, predictions: Array) -> Array:
    """The class index of each row: the likelier one, or the first likeliest."""
    if target.task == "binary":
        return np.asarray(predictions[:, 0] >= 0.5, dtype=np.int32)
    likeliest: Array = np.argmax(predictions, axis=1).astype(np.int32)
    return likeliest


def _classification(target: Target, truth: Array, predictions: Array) -> Evaluation:
    rows, classes = len(truth), len(target.classes)
    guessed = predicted_classes(target, predictions)
    correct = int(np.sum(guessed == truth))
    low, high = clopper_pearson(correct, rows, CONFIDENCE)
    confusion = np.bincount(truth.astype(np.int64) * classes + guessed, minlength=classes * classes)
    return Evaluation(
        task=target.task,
        rows=rows,
        finite=bool(np.isfinite(predictions).all()),
        loss=_log_loss(target, truth, predictions),
        correct=correct,
        accuracy_percent=100 * correct / rows,
        accuracy_low_percent=100 * low,
        accuracy_high_percent=100 * high,
        trivial_percent=100 * int(np.bincount(truth).max()) / rows,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion.reshape(classes, classes)),
    )


def _log_loss(target: Target, truth: Array, predictions: Array) -> float:
    if target.task == "binary":
        likelihood = np.where(truth == 1, predictions[:, 0], 1 - predictions[:, 0])
    else:
        likelihood = predictions[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.clip(likelihood, LEAST_LIKELIHOOD, 1.0))))


def _regression(truth: Array, predictions: Array) -> Evaluation:
    errors = predictions - truth
    squares = float(np.mean(errors**2))
    spread = float(np.var(truth))
    return Evaluation(
        task="regression",
        rows=len(truth),
        finite=bool(np.isfinite(predictions).all()),
        loss=squares,
        r2=1 - squares / spread if spread > 0 else -math.inf,
        mae=float(np.mean(np.abs(errors))),
        rmse=math.sqrt(squares) if math.isfinite(squares) else squares,
    )
