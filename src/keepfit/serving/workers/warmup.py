"""Replays the warmup requests that lie with a version, so that its first real request is not slow.

The file, its records and its limit are TensorFlow Serving's. Knows no processes and no API.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError, KeepfitError, ModelLoadError, UnimplementedError
from keepfit.serving.requests.status import status_name
from keepfit.serving.requests.tf_examples import from_input
from keepfit.serving.workers.records import read_records
from keepfit.signatures import DEFAULT_SIGNATURE, Signature, unite
from keepfit.tensor_proto import to_array

FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000
"""TensorFlow Serving's limit."""


class Model(Protocol):
    """What can be warmed up."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Its signatures by name."""

    def run(
        self, signature_name: str, inputs: Mapping[str, Array], output_names: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run a signature once."""


def replay(model: Model, path: Path, iterations: int) -> bool:
    """Run each request of a version's warmup file as often as said; raises ModelLoadError.

    Return whether there is such a file.
    """
    file = path / FILE
    if iterations < 1 or not file.is_file():
        return False
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
    return True


def _run(model: Model, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "session_run_log":
        raise UnimplementedError(f"Unsupported log_type for warmup: {log.DESCRIPTOR.fields_by_name[kind].number}")
    if kind in _RUNNERS:
        _RUNNERS[kind](model, getattr(log, kind).request)


def _predict(model: Model, request: Any) -> None:
    inputs = {name: to_array(name, tensor) for name, tensor in request.inputs.items()}
    outputs = list(request.output_filter) or None
    model.run(request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs, outputs)


def _examine(model: Model, request: Any) -> None:
    """Classify and regress: tf.Examples for the only input of a signature."""
    signature = _example_signature(model, request.model_spec.signature_name)
    _run_examples(model, signature, request.input)


def _examine_all(model: Model, request: Any) -> None:
    """Multi-inference: the same for several signatures at once."""
    signatures = [_example_signature(model, task.model_spec.signature_name) for task in request.tasks]
    if signatures:
        _run_examples(model, unite(signatures), request.input)


def _example_signature(model: Model, name: str) -> Signature:
    signature = model.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1:
        raise InvalidRequestError(f"No signature with one input was found with the name: {name or DEFAULT_SIGNATURE}")
    return signature


def _run_examples(model: Model, signature: Signature, examples: Any) -> None:
    (only,) = signature.inputs
    model.run(signature.name, {only: from_input(examples)})


_RUNNERS: Mapping[str, Callable[[Model, Any], None]] = {
    "predict_log": _predict,
    "classify_log": _examine,
    "regress_log": _examine,
    "multi_inference_log": _examine_all,
}
