"""The half of a run that needs TensorFlow: from a dataset to a staged, measured candidate.

Imported only after the data has been found good, because the import takes seconds.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    `predictions` are its answers to all holdout rows, `sample` the inputs of the first few of them.
    """

    folder: Path
    training: TrainingResult
    evaluation: Evaluation
    predictions: NDArray[Any]
    sample: Mapping[str, NDArray[Any]]
    durations_s: Mapping[str, float]


def make_candidate(
    dataset: Dataset, config: Config, root: Path, seed: int, folder: Path, on_epoch: Callable[[EpochReport], None]
) -> Candidate:
    """Train on the dataset, export to `folder`, measure on the holdout; raises TrainingError, StorageError."""
    set_seed(seed)
    preprocess = preprocessing(dataset.schema)
    assembly = assemble(dataset.schema, preprocess, config.model, config.train.learning_rate, root)
    # model inputs bear the names that clients use, in the order of the table's
    train_rows = _renamed(dataset.train.inputs, assembly.input_specs)
    holdout_rows = _renamed(dataset.holdout.inputs, assembly.input_specs)
    training = fit(assembly, train_rows, dataset.train.target, dataset.schema.target, config.train, on_epoch)
    started = time.monotonic()
    predictions = assembly.predict(holdout_rows)
    evaluation = evaluate(dataset.schema.target, dataset.holdout.target, predictions)
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
    return Candidate(folder, training, evaluation, predictions, sample, durations_s)


def _renamed(inputs: Mapping[str, NDArray[Any]], specs: Mapping[str, object]) -> dict[str, NDArray[Any]]:
    return dict(zip(specs, inputs.values(), strict=True))
