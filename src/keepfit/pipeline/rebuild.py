"""The fresh process in which a version is trained again. Reads one JSON request, answers one line of JSON.

Publishes nothing: the model goes into a folder of the caller, who compares the answer with the record.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from keepfit import errors
from keepfit.config import Config
from keepfit.data.dataset import Dataset, prepare
from keepfit.pipeline import artifacts, environment
from keepfit.pipeline.contract import OUTPUT_NAME, SIGNATURE_NAME

_BATCH_ROWS = 8192


def rebuild(request: Mapping[str, Any]) -> dict[str, Any]:
    """Train again from the same data; without training, if the data is not the same. Raises KeepfitError.

    `request` has the record's "config", "seed" and data "fingerprint", the project's "root", the folder of the old
    model or None as "model", and a "scratch" folder. The answer has "dataset", and after a training "digests",
    "evaluation" and "largest_difference" between both models' predictions, None without the old one.
    """
    root, model = Path(request["root"]), Path(request["model"]) if request["model"] else None
    config, known = _config(request["config"]), artifacts.read_schema(model) if model else None
    # golden rows judge, and are never trained on: whatever has become of them, the model is the same
    data = config.data.model_copy(update={"golden_path": None})
    dataset = prepare(data, root, request["seed"], known)
    found: dict[str, Any] = {"dataset": {"fingerprint": dataset.fingerprint, **dataset.characteristics}}
    if dataset.fingerprint == request["fingerprint"]:
        found |= _train(dataset, config, root, request["seed"], Path(request["scratch"]), model)
    return {**found, **environment.describe(root)}


def _config(values: Mapping[str, Any]) -> Config:
    try:
        return Config.model_validate_json(json.dumps(values))
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise errors.ConfigError(f"the record's config has {key}, which this Keepfit does not take any more") from error


def _train(
    dataset: Dataset, config: Config, root: Path, seed: int, scratch: Path, model: Path | None
) -> dict[str, Any]:
    # imports TensorFlow, which takes seconds: only when the data is found to be the same
    from keepfit.pipeline.candidate import make_candidate  # noqa: PLC0415

    candidate = make_candidate(dataset, config, root, seed, scratch, lambda _: None)
    difference = None
    if model is not None:
        names = candidate.sample.keys()
        inputs = dict(zip(names, dataset.holdout.inputs.values(), strict=True))
        difference = float(np.max(np.abs(_answers(model, inputs) - _answers(scratch, inputs))))
    return {
        "digests": dict(candidate.digests),
        "evaluation": candidate.evaluation.to_dict(),
        "largest_difference": difference,
    }


def _answers(model: Path, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the exported model answers to all rows."""
    from keepfit import savedmodel  # noqa: PLC0415 - as above

    rows = len(next(iter(inputs.values())))
    with savedmodel.load(model) as loaded:
        batches = (
            {name: values[start : start + _BATCH_ROWS] for name, values in inputs.items()}
            for start in range(0, rows, _BATCH_ROWS)
        )
        return np.concatenate([loaded.run(SIGNATURE_NAME, batch)[OUTPUT_NAME] for batch in batches])


def main() -> None:
    """Answer the one request. What is wrong with data, model or config is an answer too."""
    request = json.loads(sys.stdin.read())
    try:
        answer = rebuild(request)
    except errors.KeepfitError as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer to the parent process


if __name__ == "__main__":
    main()
