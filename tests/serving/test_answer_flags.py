"""Flags that change how calls are answered."""

import shutil

import grpc
import httpx
import pytest
from tensorflow_serving.apis import classification_pb2, predict_pb2, prediction_service_pb2_grpc


@pytest.fixture(scope="module")
def server(serve, prepared, tmp_path_factory):
    models = tmp_path_factory.mktemp("flags") / "models"
    shutil.copytree(prepared / "2", models / "1")
    flags = ("--enable_signature_method_name_check", "--enable_serialization_as_tensor_content=true")
    return serve(models, *flags, "--max_request_rows=3", "--rest_api_timeout_in_ms=3000")


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


REFUSED = (
    "Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/predict"
)


def test_signature_for_something_else_does_not_classify(server, stub):
    answer = httpx.post(f"{server.url}/v1/models/m:classify", json={"examples": [{"x": 1.0}]})
    assert (answer.status_code, answer.json()) == (400, {"error": REFUSED})
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "m"
    request.input.example_list.examples.add()
    with pytest.raises(grpc.RpcError) as caught:
        stub.Classify(request, timeout=20)
    assert caught.value.details() == REFUSED


def test_predictions_are_packed(stub):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.extend([1.0, 2.0])
    for size in (1, 2):
        request.inputs["x"].tensor_shape.dim.add(size=size)
    output = stub.Predict(request, timeout=20).outputs["y"]
    assert output.tensor_content == b"\x00\x00\xc0\x40"  # 6.0
    assert not output.float_val


def test_request_of_too_many_rows_is_refused(server):
    assert server.predict([[1.0, 2.0]] * 3).status_code == 200
    answer = server.predict([[1.0, 2.0]] * 4)
    message = "Task size 4 is larger than maximum input batch size 3"
    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_rest_call_that_takes_longer_than_said_is_ended(server):
    body = {"instances": [5.0], "signature_name": "slow"}
    answer = httpx.post(f"{server.url}/v1/models/m:predict", json=body, timeout=30)
    message = "Timed out waiting for notification: no answer within 3 s"
    assert (answer.status_code, answer.json()) == (504, {"error": message})
