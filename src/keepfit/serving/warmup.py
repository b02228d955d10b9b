"""Replays the warmup requests that lie with a version, so that its first real request is not slow.

The file, its records and its limit are TensorFlow Serving's. Knows no processes and no API.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError, KeepfitError, ModelLoadError, UnimplementedError
from keepfit.serving.records import read_records
from keepfit.serving.status import status_name
from keepfit.signatures import Signature
from keepfit.tensor_proto import to_array

FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000
"""TensorFlow Serving's limit."""
_DEFAULT_SIGNATURE = "serving_default"


class Model(Protocol):
    """What can be warmed up."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Its signatures by name."""

    def run(
        self, signature_name: str, inputs: Mapping[str, Array], output_names: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run a signature once."""


def replay(model: Model, path: Path, iterations: int) -> None:
    """Run each request of a version's warmup file as often as said; raises ModelLoadError."""
    file = path / FILE
    if iterations < 1 or not file.is_file():
        return
    for number, record in enumerate(read_records(file)):
        if number >= MAX_RECORDS:
            raise ModelLoadError(
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}", "INVALID_ARGUMENT"
            )
        try:
            log = protos.PredictionLog.FromString(record)
        except protos.DecodeError as error:
            raise ModelLoadError(f"Failed to parse warmup record {number} from {file}", "INVALID_ARGUMENT") from error
        try:
            for _ in range(iterations):
                _run(model, log)
        except KeepfitError as error:
            raise ModelLoadError(f"Warmup request {number} of {file} failed: {error}", status_name(error)) from error


def _run(model: Model, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "session_run_log":
        raise UnimplementedError(f"Unsupported log_type for warmup: {log.DESCRIPTOR.fields_by_name[kind].number}")
    if kind in _RUNNERS:
        _RUNNERS[kind](model, getattr(log, kind).request)


def _predict(model: Model, request: Any) -> None:
    inputs = {name: to_array(name, tensor) for name, tensor in request.inputs.items()}
    outputs = list(request.output_filter) or None
    model.run(request.model_spec.signature_name or _DEFAULT_SIGNATURE, inputs, outputs)


def _examine(model: Model, request: Any) -> None:
    """Classify and regress: tf.Examples for the only input of a signature."""
    _run_examples(model, request.model_spec.signature_name, request.input)


def _examine_all(model: Model, request: Any) -> None:
    for task in request.tasks:
        _run_examples(model, task.model_spec.signature_name, request.input)


def _run_examples(model: Model, signature_name: str, examples: Any) -> None:
    name = signature_name or _DEFAULT_SIGNATURE
    signature = model.signatures.get(name)
    if signature is None or len(signature.inputs) != 1:
        raise InvalidRequestError(f"No signature with one input was found with the name: {name}")
    (only,) = signature.inputs
    model.run(name, {only: _serialized(examples)})


def _serialized(message: Any) -> Array:
    """Return the tf.Examples of an Input message; a context's features go into each."""
    if message.WhichOneof("kind") == "example_list_with_context":
        examples = message.example_list_with_context.examples
        context = message.example_list_with_context.context.SerializeToString()
    else:
        examples, context = message.example_list.examples, b""
    serialized = np.empty(len(examples), dtype=object)
    serialized[:] = [context + example.SerializeToString() for example in examples]
    return serialized


_RUNNERS: Mapping[str, Callable[[Model, Any], None]] = {
    "predict_log": _predict,
    "classify_log": _examine,
    "regress_log": _examine,
    "multi_inference_log": _examine_all,
}
