"""The gRPC API with the real client library and the real stubs."""

import gzip
import struct

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.fixture(scope="module")
def channel(shared):
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{shared.grpc_port}", options) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model_service(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def request(inputs, model="m", signature="", version=None, outputs=()):
    message = predict_pb2.PredictRequest(output_filter=outputs)
    message.model_spec.name = model
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(value if isinstance(value, TensorProto) else tf.make_tensor_proto(value))
    return message


X = np.array([[1, 2], [3, 4.5]], np.float32)


def test_predict_names_model_version_and_signature(prediction):
    answer = prediction.Predict(request({"x": X}), timeout=10)
    assert tf.make_ndarray(answer.outputs["y"]).tolist() == [[6.0], [15.0]]
    assert list(answer.outputs["y"].float_val) == [6.0, 15.0]
    specification = answer.model_spec
    assert (specification.name, specification.version.value, specification.signature_name) == (
        "m",
        2,
        "serving_default",
    )


def test_both_encodings_of_tensors_are_taken(prediction):
    values = TensorProto(dtype=1, float_val=X.reshape(-1).tolist())
    values.tensor_shape.CopyFrom(tf.TensorShape(X.shape).as_proto())
    content = TensorProto(dtype=1, tensor_content=X.tobytes(), tensor_shape=values.tensor_shape)
    repeated = TensorProto(dtype=1, float_val=[1.0], tensor_shape=values.tensor_shape)
    for tensor, expected in ((values, [6.0, 15.0]), (content, [6.0, 15.0]), (repeated, [4.0, 4.0])):
        assert list(prediction.Predict(request({"x": tensor}), timeout=10).outputs["y"].float_val) == expected


def test_every_type_comes_back_as_it_went(prediction):
    inputs = {
        "flag": np.array([True, False]),
        "small": np.array([0, 255], np.uint8),
        "large": np.array([-(2**63), 2**63 - 1]),
        "real": np.array([0.1, np.nan]),
        "half": np.array([0.5, np.inf], np.float16),
        "brain": np.array([0.5, -2], tf.bfloat16.as_numpy_dtype),
    }
    answer = prediction.Predict(request(inputs, signature="types"), timeout=10)
    for name, value in inputs.items():
        got = tf.make_ndarray(answer.outputs[name])
        assert got.dtype == value.dtype
        np.testing.assert_array_equal(got, value)


def test_strings_are_bytes(prediction):
    inputs = {"word": np.array([b"a\xff", b""], object), "n": np.array([1, 2], np.int32)}
    answer = prediction.Predict(request(inputs, signature="words"), timeout=10)
    assert list(answer.outputs["raw_bytes"].string_val) == [b"a\xff", b""]


def test_output_filter_chooses(prediction):
    answer = prediction.Predict(request({"x": X}, signature="checked", outputs=["twice"]), timeout=10)
    assert set(answer.outputs) == {"twice"}


def test_large_messages_go_both_ways(prediction):
    count = 2_000_000
    x = np.ones((count, 2), np.float32)
    answer = prediction.Predict(request({"x": x}), timeout=60)
    assert len(answer.outputs["y"].float_val) == count


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("count", [1, 100_000])
def test_compressed_request_is_taken(shared, compression, count):
    with grpc.insecure_channel(f"127.0.0.1:{shared.grpc_port}", compression=compression) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        x = np.repeat(X[:1], count, axis=0)
        assert list(stub.Predict(request({"x": x}), timeout=30).outputs["y"].float_val) == [6.0] * count


WRONG_SIZE = TensorProto(dtype=1, tensor_content=b"123")
WRONG_SIZE.tensor_shape.dim.add(size=1)
TOO_MANY = TensorProto(dtype=1, float_val=[1, 2, 3])
TOO_MANY.tensor_shape.dim.add(size=1)
HUGE = TensorProto(dtype=1, float_val=[1])
for _ in range(4):
    HUGE.tensor_shape.dim.add(size=2**31)
NEGATIVE = TensorProto(dtype=1)
NEGATIVE.tensor_shape.dim.add(size=-1)


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (request({"x": X}, model="zé\n%"), grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(zé\n%)"),
        (request({"x": X}, version=9), grpc.StatusCode.NOT_FOUND, "Specific(m, 9)"),
        (predict_pb2.PredictRequest(), grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (request({"x": X}, signature="no"), grpc.StatusCode.FAILED_PRECONDITION, '"no" not found'),
        (request({}), grpc.StatusCode.INVALID_ARGUMENT, "Missing but required: {x}"),
        (request({"x": X, "z": X}), grpc.StatusCode.INVALID_ARGUMENT, "Sent extra: {z}"),
        (request({"x": X.astype(np.float64)}), grpc.StatusCode.INVALID_ARGUMENT, "arg[0] to be float but double"),
        (request({"x": X}, outputs=["z"]), grpc.StatusCode.INVALID_ARGUMENT, "alias not found in signature: z"),
        (request({"x": X}, outputs=["y", "y"]), grpc.StatusCode.INVALID_ARGUMENT, "duplicate output tensor alias: y"),
        (
            request({"x": WRONG_SIZE}),
            grpc.StatusCode.INVALID_ARGUMENT,
            "tensor parsing error: x: it has 3 bytes of tensor_content",
        ),
        (request({"x": TOO_MANY}), grpc.StatusCode.INVALID_ARGUMENT, "3 values, but its shape only 1"),
        (request({"x": HUGE}), grpc.StatusCode.INVALID_ARGUMENT, "times, more than"),
        (request({"x": NEGATIVE}), grpc.StatusCode.INVALID_ARGUMENT, "fully defined shape"),
        (
            request({"x": TensorProto(dtype=20)}),
            grpc.StatusCode.INVALID_ARGUMENT,
            "tensor parsing error: x: its dtype number is 20",
        ),
        (request({"x": -X}, signature="checked"), grpc.StatusCode.INVALID_ARGUMENT, "assert"),
    ],
)
def test_bad_request_has_its_status_and_reason(prediction, message, code, text):
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(message, timeout=10)
    assert caught.value.code() == code
    assert text in caught.value.details()


def test_deadline_is_honoured(prediction):
    seconds = np.array([1.0], np.float32)
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(request({"seconds": seconds}, signature="slow"), timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_metadata_is_the_signature_map(prediction):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "m"
    answer = prediction.GetModelMetadata(message, timeout=10)
    assert answer.model_spec.version.value == 2
    signature_map = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signature_map)
    assert signature_map.signature_def["serving_default"].inputs["x"].dtype == 1


@pytest.mark.parametrize("fields", [[], ["other"]])
def test_metadata_of_other_fields_is_refused(prediction, fields):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = "m"
    with pytest.raises(grpc.RpcError) as caught:
        prediction.GetModelMetadata(message, timeout=10)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_status_lists_versions(model_service):
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "m"
    (entry,) = model_service.GetModelStatus(message, timeout=10).model_version_status
    assert (entry.version, entry.state) == (2, get_model_status_pb2.ModelVersionStatus.AVAILABLE)


def test_reload_of_what_is_no_list_of_models_is_refused(model_service):
    with pytest.raises(grpc.RpcError) as caught:
        model_service.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=10)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
    )


def test_reload_tells_by_how_much_metrics_grew(model_service, shared):
    message = model_management_pb2.ReloadConfigRequest(
        metric_names=["/tensorflow/cc/saved_model/load_attempt_count", "/unknown", "/unknown"]
    )
    message.config.model_config_list.config.add(name="m", base_path=str(shared.models), model_platform="tensorflow")
    answer = model_service.HandleReloadConfigRequest(message, timeout=60)
    assert answer.status.error_code == 0
    assert [(metric.name, metric.int64_value_increase) for metric in answer.metric] == [
        ("/tensorflow/cc/saved_model/load_attempt_count", 0),
        ("/unknown", 0),
    ]


def test_method_that_there_is_not_is_unimplemented(channel):
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Guess")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, "3"),
        (b"\0\0\0\0\5abc", {}, "3"),
        (struct.pack(">BI", 0, 3) + b"\xff\xff\xff", {}, "3"),
        (struct.pack(">BI", 1, 3) + b"abc", {"grpc-encoding": "gzip"}, "3"),
        (struct.pack(">BI", 1, 3) + b"abc", {"grpc-encoding": "deflate"}, "3"),
        (struct.pack(">BI", 1, 3) + b"abc", {"grpc-encoding": "snappy"}, "12"),
        (struct.pack(">BI", 0, 0), {"grpc-timeout": "soon"}, "3"),
        (struct.pack(">BI", 1, len(gzip.compress(b""))) + gzip.compress(b""), {"grpc-encoding": "gzip"}, "3"),
    ],
)
def test_malformed_frames_are_refused(shared, body, headers, status):
    answer = httpx.post(
        f"http://127.0.0.1:{shared.grpc_port}/tensorflow.serving.PredictionService/Predict",
        content=body,
        headers={"content-type": "application/grpc", **headers},
    )
    assert (answer.status_code, answer.headers["grpc-status"]) == (200, status)
