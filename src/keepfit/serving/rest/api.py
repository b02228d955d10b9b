"""TensorFlow Serving's REST API around the transport-free core. Knows HTTP's codes and JSON, but no sockets."""

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

import orjson
from google.protobuf.json_format import MessageToDict
from prometheus_client import CollectorRegistry

from keepfit import exposition
from keepfit.dtypes import Array
from keepfit.errors import (
    DeadlyRequestError,
    InvalidRequestError,
    ModelNotFoundError,
    ServingError,
    TooLargeError,
    UnavailableError,
)
from keepfit.serving.inference.classification import classify
from keepfit.serving.inference.prediction import check_method, predict
from keepfit.serving.inference.regression import regress
from keepfit.serving.metrics.counting import ServingMetrics
from keepfit.serving.models.manager import VersionStatus
from keepfit.serving.models.models import Models
from keepfit.serving.models.servable import Servable
from keepfit.serving.requests.status import status_name
from keepfit.serving.requests.timing import Timing
from keepfit.serving.rest import json_document, json_examples, json_predict
from keepfit.serving.settings.monitoring import DEFAULT_PATH
from keepfit.signatures import DEFAULT_SIGNATURE

STATUS_CODES: Mapping[str, int] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""TensorFlow Serving's, from its http_server.cc."""
_TOO_LARGE = 413
"""HTTP has a code of its own for it; TensorFlow's name also stands for memory that ran out."""

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(r"/v1/models/(?P<model>[^/:]+)" + _VERSION + r":(?P<call>classify|regress|predict)", re.IGNORECASE)
_RESOURCE = re.compile(r"/v1/models(?:/(?P<model>[^/:]+))?" + _VERSION + r"(?:/(?P<resource>metadata))?", re.IGNORECASE)
_ERROR_HEADERS: Mapping[int, Mapping[str, str]] = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}
_MAX_VERSION = 2**63 - 1
JSON = "application/json"


@dataclass(slots=True)
class Response:
    """An answer: status, body and headers beside the content type. Never changed; being frozen would cost a µs each."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class RestApi:
    """Answers whole requests."""

    def __init__(
        self,
        models: Models,
        metrics: ServingMetrics,
        registry: CollectorRegistry,
        timeout_s: float,
        *,
        metrics_path: str = DEFAULT_PATH,
        check_method: bool = False,
    ) -> None:
        self._models = models
        self._metrics = metrics
        self._registry = registry
        self._timeout_s = timeout_s
        self._own = {**_OWN, metrics_path: RestApi._prometheus} if metrics_path else _OWN
        self._check_method = check_method

    def handle(self, method: str, path: str, body: bytes | bytearray) -> Awaitable[Response]:
        """Answer a request; it never raises. In the path, names may be percent-encoded."""
        target = _target(path) if method == "POST" else None
        return self._tell(method, path) if target is None else self._call(target, body)

    async def _tell(self, method: str, path: str) -> Response:
        try:
            return self._resource(method, path)
        except ServingError as error:
            return error_response(error)

    async def _call(self, target: "_Target", body: bytes | bytearray) -> Response:
        timing = Timing(self._timeout_s)
        call, status = target.call, "OK"
        try:
            version = _number(target.version)
            document = json_predict.parse(body) if call == "predict" else json_document.parse(body)
            signature_name = json_document.signature_name(document)
            examples = None if call == "predict" else json_examples.read(document)
            servable = self._models.find(target.model, version, target.label)
            timing.version = str(servable.version)
            if examples is None:
                return Response(200, await self._predict(servable, signature_name, document, body, timing))
            run = self._classify if call == "classify" else self._regress
            return Response(200, await run(servable, signature_name, examples, timing))
        except ServingError as error:
            status = status_name(error)
            return error_response(error)
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        finally:
            model = target.model
            self._metrics.observe_request(model if model in self._models else "", "REST", call, status, timing)

    async def _predict(
        self,
        servable: Servable,
        signature_name: str,
        document: Mapping[str, Any],
        body: bytes | bytearray,
        timing: Timing,
    ) -> bytes:
        name = signature_name or DEFAULT_SIGNATURE
        signature = servable.contents.signatures.get(name)
        if signature is None:
            raise InvalidRequestError(f'Serving signature name: "{name}" not found in signature def')
        if self._check_method:
            check_method(signature)
        inputs, layout = json_predict.read(document, signature, body)
        outputs = await predict(servable, signature, inputs, timing)
        return json_predict.write(outputs, layout)

    async def _classify(self, servable: Servable, name: str, examples: Array, timing: Timing) -> bytes:
        result = await classify(servable, name, examples, timing, check_method=self._check_method)
        return json_examples.write_classification(result)

    async def _regress(self, servable: Servable, name: str, examples: Array, timing: Timing) -> bytes:
        values = await regress(servable, name, examples, timing, check_method=self._check_method)
        return json_examples.write_regression(values)

    def _resource(self, method: str, path: str) -> Response:
        own = self._own.get(path)
        if own is not None:
            if method not in ("GET", "HEAD"):
                return Response(405, _error_body(f"{path} takes GET only"), headers={"allow": "GET"})
            return own(self)
        match = _RESOURCE.fullmatch(path) if method == "GET" else None
        if match is not None:
            if match["model"] is None:
                raise InvalidRequestError("Missing model name in request.")
            if match["resource"] is None:
                return self._status(match)
            return self._metadata(match)
        if path.lower().startswith("/v1/"):
            raise InvalidRequestError(f"Malformed request: {method} {path}")
        raise ModelNotFoundError(f"There is nothing at {path}")

    def _status(self, match: re.Match[str]) -> Response:
        statuses = self._models.status(*_model_of(match))
        return Response(200, _pretty({"model_version_status": [_status_entry(status) for status in statuses]}))

    def _metadata(self, match: re.Match[str]) -> Response:
        servable = self._models.find(*_model_of(match))
        signature_map = MessageToDict(
            servable.contents.signature_map,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        specification = {"name": servable.model, "signature_name": "", "version": str(servable.version)}
        return Response(200, _pretty({"model_spec": specification, "metadata": {"signature_def": signature_map}}))

    def _health(self) -> Response:
        return Response(200, b'{"status":"alive"}')

    def _readiness(self) -> Response:
        unready = self._models.unready
        if not unready:
            return Response(200, b'{"status":"ready"}')
        described = "; ".join(f"{model} ({reason})" if reason else model for model, reason in unready.items())
        return error_response(UnavailableError(f"No version is available yet of {described}"))

    def _prometheus(self) -> Response:
        return Response(200, exposition.text_of(self._registry), exposition.CONTENT_TYPE)

    def _openapi(self) -> Response:
        return Response(200, files("keepfit.serving.rest").joinpath("openapi.json").read_bytes())


_OWN = {
    "/healthz": RestApi._health,
    "/readyz": RestApi._readiness,
    "/openapi.json": RestApi._openapi,
}


def error_response(error: ServingError) -> Response:
    """Return an error as TensorFlow Serving does: {"error": text}."""
    status = _TOO_LARGE if isinstance(error, TooLargeError) else STATUS_CODES[status_name(error)]
    headers = {} if isinstance(error, DeadlyRequestError) else _ERROR_HEADERS.get(status, {})
    return Response(status, _error_body(str(error)), headers=headers)


def _error_body(message: str) -> bytes:
    return json.dumps({"error": message}).encode()


@dataclass(frozen=True, slots=True)
class _Target:
    """What the path of a call names."""

    model: str
    version: str | None
    label: str
    call: str


@lru_cache(256)
def _target(path: str) -> _Target | None:
    match = _CALL.fullmatch(path)
    if match is None:
        return None
    return _Target(_decode(match["model"]), match["version"], _decode(match["label"] or ""), match["call"].lower())


def _model_of(match: re.Match[str]) -> tuple[str, int | None, str]:
    """Return name, version and label of a path, as Models.find takes them."""
    return _decode(match["model"]), _number(match["version"]), _decode(match["label"] or "")


def _decode(name: str) -> str:
    return unquote(name) if "%" in name else name


def _number(digits: str | None) -> int | None:
    """Return a version's number; raises InvalidRequestError."""
    if digits is None:
        return None
    if not digits.isascii() or len(digits) > 19 or int(digits) > _MAX_VERSION:
        raise InvalidRequestError(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _status_entry(status: VersionStatus) -> dict[str, Any]:
    code, message = ("OK", "") if status.error is None else (status_name(status.error), str(status.error))
    return {
        "version": str(status.version),
        "state": status.state.value,
        "status": {"error_code": code, "error_message": message},
    }


def _pretty(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)
