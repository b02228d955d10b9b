"""Hostile input to a running server: nothing but documented answers, and it lives on."""

import json
import socket
from pathlib import Path
from urllib.parse import quote

import grpc
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from keepfit import protos
from keepfit.serving import rest

DESCRIPTION = schemathesis.openapi.from_path(Path(rest.__file__).with_name("openapi.json"))
OPERATIONS = {operation.ok().label: operation.ok() for operation in DESCRIPTION.get_all_operations()}
bounded = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("label", OPERATIONS)
def test_description_is_kept_to(shared, label):
    @bounded
    @given(OPERATIONS[label].as_strategy())
    def check(case):
        if "model" in case.path_parameters and len(case.path_parameters["model"]) % 2:
            case.path_parameters["model"] = "m"  # otherwise nearly all would be about models that are not there
        response = case.call(base_url=shared.url)
        assert response.status_code < 500, response.text
        # Which tensors fit is the model's to say, not the description's.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    check()


def test_description_is_served(shared):
    assert httpx.get(f"{shared.url}/openapi.json").json() == DESCRIPTION.raw_schema


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["x", "word", "n", "b64", "instances", "inputs", "examples"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["instances", "inputs", "examples", "context", "signature_name"]), json_values).map(
        lambda value: json.dumps(value).encode()
    ),
    st.tuples(json_values, st.sampled_from(["words", "types", "mean"])).map(
        lambda pair: json.dumps({"instances": pair[0], "signature_name": pair[1]}).encode()
    ),
)


def test_any_body_is_answered_with_json(shared):
    with httpx.Client(base_url=shared.url) as client:

        @settings(parent=bounded, max_examples=300)
        @given(bodies, st.sampled_from(["predict", "classify", "regress"]))
        def check(body, call):
            answer = client.post(f"/v1/models/m:{call}", content=body)
            assert answer.status_code in (200, 400), answer.text
            assert answer.status_code == 200 or list(answer.json()) == ["error"]

        check()


def test_any_path_is_answered_with_json(shared):
    with httpx.Client(base_url=shared.url) as client:

        @settings(parent=bounded, max_examples=100)
        @given(st.sampled_from(["GET", "POST", "DELETE"]), st.text(max_size=20))
        def check(method, path):
            answer = client.request(method, f"/v1/models/{quote(path)}")
            assert answer.status_code in (400, 404), answer.text

        check()


tensors = st.builds(
    lambda dtype, sizes, content, floats, strings: protos.TensorProto(
        dtype=dtype,
        tensor_shape=protos.TensorShapeProto(dim=[protos.TensorShapeProto.Dim(size=size) for size in sizes]),
        tensor_content=content,
        float_val=floats,
        string_val=strings,
    ),
    st.sampled_from([0, 1, 2, 3, 7, 8, 10, 14, 19, 20, 101]),
    st.lists(st.integers(-2, 3) | st.integers(-(2**62), 2**62), max_size=4),
    st.binary(max_size=8),
    st.lists(st.floats(width=32), max_size=4),
    st.lists(st.binary(max_size=3), max_size=2),
)
CALLS = (
    "PredictionService/Predict",
    "PredictionService/Classify",
    "PredictionService/Regress",
    "PredictionService/MultiInference",
    "PredictionService/GetModelMetadata",
    "ModelService/GetModelStatus",
)
messages = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda inputs, signature: protos.PredictRequest(
            model_spec=protos.ModelSpec(name="m", signature_name=signature), inputs=inputs
        ).SerializeToString(),
        st.dictionaries(st.sampled_from(["x", "word", "n"]), tensors, max_size=3),
        st.sampled_from(["", "words", "mean", "types"]),
    ),
)


def test_any_grpc_message_is_answered_with_a_status(shared):
    with grpc.insecure_channel(f"127.0.0.1:{shared.grpc_port}") as channel:
        calls = {name: channel.unary_unary(f"/tensorflow.serving.{name}") for name in CALLS}
        allowed = {
            grpc.StatusCode.OK,
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.NOT_FOUND,
            grpc.StatusCode.FAILED_PRECONDITION,
        }

        @settings(parent=bounded, max_examples=300)
        @given(messages, st.sampled_from(CALLS))
        def check(message, name):
            future = calls[name].future(message, timeout=20)
            assert future.code() in allowed, future.details()

        check()


def test_random_bytes_to_both_ports_do_no_harm(shared):
    @settings(parent=bounded, max_examples=50)
    @given(st.sampled_from([shared.rest_port, shared.grpc_port]), st.binary(max_size=500))
    def check(port, content):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(content)

    check()


@pytest.fixture(autouse=True)
def lives_on(shared):
    yield
    (pid,) = shared.worker_pids()
    assert shared.predict().json() == {"predictions": [[6.0]]}
    assert shared.process.poll() is None
    assert shared.worker_pids() == [pid]
