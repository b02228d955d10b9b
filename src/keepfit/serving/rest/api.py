"""TensorFlow Serving's REST API around the transport-free core. Knows HTTP's codes and JSON, but no sockets."""

import asyncio
from collections.abc import Awaitable, Mapping
from importlib.resources import files
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from prometheus_client import CollectorRegistry

from keepfit import exposition
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError, ModelNotFoundError, ServingError, UnavailableError
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
from keepfit.serving.rest.paths import Target, call_of, number, resource_of
from keepfit.serving.rest.response import Response, error_body, error_response
from keepfit.serving.settings.monitoring import DEFAULT_PATH
from keepfit.signatures import DEFAULT_SIGNATURE


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
        target = call_of(path) if method == "POST" else None
        return self._tell(method, path) if target is None else self._call(target, body)

    async def _tell(self, method: str, path: str) -> Response:
        try:
            return self._resource(method, path)
        except ServingError as error:
            return error_response(error)

    async def _call(self, target: Target, body: bytes | bytearray) -> Response:
        timing = Timing(self._timeout_s)
        call, status = target.what, "OK"
        try:
            version = number(target.version)
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
                return Response(405, error_body(f"{path} takes GET only"), headers={"allow": "GET"})
            return own(self)
        target = resource_of(path) if method == "GET" else None
        if target is not None:
            if not target.model:
                raise InvalidRequestError("Missing model name in request.")
            return self._metadata(target) if target.what else self._status(target)
        if path.lower().startswith("/v1/"):
            raise InvalidRequestError(f"Malformed request: {method} {path}")
        raise ModelNotFoundError(f"There is nothing at {path}")

    def _status(self, target: Target) -> Response:
        statuses = self._models.status(target.model, number(target.version), target.label)
        return Response(200, _pretty({"model_version_status": [_status_entry(status) for status in statuses]}))

    def _metadata(self, target: Target) -> Response:
        servable = self._models.find(target.model, number(target.version), target.label)
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


def _status_entry(status: VersionStatus) -> dict[str, Any]:
    code, message = ("OK", "") if status.error is None else (status_name(status.error), str(status.error))
    return {
        "version": str(status.version),
        "state": status.state.value,
        "status": {"error_code": code, "error_message": message},
    }


def _pretty(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)
