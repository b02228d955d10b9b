"""TensorFlow Serving's gRPC API: calls as methods and serialized messages, and their answers as values.

Knows no channels, and nothing of TensorFlow's own protobuf classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from keepfit import protos
from keepfit.client.failures import Server
from keepfit.client.values import ClassScore, Metadata, Prediction, Request, Target, VersionStatus
from keepfit.client.wire import Example, ExampleCall
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError, UnimplementedError
from keepfit.signatures import Signature, signatures_of
from keepfit.tensor_proto import packed, to_array

_PREDICTION = "/tensorflow.serving.PredictionService"
_MODEL = "/tensorflow.serving.ModelService"
_METHODS = {"classify": f"{_PREDICTION}/Classify", "regress": f"{_PREDICTION}/Regress"}


class GrpcWire:
    """Writes and reads protobuf messages."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def predict(
        self, target: Target, signature: Signature, inputs: Mapping[str, Array], outputs: Sequence[str]
    ) -> Request:
        """Ask with the arrays' memory as it is."""
        message = protos.PredictRequest(output_filter=outputs)
        _specify(message.model_spec, target, signature.name)
        for name, array in inputs.items():
            message.inputs[name].CopyFrom(packed(array))
        return Request(f"{_PREDICTION}/Predict", message.SerializeToString())

    def read_prediction(self, answer: bytes, signature: Signature, outputs: Sequence[str]) -> Prediction:
        """Read the answer, which tells its own dtypes."""
        del signature, outputs
        with self._reading("a prediction"):
            message = protos.PredictResponse.FromString(answer)
            arrays = {name: to_array(name, tensor) for name, tensor in sorted(message.outputs.items())}
            return Prediction(arrays, message.model_spec.version.value)

    def forward(self, target: Target, body: bytes) -> Request:
        """Refuse: gRPC speaks no JSON."""
        del target, body
        raise UnimplementedError(f"{self._server.url} speaks gRPC: JSON can only be passed on to a REST address")

    def read_forwarded(self, answer: bytes) -> bytes:
        """Return what was never asked for."""
        return answer

    def ask_examples(
        self, call: ExampleCall, target: Target, signature: str, examples: Sequence[Example], context: Example | None
    ) -> Request:
        """Ask to classify or regress examples."""
        message = _EXAMPLE_REQUESTS[call]()
        _specify(message.model_spec, target, signature)
        kept = message.input.example_list
        if context is not None:
            kept = message.input.example_list_with_context
            _fill(kept.context, context)
        kept.SetInParent()
        for example in examples:
            _fill(kept.examples.add(), example)
        return Request(_METHODS[call], message.SerializeToString())

    def read_classes(self, answer: bytes) -> list[list[ClassScore]]:
        """Read the classes of each example."""
        with self._reading("classes"):
            found = _CLASSIFICATION_RESPONSE.FromString(answer).result.classifications
            return [[ClassScore(its.label, its.score) for its in one.classes] for one in found]

    def read_regressions(self, answer: bytes) -> list[float]:
        """Read the value of each example."""
        with self._reading("regressions"):
            return [its.value for its in _REGRESSION_RESPONSE.FromString(answer).result.regressions]

    def metadata(self, target: Target) -> Request:
        """Ask for the signatures."""
        message = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
        _specify(message.model_spec, target)
        return Request(f"{_PREDICTION}/GetModelMetadata", message.SerializeToString())

    def read_metadata(self, answer: bytes) -> Metadata:
        """Read the signatures."""
        with self._reading("model metadata"):
            message = protos.GetModelMetadataResponse.FromString(answer)
            signature_map = protos.SignatureDefMap.FromString(message.metadata["signature_def"].value)
            return Metadata(message.model_spec.version.value, signatures_of(signature_map.signature_def))

    def status(self, target: Target) -> Request:
        """Ask for the states of versions."""
        message = protos.GetModelStatusRequest()
        _specify(message.model_spec, target)
        return Request(f"{_MODEL}/GetModelStatus", message.SerializeToString())

    def read_status(self, answer: bytes) -> list[VersionStatus]:
        """Read the state of each version."""
        with self._reading("a model status"):
            message = protos.GetModelStatusResponse.FromString(answer)
            return [
                VersionStatus(
                    entry.version, protos.ModelVersionStatus.State.Name(entry.state), entry.status.error_message
                )
                for entry in message.model_version_status
            ]

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (protos.DecodeError, InvalidRequestError, ValueError) as error:
            raise self._server.garbage(what) from error


_EXAMPLE_REQUESTS = {
    "classify": protos.message_class("tensorflow.serving.ClassificationRequest"),
    "regress": protos.message_class("tensorflow.serving.RegressionRequest"),
}
_state_name = protos.ModelVersionStatus.State.Name
_CLASSIFICATION_RESPONSE = protos.message_class("tensorflow.serving.ClassificationResponse")
_REGRESSION_RESPONSE = protos.message_class("tensorflow.serving.RegressionResponse")


def _specify(specification: Any, target: Target, signature: str = "") -> None:
    specification.name = target.model
    specification.signature_name = signature
    if target.version is not None:
        specification.version.value = target.version
    elif target.label is not None:
        specification.version_label = target.label


def _fill(example: Any, features: Example) -> None:
    for name, value in features.items():
        feature = example.features.feature[name]
        values = _values(value)
        kinds = set(map(type, values))
        if kinds <= {str, bytes}:
            feature.bytes_list.value.extend(item.encode() if isinstance(item, str) else item for item in values)
        elif kinds <= {int, bool}:
            feature.int64_list.value.extend(values)
        elif kinds <= {int, float}:
            feature.float_list.value.extend(values)
        else:
            listed = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise InvalidRequestError(f"Feature {name!r} has values of type {listed}: expected numbers, text or bytes")


def _values(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value).reshape(-1).tolist()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [item.item() if isinstance(item, np.generic) else item for item in value]
    return [value]
