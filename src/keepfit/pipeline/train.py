"""Fits a model to the training rows. Knows nothing of holdout, gate or files."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from keepfit.config import TrainConfig
from keepfit.data.schema import Target
from keepfit.errors import TrainingError
from keepfit.pipeline.epoch import EpochReport
from keepfit.pipeline.model import Assembly
from keepfit.storage import make_folder

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingResult:
    """The curve of every measured quantity, one value an epoch, and the time it took."""

    history: dict[str, list[float]]
    duration_s: float


def set_seed(seed: int) -> None:
    """Make everything that follows repeatable: same data, seed and machine give the same weights to the bit."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    assembly: Assembly,
    inputs: Mapping[str, Array],
    truth: Array,
    target: Target,
    config: TrainConfig,
    on_epoch: Callable[[EpochReport], None],
    tensorboard: Path | None = None,
) -> TrainingResult:
    """Fit the assembly's core to raw inputs and their truth (rows,); `on_epoch` hears of every epoch.

    Raises TrainingError if fitting fails or the loss is not a number, StorageError if `tensorboard` cannot be written.
    """
    callbacks: list[keras.callbacks.Callback] = [_Reporter(config.epochs, on_epoch)]
    if tensorboard is not None:
        callbacks.append(_tensorboard(tensorboard))
    started = time.monotonic()
    features = assembly.preprocessed(inputs)
    try:
        history = assembly.core.fit(
            features,
            _fitted_target(truth, target),
            epochs=config.epochs,
            batch_size=config.batch_size,
            verbose=0,
            callbacks=callbacks,
        ).history
    except MemoryError as error:
        raise TrainingError(
            f"training {len(features):,} rows of width {features.shape[1]:,} ran out of memory"
        ) from error
    except (Exception, SystemExit) as error:  # the model may be the user's: its layers and losses raise what they like
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(f"training failed: {text}") from error
    # a metric of the user's may be a vector, which is no curve
    curves = {name: [float(v) for v in values] for name, values in history.items() if np.ndim(values) == 1}
    if "loss" not in curves:
        raise TrainingError("the model reports no loss for its epochs: its train_step must return one named loss")
    if not all(math.isfinite(value) for value in curves["loss"]):
        raise TrainingError(
            f"the training loss is no longer a number: try a lower train.learning_rate than {config.learning_rate}"
        )
    return TrainingResult(curves, time.monotonic() - started)


def _fitted_target(values: Array, target: Target) -> Array:
    if target.task != "regression":
        return values
    return ((values - (target.mean or 0.0)) / (target.std or 1.0)).astype(np.float32)


def _tensorboard(folder: Path) -> keras.callbacks.Callback:
    if find_spec("tensorboard") is None:
        raise TrainingError(
            "train.tensorboard_dir needs the Python package tensorboard: pip install 'keepfit[tensorboard]', or set it "
            "to null"
        )
    return keras.callbacks.TensorBoard(str(make_folder(folder)), write_graph=False)


class _Reporter(keras.callbacks.Callback):
    def __init__(self, epochs: int, on_epoch: Callable[[EpochReport], None]) -> None:
        super().__init__()
        self._epochs = epochs
        self._on_epoch = on_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        found = logs or {}
        accuracy = found.get("accuracy")
        loss = float(found.get("loss", math.nan))
        self._on_epoch(EpochReport(epoch + 1, self._epochs, loss, None if accuracy is None else float(accuracy)))
