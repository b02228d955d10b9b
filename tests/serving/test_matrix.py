"""Every case once, asked over real REST and real gRPC: the same answer, TensorFlow Serving's status and its text."""

import base64
import json
from dataclasses import dataclass, field

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    input_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

HTTP = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
B = np.array


@dataclass
class Refused:
    """An error: its status as gRPC names it, and a part of its text."""

    status: grpc.StatusCode
    text: str


@dataclass
class Case:
    """What is asked, and what must come back; over REST the answer may differ."""

    name: str
    signature: str
    given: object
    answer: object
    rest: Refused | None = None
    model: str = "m"
    version: int | None = None
    context: dict = field(default_factory=dict)


def refused(name, signature, given, status, text, **more):
    return Case(name, signature, given, Refused(status, text), **more)


X = B([[1.0], [2.0], [5.0]], np.float32)
A, TWO = B([1, 2], np.float32), B([3, 4], np.float32)
SPECIAL = B([np.nan, np.inf, -np.inf, 0.1], np.float32)
ECHOED = {
    "float32": B([0.1, -1.5, 3e38, 16777215], np.float32),
    "float64": B([0.1, 1e300, 2**53 - 1]),
    "bool": B([True, False]),
    "string": B([b"a", "é".encode(), b""], object),
    "int8": B([-128, 127], np.int8),
    "int16": B([-32768, 32767], np.int16),
    "int32": B([-(2**31), 2**31 - 1], np.int32),
    "int64": B([-(2**63), 2**63 - 1]),
    "uint8": B([0, 255], np.uint8),
    "uint16": B([0, 65535], np.uint16),
    "uint32": B([0, 2**32 - 1], np.uint32),
    "uint64": B([0, 2**64 - 1], np.uint64),
}
HALVES = {
    "float16": B([0.1, -65504], np.float16),
    "bfloat16": B([0.5, -2.0], tf.bfloat16.as_numpy_dtype),
}
FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "bool": "bool_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
}


def named(case):
    return case.name.replace(" ", "-")


def in_rows(case):
    """Tell whether a case can be asked row by row: all that goes in and comes out has rows, and as many."""
    if isinstance(case.answer, Refused) or case.rest is not None:
        return False
    arrays = [*case.given.values(), *case.answer.values()]
    return all(array.ndim and array.size for array in arrays) and len({len(array) for array in arrays}) == 1


PREDICT = [
    Case("documented example", "", {"x": B([1, 2, 5], np.float32)}, {"y": B([2.5, 3.0, 4.5], np.float32)}),
    Case("declared shape", "serving_default", {"x": X}, {"y": B([[2.5], [3.0], [4.5]], np.float32)}),
    Case("matrix for a column", "", {"x": B([[1, 2], [3, 4]], np.float32)}, {"y": B([[2.5, 3], [3.5, 4]], np.float32)}),
    Case("version", "", {"x": X}, {"y": B([[2.5], [3.0], [4.5]], np.float32)}, version=123),
    *(Case(f"echo {dtype}", f"echo_{dtype}", {"v": v}, {"v": v}) for dtype, v in {**ECHOED, **HALVES}.items()),
    Case("no number and infinities", "echo_float32", {"v": SPECIAL}, {"v": SPECIAL}),
    Case("no rows of a dtype", "echo_int64", {"v": B([], np.int64)}, {"v": B([], np.int64)}),
    Case("two inputs", "sum", {"a": A, "b": TWO}, {"sum": B([4, 6], np.float32)}),
    Case("two outputs", "sum_and_difference", {"a": A, "b": TWO}, {"sum": A + TWO, "difference": A - TWO}),
    Case("scalar out", "mean", {"a": A}, {"mean": B(1.5, np.float32)}),
    Case("scalar in", "double", {"scalar": B(4, np.float32)}, {"double": B(8, np.float32)}),
    Case("unknown rank", "any", {"anything": B([[[1.0]]], np.float32)}, {"same": B([[[1.0]]], np.float32)}),
    Case("string alone", "echo_string", {"v": B(b"a\x00", object)}, {"v": B(b"a\x00", object)}),
    Case("bytes alone", "bytes", {"text": B(b"\xff\x00", object)}, {"raw_bytes": B(b"\xff\x00", object)}),
    Case("unknown rank of a scalar", "any", {"anything": B(7.0, np.float32)}, {"same": B(7.0, np.float32)}),
    Case("bytes", "bytes", {"text": B([b"\xff\x00", b"a"], object)}, {"raw_bytes": B([b"\xff\x00", b"a"], object)}),
    Case(
        "default input left out",
        "sum_with_default",
        {"a": A},
        {"sum": B([11, 12], np.float32)},
        rest=Refused(INVALID, "Missing named input: b in 'inputs' object."),
    ),
    refused("unknown model", "", {"x": X}, NOT_FOUND, "Servable not found for request: Latest(half)", model="half"),
    refused("unknown version", "", {"x": X}, NOT_FOUND, "Servable not found for request: Specific(m, 9)", version=9),
    refused(
        "unknown signature",
        "no",
        {"x": X},
        PRECONDITION,
        'Serving signature key "no" not found.',
        rest=Refused(INVALID, 'Serving signature name: "no" not found in signature def'),
    ),
    refused(
        "missing input",
        "sum",
        {"a": A},
        INVALID,
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
        rest=Refused(INVALID, "Missing named input: b in 'inputs' object."),
    ),
    refused(
        "misnamed input",
        "sum",
        {"a": A, "c": TWO},
        INVALID,
        "Signature input alias: b(feed name: b_in:0) not found in request and no default value provided. "
        "Inputs expected to be in the request {a,c}, or default input alias set: ",
        rest=Refused(INVALID, "Missing named input: b in 'inputs' object."),
    ),
    refused(
        "shape that the model refuses",
        "matmul",
        {"matrix": B([[1, 2, 3]], np.float32)},
        INVALID,
        "Input 'matrix' of 'matmul' takes shape [?,2], but got [1,3]: Matrix size-incompatible",
    ),
    refused(
        "inputs that do not fit one another", "sum", {"a": A, "b": B([1, 2, 3], np.float32)}, INVALID, "ncompatible"
    ),
    refused("model's own check", "positive", {"a": -A}, INVALID, "a must be positive"),
    refused("file that the model misses", "missing_file", {"text": B([b"/nothing"], object)}, NOT_FOUND, "/nothing"),
    refused("variable that was never set", "unset", {"a": A}, PRECONDITION, "unset"),
    refused(
        "complex64",
        "echo_complex64",
        {"v": B([1.0])},
        INVALID,
        "Expects arg[0] to be complex64 but double is provided",
        rest=Refused(grpc.StatusCode.UNIMPLEMENTED, "to type: complex"),
    ),
]

EXAMPLES = [{"x": [20.0]}, {"x": [10.0], "x2": [4.0]}]
ONE = [{"x": [20.0]}]


def scores(*rows):
    return [[("", score) for score in row] for row in rows]


CLASSIFICATIONS = [
    Case("documented classifier", "classify_x_to_y", EXAMPLES, scores([12], [7])),
    Case("context", "classify_x_to_y", [{}, {}], scores([12], [12]), context={"x": [20.0]}),
    Case("example over context", "classify_x_to_y", [{"x": [10.0]}], scores([7]), context={"x": [20.0]}),
    Case("labels and scores", "classify_labelled", ONE, [[("low", -11), ("high", 12)]]),
    Case("labels without scores", "classify_labels_only", ONE, [[("low", 0), ("high", 0)]]),
    refused("unknown", "no", ONE, INVALID, "No signature was found with the name: no"),
    refused("none by default", "", ONE, INVALID, "No classification inputs found in SignatureDef: inputs {"),
    refused("unknown model", "", ONE, NOT_FOUND, "Servable not found for request: Latest(half)", model="half"),
    refused("two inputs", "classify_two_inputs", ONE, INVALID, "Expected one input Tensor."),
    refused("three outputs", "classify_three_outputs", ONE, INVALID, "Expected one or two output Tensors, found 3"),
    refused(
        "input of another name",
        "classify_input_of_another_name",
        ONE,
        INVALID,
        "No classification inputs found in SignatureDef: ",
    ),
    refused(
        "outputs of other names",
        "classify_outputs_of_other_names",
        ONE,
        INVALID,
        'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ',
    ),
    refused(
        "flat scores",
        "classify_flat_scores",
        ONE,
        INVALID,
        "Expected Tensor shape: [batch_size num_classes] but got [1]",
    ),
    refused(
        "integer scores",
        "classify_integer_scores",
        ONE,
        INVALID,
        "Expected scores Tensor of DT_FLOAT. Got: DT_INT32",
    ),
    refused(
        "numbers for labels",
        "classify_number_labels",
        ONE,
        INVALID,
        "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
    ),
    refused(
        "one row for two examples",
        "classify_one_row",
        EXAMPLES,
        INVALID,
        "Expected scores output batch size of 2. Got: 1",
    ),
    refused(
        "unequal widths",
        "classify_unequal",
        ONE,
        INVALID,
        "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
    ),
    refused("missing feature", "classify_x_to_y", [{"y": [1.0]}], INVALID, "Feature: x (data type: float) is required"),
    refused("feature of a wrong type", "classify_x_to_y", [{"x": ["a"]}], INVALID, "Data types don't match."),
]

REGRESSIONS = [
    Case("documented regressor", "regress_x_to_y", [{"x": [80.0]}], [42.0]),
    Case("several examples", "regress_x_to_y2", EXAMPLES, [13.0, 8.0]),
    Case("flat output", "regress_flat", EXAMPLES, [12.0, 7.0]),
    Case("method name of predict", "regress_as_tf2_exports_it", ONE, [12.0]),
    refused("unknown", "no", ONE, INVALID, "No signature was found with the name: no"),
    refused("none by default", "", ONE, INVALID, "No regression inputs found in SignatureDef: "),
    refused("two inputs", "regress_two_inputs", ONE, INVALID, "Expected one input Tensor."),
    refused("two outputs", "regress_two_outputs", ONE, INVALID, "Expected one output Tensor."),
    refused(
        "input of another name",
        "regress_input_of_another_name",
        ONE,
        INVALID,
        "No regression inputs found in SignatureDef: ",
    ),
    refused(
        "output of another name",
        "regress_output_of_another_name",
        ONE,
        INVALID,
        "No regression outputs found in SignatureDef: ",
    ),
    refused(
        "wide output",
        "regress_wide",
        ONE,
        INVALID,
        "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
    ),
    refused(
        "one row for two examples",
        "regress_one_row",
        EXAMPLES,
        INVALID,
        "Input batch size did not match output batch size: 2 vs. 1",
    ),
    refused(
        "integer output",
        "regress_integer",
        ONE,
        INVALID,
        "Expected output Tensor of DT_FLOAT.  Got: DT_INT32",
    ),
    refused(
        "input that is no string",
        "regress_x2_to_y3",
        ONE,
        INVALID,
        "Expects arg[0] to be float but string is provided",
    ),
]


@pytest.fixture(scope="module")
def http(half_plus_two):
    with httpx.Client(base_url=half_plus_two.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def stub(half_plus_two):
    with grpc.insecure_channel(f"127.0.0.1:{half_plus_two.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.mark.parametrize("encoding", ["values", "content"])
@pytest.mark.parametrize("case", PREDICT, ids=named)
def test_predict_over_grpc(stub, case, encoding):
    request = predict_pb2.PredictRequest()
    specify(request.model_spec, case)
    for name, value in case.given.items():
        request.inputs[name].CopyFrom(as_proto(value, encoding))
    if not isinstance(case.answer, Refused):
        request.output_filter.extend(case.answer)
    response = ask_grpc(stub.Predict, request, case)
    if response is not None:
        for name, value in case.answer.items():
            got = tf.make_ndarray(response.outputs[name])
            assert got.dtype == value.dtype
            np.testing.assert_array_equal(got, value)


@pytest.mark.parametrize("case", PREDICT, ids=named)
def test_predict_over_rest_in_columns(http, case):
    columns = {name: as_json(value) for name, value in case.given.items()}
    answer = ask_rest(http, "predict", {"signature_name": case.signature, "inputs": columns}, case)
    if answer is not None:
        outputs = (
            answer["outputs"] if isinstance(answer["outputs"], dict) else {next(iter(case.answer)): answer["outputs"]}
        )
        for name, value in case.answer.items():
            compare_json(outputs[name], value)


@pytest.mark.parametrize("case", [case for case in PREDICT if in_rows(case)], ids=named)
def test_predict_over_rest_in_rows(http, case):
    columns = [as_json(value) for value in case.given.values()]
    rows = [dict(zip(case.given, row, strict=True)) for row in zip(*columns, strict=True)]
    answer = ask_rest(http, "predict", {"signature_name": case.signature, "instances": rows}, case)
    for name, value in case.answer.items():
        compare_json([row[name] if is_named(row) else row for row in answer["predictions"]], value)


@pytest.mark.parametrize("case", CLASSIFICATIONS, ids=named)
def test_classify_over_grpc(stub, case):
    request = classification_pb2.ClassificationRequest(input=as_input(case))
    specify(request.model_spec, case)
    response = ask_grpc(stub.Classify, request, case)
    if response is not None:
        got = [[(one.label, one.score) for one in row.classes] for row in response.result.classifications]
        assert got == case.answer


@pytest.mark.parametrize("case", CLASSIFICATIONS, ids=named)
def test_classify_over_rest(http, case):
    answer = ask_rest(http, "classify", example_body(case), case)
    if answer is not None:
        assert [[tuple(one) for one in row] for row in answer["results"]] == case.answer


@pytest.mark.parametrize("case", REGRESSIONS, ids=named)
def test_regress_over_grpc(stub, case):
    request = regression_pb2.RegressionRequest(input=as_input(case))
    specify(request.model_spec, case)
    response = ask_grpc(stub.Regress, request, case)
    if response is not None:
        assert [one.value for one in response.result.regressions] == case.answer


@pytest.mark.parametrize("case", REGRESSIONS, ids=named)
def test_regress_over_rest(http, case):
    answer = ask_rest(http, "regress", example_body(case), case)
    if answer is not None:
        assert answer["results"] == case.answer


def ask_grpc(call, request, case):
    """Return the response, or None after comparing the error that was expected."""
    if not isinstance(case.answer, Refused):
        response = call(request, timeout=60)
        specification = response.model_spec
        expected = ("m", 123, case.signature or "serving_default")
        assert (specification.name, specification.version.value, specification.signature_name) == expected
        return response
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60)
    assert caught.value.code() == case.answer.status, caught.value.details()
    assert case.answer.text in caught.value.details()
    return None


def ask_rest(http, call, body, case):
    """Return the answer, or None after comparing the error that was expected."""
    version = "" if case.version is None else f"/versions/{case.version}"
    reply = http.post(f"/v1/models/{case.model}{version}:{call}", content=json.dumps(body))
    expected = case.rest or case.answer
    if not isinstance(expected, Refused):
        assert reply.status_code == 200, reply.text
        return reply.json()
    assert reply.status_code == HTTP[expected.status], reply.text
    assert list(reply.json()) == ["error"]
    assert expected.text in reply.json()["error"]
    return None


def specify(specification, case):
    specification.name, specification.signature_name = case.model, case.signature
    if case.version is not None:
        specification.version.value = case.version


def as_proto(value, encoding):
    """Return a TensorProto with its values in typed fields, or as tensor_content; strings have only the former."""
    if value.dtype == object:
        return tf.make_tensor_proto(value)
    proto = tf.make_tensor_proto(np.zeros(0, value.dtype))
    proto.tensor_shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    if encoding == "content":
        proto.tensor_content = value.tobytes()
    elif value.dtype.name in ("float16", "bfloat16"):
        proto.half_val.extend(value.reshape(-1).view(np.uint16).tolist())
    else:
        getattr(proto, FIELDS[value.dtype.name]).extend(value.reshape(-1).tolist())
    return proto


def as_json(value):
    """Return an array as JSON's lists; bytes in base64, which stands for every string."""
    if value.dtype == object:
        items = [{"b64": base64.b64encode(one).decode()} for one in value.reshape(-1).tolist()]
        return items if value.ndim else items[0]
    return value.tolist() if value.dtype.name != "bfloat16" else value.astype(np.float32).tolist()


def compare_json(got, value):
    if value.dtype == object and not value.ndim:
        got, value = [got], value.reshape(1)
    if value.dtype != object:
        np.testing.assert_array_equal(np.array(got, value.dtype), value)
    elif got and isinstance(got[0], dict):
        assert [base64.b64decode(one["b64"]) for one in got] == value.tolist()
    else:
        assert got == [one.decode() for one in value.tolist()]


def is_named(row):
    return isinstance(row, dict) and "b64" not in row


def as_input(case):
    examples = [example_proto(one) for one in case.given]
    if not case.context:
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))
    listed = input_pb2.ExampleListWithContext(examples=examples, context=example_proto(case.context))
    return input_pb2.Input(example_list_with_context=listed)


def example_proto(features):
    example = tf.train.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        if isinstance(values[0], str):
            feature.bytes_list.value.extend(one.encode() for one in values)
        else:
            feature.float_list.value.extend(values)
    return example


def example_body(case):
    body = {"signature_name": case.signature, "examples": case.given}
    return {**body, "context": case.context} if case.context else body
