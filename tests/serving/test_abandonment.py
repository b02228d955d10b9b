"""A request whose client has left is not run if it still waits."""

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def request(signature, **inputs):
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "m", signature
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(np.array(value, np.float32)))
    return message


@pytest.fixture(scope="module")
def server(serve, half_plus_two):
    return serve(half_plus_two.models)


@pytest.fixture(scope="module")
def predict(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict


def measure(server, name, **labels):
    """Return the sum of the samples of that name with these labels."""
    text = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def batches(server):
    return measure(server, "keepfit_batch_rows_count")


def occupy(server, predict):
    """Let one batch run and another lie in the worker's socket, so that whatever comes now waits."""
    before = batches(server)
    first = predict.future(request("slow", seconds=[5.0, 0.0]), timeout=60)
    server.wait_for(lambda: batches(server) == before + 1)
    second = predict.future(request("sum", a=[1], b=[2]), timeout=60)
    server.wait_for(lambda: batches(server) == before + 2)
    return before, [first, second]


def expect_not_run(server, predict, before, running):
    server.wait_for(lambda: measure(server, "keepfit_requests_total", status="CANCELLED") > 0)
    for one in running:
        one.result()
    predict(request("mean", a=[1.0]), timeout=60)
    assert batches(server) == before + 3


def test_waiting_request_is_not_run_after_its_client_left_by_grpc(server, predict):
    before, running = occupy(server, predict)
    waiting = predict.future(request("double", scalar=1.0), timeout=60)
    server.wait_for(lambda: measure(server, "keepfit_queued_requests") == 1)
    waiting.cancel()
    expect_not_run(server, predict, before, running)


def test_waiting_request_is_not_run_after_its_client_left_by_rest(server, predict):
    before, running = occupy(server, predict)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/models/m:predict", json={"signature_name": "double", "inputs": 1.0}, timeout=0.5)
    expect_not_run(server, predict, before, running)
