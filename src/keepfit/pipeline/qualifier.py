"""The fresh process in which models are tried: the candidate must load and predict what the trainer predicted there.

Started early, so that it imports TensorFlow beside the training, and lets the served version, the champion, answer
the holdout meanwhile. Reads lines of JSON, answers each by one line of JSON.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keepfit import savedmodel
from keepfit.errors import KeepfitError

Array = np.ndarray[Any, Any]

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-5
"""Two ways through the same float32 graph round differently; a broken export differs by far more."""
_BATCH_ROWS = 8192
_MOST_CALLS = 100
_LONGEST_S = 0.5


class Trial:
    """The models that are loaded: the champion, once it has answered, and the candidate."""

    def __init__(self, loaded: ExitStack) -> None:
        self._loaded = loaded
        self._champion: savedmodel.SavedModel | None = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked; whatever is wrong with a model is in "wrong", "" if nothing is."""
        found = self._loaded.enter_context(savedmodel.load(Path(request["model"])))
        inputs, expected = _arrays(Path(request["sample"]))
        signature, output = request["signature"], request["output"]
        if request["what"] == "champion":
            np.save(request["answer"], predict(found, signature, output, inputs), allow_pickle=False)
            self._champion = found
            return {"wrong": ""}
        if wrong := compare(found.run(signature, inputs)[output], expected):
            return {"wrong": wrong}
        row = {name: values[:1] for name, values in inputs.items()}
        models = [found] if self._champion is None else [found, self._champion]
        calls = [partial(model.run, signature, row, [output]) for model in models]
        return {"wrong": "", "latency_ms": latencies_ms(calls)}


def predict(model: savedmodel.SavedModel, signature: str, output: str, inputs: Mapping[str, Array]) -> Array:
    """Predict all rows, in batches; the answers to each batch one below the other."""
    rows = len(next(iter(inputs.values())))
    batches = (
        {name: values[start : start + _BATCH_ROWS] for name, values in inputs.items()}
        for start in range(0, rows, _BATCH_ROWS)
    )
    return np.concatenate([model.run(signature, batch, [output])[output] for batch in batches])


def compare(found: Array, expected: Array) -> str:
    """What is wrong with the predictions, "" if nothing is."""
    if found.shape != expected.shape:
        return f"it answers shape {found.shape} where the trainer had {expected.shape}"
    if not np.allclose(found, expected, RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE, equal_nan=True):
        worst = float(np.max(np.abs(found - expected)))
        return f"its predictions differ from the trainer's by up to {worst:.3g}"
    return ""


def latencies_ms(calls: Sequence[Callable[[], object]]) -> list[float]:
    """The median time of each call in milliseconds; they take turns, so that what disturbs one disturbs all."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    deadline = time.perf_counter() + _LONGEST_S
    while len(times[0]) < _MOST_CALLS and (not times[0] or time.perf_counter() < deadline):
        for its, call in zip(times, calls, strict=True):
            started = time.perf_counter()
            call()
            its.append(time.perf_counter() - started)
    return [1000 * statistics.median(its) for its in times]


def _arrays(sample: Path) -> tuple[dict[str, Array], Array]:
    """The inputs, and the expected predictions; see qualify.py, which wrote them."""
    with np.load(sample, allow_pickle=False) as arrays:
        inputs = {name.removeprefix("input:"): arrays[name] for name in arrays.files if name.startswith("input:")}
        for name in [name for name in inputs if f"code:{name}" in arrays.files]:
            # text travels as its distinct values, because object arrays would need pickle
            inputs[name] = inputs[name].astype(object)[arrays[f"code:{name}"]]
        return inputs, arrays["expected"]


def main() -> None:
    """Answer requests until the input ends."""
    print("ready", flush=True)  # noqa: T201 - the answer to the parent process
    with ExitStack() as loaded:
        trial = Trial(loaded)
        for line in sys.stdin:
            try:
                answer = trial.answer(json.loads(line))
            except KeepfitError as error:
                # TensorFlow's messages are of several lines, and a reason is one sentence
                answer = {"wrong": " ".join(str(error).split())}
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer to the parent process
