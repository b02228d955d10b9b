"""The half of a run that needs TensorFlow: from a dataset to a staged, measured candidate.

Imported only after the data has been found good, because the import takes seconds.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepfit.config import Config
from keepfit.data.dataset import Dataset
from keepfit.pipeline import artifacts, export
from keepfit.pipeline.epoch import EpochReport
from keepfit.pipeline.evaluate import Evaluation, evaluate
from keepfit.pipeline.layers import preprocessing
from keepfit.pipeline.model import assemble
from keepfit.pipeline.train import TrainingResult, fit, set_seed

_SAMPLE_ROWS = 256


@dataclass(frozen=True)
class Candidate:
    """A trained model, exported to `folder`, and what it does on the holdout.

    `digests` are SHA-256 of the "weights" and of the "predictions", the same only if every bit is. `predictions` are
    its answers to all holdout rows, `sample` the inputs of the first few of them, and `golden_predictions` its answers
    to the golden set, None without one.
    """

    folder: Path
    digests: Mapping[str, str]
    training: TrainingResult
    evaluation: Evaluation
    predictions: NDArray[Any]
    sample: Mapping[str, NDArray[Any]]
    durations_s: Mapping[str, float]
    golden_predictions: NDArray[Any] | None = None


def make_candidate(
    dataset: Dataset,
    config: Config,
    root: Path,
    seed: int,
    folder: Path,
    on_epoch: Callable[[EpochReport], None],
    tensorboard: Path | None = None,
) -> Candidate:
    """Train on the dataset, export to `folder`, measure on the holdout; raises TrainingError, StorageError.

    TensorBoard logs go to the folder `tensorboard`, if there is one.
    """
    set_seed(seed)
    preprocess = preprocessing(dataset.schema)
    assembly = assemble(dataset.schema, preprocess, config.model, config.train.learning_rate, root)
    # model inputs bear the names that clients use, in the order of the table's
    train_rows = _renamed(dataset.train.inputs, assembly.input_specs)
    holdout_rows = _renamed(dataset.holdout.inputs, assembly.input_specs)
    training = fit(
        assembly, train_rows, dataset.train.target, dataset.schema.target, config.train, on_epoch, tensorboard
    )
    started = time.monotonic()
    predictions = assembly.predict(holdout_rows)
    evaluation = evaluate(dataset.schema.target, dataset.holdout.target, predictions)
    golden = None
    if dataset.golden is not None:
        golden = assembly.predict(_renamed(dataset.golden.table.inputs, assembly.input_specs))
    evaluated = time.monotonic()
    export.write_model(assembly, folder)
    sample = {name: values[:_SAMPLE_ROWS] for name, values in holdout_rows.items()}
    export.write_warmup(sample, folder, config.model_name)
    artifacts.write_schema(dataset.schema, folder)
    exported = time.monotonic()
    durations_s = {
        "training": training.duration_s,
        "evaluation": evaluated - started,
        "export": exported - evaluated,
    }
    digests = {"weights": digest(assembly.whole.get_weights()), "predictions": digest([predictions])}
    return Candidate(folder, digests, training, evaluation, predictions, sample, durations_s, golden)


def digest(arrays: Iterable[NDArray[Any]]) -> str:
    """SHA-256 of the arrays' types, shapes and bits, in their order."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _renamed(inputs: Mapping[str, NDArray[Any]], specs: Mapping[str, object]) -> dict[str, NDArray[Any]]:
    return dict(zip(specs, inputs.values(), strict=True))
