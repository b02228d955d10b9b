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


@pytest.fixture(scope="module", params=["envoy", "hypercorn"])
def server(request, serve, half_plus_two):
    return serve(half_plus_two.models, f"--front={request.param}")


@pytest.fixture(scope="module")
def predict(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict


def batches(server):
    text = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "keepfit_batch_rows_count")


def left(server):
    text = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(sample.value for sample in samples if sample.labels.get("status") == "CANCELLED")


def test_waiting_request_is_not_run_after_its_client_left_by_grpc(server, predict):
    before, gone = batches(server), left(server)
    running = [predict.future(request("slow", seconds=[3.0, 0.0]), timeout=60)]
    server.wait_for(lambda: batches(server) == before + 1)
    running.append(predict.future(request("sum", a=[1], b=[2]), timeout=60))  # lies in the worker's socket
    server.wait_for(lambda: batches(server) == before + 2)
    waiting = predict.future(request("double", scalar=1.0), timeout=60)
    waiting.cancel()
    server.wait_for(lambda: left(server) > gone)
    for one in running:
        one.result()
    predict(request("mean", a=[1.0]), timeout=60)
    assert batches(server) == before + 3


def test_waiting_request_is_not_run_after_its_client_left_by_rest(server, predict):
    before, gone = batches(server), left(server)
    running = [predict.future(request("slow", seconds=[3.0, 0.0]), timeout=60)]
    server.wait_for(lambda: batches(server) == before + 1)
    running.append(predict.future(request("sum", a=[1], b=[2]), timeout=60))
    server.wait_for(lambda: batches(server) == before + 2)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/models/m:predict", json={"signature_name": "double", "inputs": 1.0}, timeout=0.3)
    server.wait_for(lambda: left(server) > gone)
    for one in running:
        one.result()
    predict(request("mean", a=[1.0]), timeout=60)
    assert batches(server) == before + 3
