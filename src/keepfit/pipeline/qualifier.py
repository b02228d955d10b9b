"""The fresh process in which a candidate must load and predict what the trainer predicted.

Started early, so that it imports TensorFlow beside the training. Reads one line of JSON, answers one line of JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np

from keepfit import savedmodel
from keepfit.errors import KeepfitError

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-5
"""Two ways through the same float32 graph round differently; a broken export differs by far more."""


def qualify(model: Path, sample: Path, signature: str, output: str) -> str:
    """Load the model and compare; return what is wrong, "" if nothing is.

    `sample` is an .npz with the arrays "input:NAME" and "expected".
    """
    with np.load(sample, allow_pickle=False) as arrays:
        expected = arrays["expected"]
        inputs = {name.removeprefix("input:"): arrays[name] for name in arrays.files if name.startswith("input:")}
    with savedmodel.load(model) as loaded:
        found = loaded.run(signature, {name: _as_model_input(values) for name, values in inputs.items()})[output]
    if found.shape != expected.shape:
        return f"it answers shape {found.shape} where the trainer had {expected.shape}"
    if not np.allclose(found, expected, RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE, equal_nan=True):
        worst = float(np.max(np.abs(found - expected)))
        return f"its predictions differ from the trainer's by up to {worst:.3g}"
    return ""


def _as_model_input(values: np.ndarray) -> np.ndarray:
    # text travels as fixed-width characters, because object arrays would need pickle
    return values.astype(object) if values.dtype.kind == "U" else values


def main() -> None:
    """Wait for the request, answer it, end. An end of input without a request ends it too."""
    print("ready", flush=True)  # noqa: T201 - the answer to the parent process
    line = sys.stdin.readline()
    if not line:
        return
    request = json.loads(line)
    try:
        wrong = qualify(Path(request["model"]), Path(request["sample"]), request["signature"], request["output"])
    except KeepfitError as error:
        wrong = str(error)
    print(json.dumps({"wrong": wrong}), flush=True)  # noqa: T201 - the answer to the parent process


if __name__ == "__main__":
    main()
