"""TensorFlow Serving's gRPC API around the transport-free core. Knows gRPC's codes and protobuf, but no sockets."""

import gzip
import io
import re
import struct
import time
import zlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from keepfit import protos
from keepfit.errors import (
    FailedPreconditionError,
    InferenceError,
    InvalidRequestError,
    ModelNotFoundError,
    ServingError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)
from keepfit.metrics import ServingMetrics
from keepfit.serving.inference import predict, signature_of
from keepfit.serving.models import Models
from keepfit.serving.status import status_name
from keepfit.tensor_proto import from_array, to_array

STATUS_CODES: Mapping[type[ServingError], int] = {
    InvalidRequestError: 3,
    FailedPreconditionError: 9,
    TooLargeError: 8,
    UnauthenticatedError: 16,
    TimedOutError: 4,
    ModelNotFoundError: 5,
    UnimplementedError: 12,
    InferenceError: 13,
    UnavailableError: 14,
}
"""https://grpc.io/docs/guides/status-codes/"""

_CANONICAL = {"OK": 0, "INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "INTERNAL": 13, "UNAVAILABLE": 14}
_PREFIX = struct.Struct(">BI")
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_TIMEOUT_UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
DEFAULT_TIMEOUT_S = 3600.0
"""Without a deadline of the client's, which should set one."""

Message: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a message in gRPC's framing, or none, and the status that goes into the trailers."""

    body: bytes
    status: int = 0
    message: str = ""

    @property
    def trailers(self) -> list[tuple[bytes, bytes]]:
        """The trailing headers."""
        trailers = [(b"grpc-status", str(self.status).encode())]
        if self.message:
            trailers.append((b"grpc-message", quote(self.message, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}").encode()))
        return trailers


class GrpcApi:
    """Answers whole unary calls."""

    def __init__(self, models: Models, metrics: ServingMetrics, max_message_bytes: int) -> None:
        self._models = models
        self._metrics = metrics
        self._max_message_bytes = max_message_bytes
        self._calls: dict[str, tuple[Message, Callable[[Message, float], Coroutine[Any, Any, Message]]]] = {
            "/tensorflow.serving.PredictionService/Predict": (protos.PredictRequest, self._predict),
            "/tensorflow.serving.PredictionService/GetModelMetadata": (
                protos.GetModelMetadataRequest,
                self._get_model_metadata,
            ),
            "/tensorflow.serving.ModelService/GetModelStatus": (protos.GetModelStatusRequest, self._get_model_status),
        }

    async def handle(self, path: str, headers: Mapping[bytes, bytes], body: bytes) -> Reply:
        """Return the answer to a call; it never raises."""
        started = time.perf_counter()
        request: Message = None
        version, status = "", "OK"
        try:
            if path not in self._calls:
                raise UnimplementedError(f"The method {path} is not available")
            message_class, call = self._calls[path]
            request = self._decode(message_class, headers, body)
            response = await call(request, _timeout_s(headers))
            if path.endswith("/Predict"):
                version = str(response.model_spec.version.value)
            content = response.SerializeToString()
            return Reply(_PREFIX.pack(0, len(content)) + content)
        except ServingError as error:
            status = status_name(error)
            return error_reply(error)
        finally:
            self._observe(path, request, version, status, time.perf_counter() - started)

    def _observe(self, path: str, request: Message, version: str, status: str, seconds: float) -> None:
        if request is not None and request.model_spec.name in self._models:
            call = path.rpartition("/")[2]
            name = "predict" if call == "Predict" else call
            self._metrics.observe_request(request.model_spec.name, version, "GRPC", name, status, seconds)

    def _decode(self, message_class: Message, headers: Mapping[bytes, bytes], body: bytes) -> Message:
        if len(body) < _PREFIX.size:
            raise InvalidRequestError("The call has no message")
        compressed, size = _PREFIX.unpack_from(body)
        if len(body) != _PREFIX.size + size:
            raise InvalidRequestError("The call must have exactly one whole message")
        content = body[_PREFIX.size :]
        if compressed:
            content = self._decompress(content, headers.get(b"grpc-encoding", b"identity"))
        try:
            return message_class.FromString(content)
        except protos.DecodeError as error:
            raise InvalidRequestError(f"The message is not a {message_class.DESCRIPTOR.full_name}") from error

    def _decompress(self, content: bytes, encoding: bytes) -> bytes:
        if encoding != b"gzip":
            raise UnimplementedError(f"The compression {encoding.decode(errors='replace')!r} is not available")
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                plain = stream.read(self._max_message_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidRequestError("The message cannot be decompressed") from error
        if len(plain) > self._max_message_bytes:
            raise TooLargeError(f"The message is larger than {self._max_message_bytes} bytes")
        return plain

    async def _predict(self, request: Message, timeout_s: float) -> Message:
        servable = self._models.find(*_model_of(request))
        signature = signature_of(servable, request.model_spec.signature_name)
        inputs = {name: to_array(name, tensor) for name, tensor in request.inputs.items()}
        prediction = await predict(servable, signature, inputs, timeout_s, request.output_filter)
        response = protos.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = prediction.version
        response.model_spec.signature_name = signature.name
        for name, array in prediction.outputs.items():
            response.outputs[name].CopyFrom(from_array(array))
        return response

    async def _get_model_metadata(self, request: Message, timeout_s: float) -> Message:
        del timeout_s
        if not request.metadata_field:
            raise InvalidRequestError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise InvalidRequestError(f"Metadata field {field} is not supported")
        servable = self._models.find(*_model_of(request))
        response = protos.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = servable.version
        response.metadata["signature_def"].Pack(servable.contents.signature_map)
        return response

    async def _get_model_status(self, request: Message, timeout_s: float) -> Message:
        del timeout_s
        response = protos.GetModelStatusResponse()
        for status in self._models.status(*_model_of(request)):
            entry = response.model_version_status.add(version=status.version)
            entry.state = protos.ModelVersionStatus.State.Value(status.state.value)
            if status.error is not None:
                entry.status.error_code = _CANONICAL[status_name(status.error)]
                entry.status.error_message = str(status.error)
        return response


def error_reply(error: ServingError) -> Reply:
    """Return an error as a reply without a message."""
    status = next(STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES)
    return Reply(b"", status, str(error))


def _model_of(request: Message) -> tuple[str, int | None, str]:
    """Return name, version and label of a request, as Models.find takes them."""
    if not request.HasField("model_spec"):
        raise InvalidRequestError("Missing ModelSpec")
    specification = request.model_spec
    version = specification.version.value if specification.HasField("version") else None
    return specification.name, version, specification.version_label


def _timeout_s(headers: Mapping[bytes, bytes]) -> float:
    value = headers.get(b"grpc-timeout")
    if value is None:
        return DEFAULT_TIMEOUT_S
    match = _TIMEOUT.fullmatch(value.decode("ascii", errors="replace"))
    if match is None:
        raise InvalidRequestError("The grpc-timeout header must be up to 8 digits and one of H, M, S, m, u, n")
    return int(match[1]) * _TIMEOUT_UNITS_S[match[2]]
