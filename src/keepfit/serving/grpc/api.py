"""TensorFlow Serving's gRPC API around the transport-free core. Knows its messages, but no framing and no sockets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from keepfit import protos
from keepfit.errors import InvalidRequestError, ServingError, UnimplementedError
from keepfit.serving.grpc import predict_response, wire
from keepfit.serving.grpc.predict_request import PredictRequest
from keepfit.serving.grpc.wire import Message, Reply
from keepfit.serving.inference.classification import Classification, classify
from keepfit.serving.inference.multi_inference import Task, infer
from keepfit.serving.inference.prediction import check_method, predict, signature_of
from keepfit.serving.inference.regression import regress
from keepfit.serving.metrics.counting import ServingMetrics
from keepfit.serving.models.models import Models
from keepfit.serving.models.servable import Servable
from keepfit.serving.requests.status import NUMBERS, status_name
from keepfit.serving.requests.tf_examples import from_input
from keepfit.serving.requests.timing import Timing
from keepfit.signatures import DEFAULT_SIGNATURE

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"
_METADATA_FIELD = "signature_def"
_OBSERVED = {
    _PREDICTION + "Predict": "predict",
    _PREDICTION + "Classify": "classify",
    _PREDICTION + "Regress": "regress",
    _PREDICTION + "MultiInference": "multi_inference",
}
"""What the metrics call the calls that run a model; no other is counted, as there."""


class GrpcApi:
    """Answers whole unary calls."""

    def __init__(
        self,
        models: Models,
        metrics: ServingMetrics,
        max_message_bytes: int,
        *,
        check_method: bool = False,
        pack_tensors: bool = False,
    ) -> None:
        self._models = models
        self._metrics = metrics
        self._max_message_bytes = max_message_bytes
        self._check_method = check_method
        self._pack_tensors = pack_tensors
        self._calls: dict[str, tuple[Message, Callable[[Message, Timing], Awaitable[Message | bytes]]]] = {
            _PREDICTION + "Predict": (PredictRequest, self._predict),
            _PREDICTION + "Classify": (protos.ClassificationRequest, self._classify),
            _PREDICTION + "Regress": (protos.RegressionRequest, self._regress),
            _PREDICTION + "MultiInference": (protos.MultiInferenceRequest, self._multi_inference),
            _PREDICTION + "GetModelMetadata": (protos.GetModelMetadataRequest, self._get_model_metadata),
            _MODEL + "GetModelStatus": (protos.GetModelStatusRequest, self._get_model_status),
            _MODEL + "HandleReloadConfigRequest": (protos.ReloadConfigRequest, self._reload_config),
        }

    async def handle(self, path: str, headers: Mapping[bytes, bytes], body: bytes | bytearray) -> Reply:
        """Return the answer to a call; it never raises."""
        timing = Timing()
        request: Message = None
        status = "OK"
        try:
            if path not in self._calls:
                raise UnimplementedError(f"The method {path} is not available")
            message_class, call = self._calls[path]
            request = await wire.decode(message_class, headers, body, self._max_message_bytes)
            del body
            timing.timeout_s = wire.timeout_s(headers)
            response = await call(request, timing)
            return wire.reply(response)
        except ServingError as error:
            status = status_name(error)
            return wire.error_reply(error)
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        finally:
            if path in _OBSERVED:
                model = "" if request is None else _specification(request).name
                known = model if model in self._models else ""
                self._metrics.observe_request(known, "GRPC", _OBSERVED[path], status, timing)

    async def _predict(self, request: PredictRequest, timing: Timing) -> bytes:
        servable = self._find(request.message, timing)
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = signature_of(servable, name)
        if self._check_method:
            check_method(signature)
        output_filter = request.message.output_filter
        outputs = await predict(servable, signature, request.inputs(), timing, output_filter)
        return predict_response.write(servable.model, servable.version, name, outputs, as_content=self._pack_tensors)

    async def _classify(self, request: Message, timing: Timing) -> Message:
        servable = self._find(request, timing)
        name = request.model_spec.signature_name
        result = await classify(servable, name, from_input(request.input), timing, check_method=self._check_method)
        response = protos.ClassificationResponse()
        _specify(response.model_spec, request.model_spec, servable)
        _add_classification(response.result, result)
        return response

    async def _regress(self, request: Message, timing: Timing) -> Message:
        servable = self._find(request, timing)
        name = request.model_spec.signature_name
        values = await regress(servable, name, from_input(request.input), timing, check_method=self._check_method)
        response = protos.RegressionResponse()
        _specify(response.model_spec, request.model_spec, servable)
        for value in values.tolist():
            response.result.regressions.add(value=value)
        return response

    async def _multi_inference(self, request: Message, timing: Timing) -> Message:
        servable = self._models.find(*_model_of(_specification(request)))
        timing.version = str(servable.version)
        tasks = [Task(task.model_spec.name, task.model_spec.signature_name, task.method_name) for task in request.tasks]
        results = await infer(servable, tasks, from_input(request.input), timing, check_method=self._check_method)
        response = protos.MultiInferenceResponse()
        for task, result in zip(request.tasks, results, strict=True):
            entry = response.results.add()
            _specify(entry.model_spec, task.model_spec, servable)
            if isinstance(result, Classification):
                _add_classification(entry.classification_result, result)
            else:
                for value in result.tolist():
                    entry.regression_result.regressions.add(value=value)
        return response

    async def _get_model_metadata(self, request: Message, timing: Timing) -> Message:
        if not request.HasField("model_spec"):
            raise InvalidRequestError("Missing ModelSpec")
        if not request.metadata_field:
            raise InvalidRequestError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _METADATA_FIELD:
                raise InvalidRequestError(f"Metadata field {field} is not supported")
        servable = self._find(request, timing)
        response = protos.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = servable.version
        response.metadata[_METADATA_FIELD].Pack(servable.contents.signature_map)
        return response

    async def _get_model_status(self, request: Message, timing: Timing) -> Message:
        del timing
        if not request.HasField("model_spec"):
            raise InvalidRequestError("Missing ModelSpec")
        response = protos.GetModelStatusResponse()
        for status in self._models.status(*_model_of(request.model_spec)):
            entry = response.model_version_status.add(version=status.version)
            entry.state = protos.ModelVersionStatus.State.Value(status.state.value)
            if status.error is not None:
                entry.status.error_code = NUMBERS[status_name(status.error)]
                entry.status.error_message = str(status.error)
        return response

    async def _reload_config(self, request: Message, timing: Timing) -> Message:
        del timing
        names = dict.fromkeys(request.metric_names)
        before = {name: self._metrics.total(name) for name in names}
        await self._models.reload(request.config)
        response = protos.ReloadConfigResponse(status={})
        for name in names:
            response.metric.add(name=name, int64_value_increase=max(self._metrics.total(name) - before[name], 0))
        return response

    def _find(self, request: Message, timing: Timing) -> Servable:
        if not request.HasField("model_spec"):
            raise InvalidRequestError("Missing ModelSpec")
        servable = self._models.find(*_model_of(request.model_spec))
        timing.version = str(servable.version)
        return servable


def _specification(message: Message) -> Message:
    """Return which model a request asks for, or a response came from; in a multi-inference the first task tells."""
    if hasattr(message, "model_spec"):
        return message.model_spec
    entries = message.tasks if hasattr(message, "tasks") else message.results
    return entries[0].model_spec if entries else protos.ModelSpec()


def _model_of(specification: Message) -> tuple[str, int | None, str]:
    """Return name, version and label, as Models.find takes them."""
    version = specification.version.value if specification.HasField("version") else None
    return specification.name, version, specification.version_label


def _specify(answered: Message, asked: Message, servable: Servable) -> None:
    """Say which version answered, with the name of the signature even if it was not given."""
    answered.name = asked.name
    answered.version.value = servable.version
    answered.signature_name = asked.signature_name or DEFAULT_SIGNATURE


def _add_classification(message: Message, result: Classification) -> None:
    for row in result.rows():
        classes = message.classifications.add().classes
        for label, score in row:
            classes.add(label=label.decode(errors="replace"), score=score)
