"""Multi-inference by gRPC, the only transport that has it: one run, a result for each task."""

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import inference_pb2, prediction_service_pb2_grpc

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def call(half_plus_two):
    with grpc.insecure_channel(f"127.0.0.1:{half_plus_two.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel).MultiInference


def request(*tasks, x=(20.0, 10.0)):
    message = inference_pb2.MultiInferenceRequest()
    for model, signature, method in tasks:
        task = message.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    for value in x:
        features = tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[value]))})
        message.input.example_list.examples.append(tf.train.Example(features=features))
    return message


def test_each_task_gets_its_result_and_who_gave_it(call):
    tasks = [
        ("m", "regress_x_to_y2", REGRESS),
        ("m", "classify_labelled", CLASSIFY),
        ("m", "classify_x_to_y", CLASSIFY),
    ]
    first, second, third = call(request(*tasks), timeout=60).results
    assert [one.value for one in first.regression_result.regressions] == [13.0, 8.0]
    rows = second.classification_result.classifications
    assert [[(one.label, one.score) for one in row.classes] for row in rows] == [
        [("low", -11.0), ("high", 12.0)],
        [("low", -6.0), ("high", 7.0)],
    ]
    assert [row.classes[0].score for row in third.classification_result.classifications] == [12.0, 7.0]
    for result, (_, signature, _) in zip((first, second, third), tasks, strict=True):
        specification = result.model_spec
        assert (specification.name, specification.version.value, specification.signature_name) == ("m", 123, signature)


def test_a_single_task_will_do(call):
    (result,) = call(request(("m", "regress_x_to_y", REGRESS), x=[80.0]), timeout=60).results
    assert [one.value for one in result.regression_result.regressions] == [42.0]


GOOD = ("m", "regress_x_to_y", REGRESS)


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (request(), INVALID, "ModelSpec has no name specified."),
        (request(("half", "", CLASSIFY)), NOT_FOUND, "Servable not found for request: Latest(half)"),
        (request(GOOD, ("", "classify_x_to_y", CLASSIFY)), INVALID, "Found ModelSpec with an empty model name."),
        (
            request(GOOD, ("half", "classify_x_to_y", CLASSIFY)),
            INVALID,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (request(GOOD, GOOD), INVALID, "Duplicate evaluation of signature: regress_x_to_y"),
        (request(("m", "no", REGRESS)), INVALID, "Requested signature not found in model graph: no"),
        (
            request(("m", "serving_default", "tensorflow/serving/predict")),
            grpc.StatusCode.UNIMPLEMENTED,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (request(("m", "regress_x_to_y", CLASSIFY)), INVALID, "Expected classification signature outputs to contain"),
        (request(("m", "classify_x_to_y", REGRESS)), INVALID, "No regression outputs found in SignatureDef: "),
        (
            request(GOOD, ("m", "regress_x2_to_y3", REGRESS)),
            INVALID,
            "Input tensor must be the same for all Signatures.",
        ),
        (request(GOOD, x=[]), INVALID, "Input is empty."),
        (request(("m", "regress_wide", REGRESS)), INVALID, "Expected output Tensor shape to be either [batch_size] or"),
    ],
)
def test_bad_request_has_its_status_and_reason(call, message, status, text):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=60)
    assert (caught.value.code(), text in caught.value.details()) == (status, True), caught.value.details()
