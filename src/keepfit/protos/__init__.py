"""The protobuf messages of TensorFlow Serving's API and files, and of SavedModel, without importing TensorFlow.

Owns a private descriptor pool, so that a process which does import TensorFlow sees no conflict. Its classes are not
those of the tensorflow packages; pass bytes between the two.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

__all__ = [
    "BatchingParameters",
    "ClassificationRequest",
    "ClassificationResponse",
    "ConfigProto",
    "DataType",
    "DecodeError",
    "Example",
    "ExampleList",
    "ExampleListWithContext",
    "GetModelMetadataRequest",
    "GetModelMetadataResponse",
    "GetModelStatusRequest",
    "GetModelStatusResponse",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "Input",
    "Message",
    "MetaGraphDef",
    "ModelServerConfig",
    "ModelSpec",
    "ModelVersionStatus",
    "MonitoringConfig",
    "MultiInferenceRequest",
    "MultiInferenceResponse",
    "PredictRequest",
    "PredictResponse",
    "PredictionLog",
    "RegressionRequest",
    "RegressionResponse",
    "ReloadConfigRequest",
    "ReloadConfigResponse",
    "SSLConfig",
    "SavedModel",
    "SignatureDef",
    "SignatureDefMap",
    "TensorProto",
    "TensorShapeProto",
    "message_class",
    "service_methods",
]


def _load_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    descriptors = descriptor_pb2.FileDescriptorSet.FromString(
        (Path(__file__).parent / "descriptors.binpb").read_bytes()
    )
    for file in descriptors.file:
        pool.Add(file)
    return pool


_POOL = _load_pool()


def message_class(full_name: str) -> Any:
    """Return the class of a message, for example "tensorflow.serving.PredictRequest"; KeyError if there is none."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full_name))


def service_methods(full_name: str) -> dict[str, tuple[Any, Any]]:
    """Return the request and response class of each method of a gRPC service, by the method's name."""
    service = _POOL.FindServiceByName(full_name)
    return {
        method.name: (
            message_factory.GetMessageClass(method.input_type),
            message_factory.GetMessageClass(method.output_type),
        )
        for method in service.methods
    }


DataType = _POOL.FindEnumTypeByName("tensorflow.DataType")

TensorProto = message_class("tensorflow.TensorProto")
TensorShapeProto = message_class("tensorflow.TensorShapeProto")
MetaGraphDef = message_class("tensorflow.MetaGraphDef")
SavedModel = message_class("tensorflow.SavedModel")
Example = message_class("tensorflow.Example")

ModelSpec = message_class("tensorflow.serving.ModelSpec")
PredictRequest = message_class("tensorflow.serving.PredictRequest")
PredictResponse = message_class("tensorflow.serving.PredictResponse")
ClassificationRequest = message_class("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message_class("tensorflow.serving.ClassificationResponse")
RegressionRequest = message_class("tensorflow.serving.RegressionRequest")
RegressionResponse = message_class("tensorflow.serving.RegressionResponse")
MultiInferenceRequest = message_class("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message_class("tensorflow.serving.MultiInferenceResponse")
PredictionLog = message_class("tensorflow.serving.PredictionLog")
SignatureDef = message_class("tensorflow.SignatureDef")
SignatureDefMap = message_class("tensorflow.serving.SignatureDefMap")
GetModelMetadataRequest = message_class("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = message_class("tensorflow.serving.GetModelMetadataResponse")
GetModelStatusRequest = message_class("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = message_class("tensorflow.serving.GetModelStatusResponse")
ModelVersionStatus = message_class("tensorflow.serving.ModelVersionStatus")
HealthCheckRequest = message_class("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message_class("grpc.health.v1.HealthCheckResponse")
BatchingParameters = message_class("tensorflow.serving.BatchingParameters")
ClassificationRequest = message_class("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message_class("tensorflow.serving.ClassificationResponse")
Example = message_class("tensorflow.Example")
ExampleList = message_class("tensorflow.serving.ExampleList")
ExampleListWithContext = message_class("tensorflow.serving.ExampleListWithContext")
Input = message_class("tensorflow.serving.Input")
ModelServerConfig = message_class("tensorflow.serving.ModelServerConfig")
MonitoringConfig = message_class("tensorflow.serving.MonitoringConfig")
MultiInferenceRequest = message_class("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message_class("tensorflow.serving.MultiInferenceResponse")
RegressionRequest = message_class("tensorflow.serving.RegressionRequest")
RegressionResponse = message_class("tensorflow.serving.RegressionResponse")
ReloadConfigRequest = message_class("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = message_class("tensorflow.serving.ReloadConfigResponse")
SSLConfig = message_class("tensorflow.serving.SSLConfig")
ConfigProto = message_class("tensorflow.ConfigProto")
