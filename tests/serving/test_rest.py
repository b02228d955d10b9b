"""The REST API over real HTTP: what clients of TensorFlow Serving rely on."""

import concurrent.futures
import json

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from keepfit import errors
from keepfit.errors import InferenceError, ServingError
from keepfit.serving.requests.status import NUMBERS, STATUS_NAMES
from keepfit.serving.rest.response import STATUS_CODES
from keepfit.serving.settings import monitoring


def post(server, body, path="/v1/models/m:predict"):
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return httpx.post(server.url + path, content=content, timeout=30)


def get(server, path):
    return httpx.get(server.url + path, timeout=10)


def test_rows_of_a_single_input(shared):
    answer = post(shared, {"instances": [[1.5, 2.3], [0, 1]]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"predictions": [[pytest.approx(7.6)], [2.0]]}


def test_rows_of_named_inputs_and_several_outputs(shared):
    rows = [{"word": "a", "n": 1}, {"word": {"b64": "/w=="}, "n": -2}]
    answer = post(shared, {"signature_name": "words", "instances": rows})
    assert answer.json() == {
        "predictions": [
            {"n": 1, "raw_bytes": {"b64": "YQ=="}, "upper": "A"},
            {"n": -2, "raw_bytes": {"b64": "/w=="}, "upper": "�"},
        ]
    }


def test_columns_of_a_single_input(shared):
    assert post(shared, {"inputs": [[1, 2]]}).json() == {"outputs": [[6.0]]}
    assert post(shared, {"inputs": {"x": [[1, 2]]}}).json() == {"outputs": [[6.0]]}


def test_columns_of_named_inputs(shared):
    answer = post(shared, {"signature_name": "words", "inputs": {"word": ["a", "b"], "n": [1, 2]}})
    assert answer.json()["outputs"]["upper"] == ["A", "B"]
    assert answer.json()["outputs"]["n"] == [1, 2]


def test_output_without_rows_only_in_columns(shared):
    assert post(shared, {"signature_name": "mean", "inputs": [1, 2]}).json() == {"outputs": 1.5}
    answer = post(shared, {"signature_name": "mean", "instances": [1, 2]})
    assert answer.status_code == 400
    assert answer.json() == {"error": "Tensor name: mean has no shape information "}


def test_every_type_comes_back_as_it_went(shared):
    inputs = {
        "flag": [True, False],
        "small": [0, 255],
        "large": [-(2**63), 2**63 - 1],
        "real": [0.1, -1e300],
        "half": [0.5, 2.0],
        "brain": [0.5, -2.0],
    }
    assert post(shared, {"signature_name": "types", "inputs": inputs}).json() == {"outputs": inputs}


def test_not_a_number_and_infinity_go_both_ways(shared):
    answer = post(shared, b'{"instances": [[NaN, 1], [Infinity, 1], [-Infinity, 1], [0.1, 0]]}')
    assert answer.text.replace(" ", "") == '{"predictions":[[NaN],[Infinity],[-Infinity],[0.2]]}'


def test_version_in_the_path(shared):
    assert post(shared, {"instances": [[1, 2]]}, "/v1/models/m/versions/2:predict").status_code == 200
    answer = post(shared, {"instances": [[1, 2]]}, "/v1/models/m/versions/7:predict")
    assert (answer.status_code, answer.json()["error"]) == (404, "Servable not found for request: Specific(m, 7)")


def test_names_in_the_path_may_be_percent_encoded(shared):
    assert post(shared, {"instances": [[1, 2]]}, "/v1/models/%6D:predict").json() == {"predictions": [[6.0]]}
    for call in (get(shared, "/v1/models/a%2Fb%3Ac"), post(shared, {"inputs": 1}, "/v1/models/a%2Fb%3Ac:predict")):
        assert call.status_code == 404
        assert "a/b:c" in call.json()["error"]


def test_unknown_model_is_not_found_as_there(shared):
    answer = post(shared, {"instances": [[1, 2]]}, "/v1/models/half:predict")
    assert (answer.status_code, answer.json()["error"]) == (404, "Servable not found for request: Latest(half)")
    answer = get(shared, "/v1/models/half")
    assert (answer.status_code, answer.json()["error"]) == (404, "Could not find any versions of model half")
    assert get(shared, "/v1/models/half/metadata").status_code == 404
    assert get(shared, "/v1/models/m/versions/9").json()["error"] == "Could not find version 9 of model m"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error: "),
        (b"\xff\xfe", "JSON Parse error: "),
        (b"[1]", "Is not object"),
        (b"[" * 100_000, "JSON Parse error: "),
        (b'{"inputs": NaN' + b"[" * 100_000, "JSON Parse error: "),
        (b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}", "nested deeper than 64"),
        (b'{"inputs": NaN, "x": ' + b"9" * 5000 + b"}", "JSON Parse error: "),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, "expecting only one of 'inputs' or 'instances'"),
        ({"instances": 1}, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": [[1, 2]], "signature_name": 1}, "'signature_name' key must be a string value."),
        ({"instances": [[1, 2]], "signature_name": "no"}, 'Serving signature name: "no" not found in signature def'),
        (
            {"instances": [[1, 2], [1]]},
            "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size",
        ),
        ({"instances": [[1, "a"]]}, 'JSON Value: "a" Type: String is not of expected type: float'),
        ({"instances": [[1, None]]}, "JSON Value: null Type: Null is not of expected type: float"),
        ({"instances": [[1, True]]}, "Type: True is not of expected type: float"),
        ({"instances": [[1, {"a": 2}]]}, "Type: Object is not of expected type: float"),
        ({"instances": [[1, 2**24]]}, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ({"instances": [[1, 1e39]]}, "without loss of precision."),
        ({"instances": [1.0]}, "'x' of 'serving_default' takes shape [?,2], but got [1]: "),
        ({"instances": [[1, 2], {"x": [1, 2]}]}, "Expecting value/list but got object at item 1"),
        ({"instances": [{"x": [1, 2]}, [1, 2]]}, "Expecting object but got list at item 1"),
        ({"instances": [{"y": [1, 2]}]}, "does not have named input: y"),
        ({"instances": ["a"], "signature_name": "words"}, "instances is a plain list, but expecting list of objects"),
        ({"instances": [{"word": "a"}], "signature_name": "words"}, "keys must be equal to: n,word"),
        ({"instances": [{"word": "a", "n": 1.5}], "signature_name": "words"}, "1.5 Type: Number is not of expected"),
        ({"instances": [{"word": "a", "n": 2**31}], "signature_name": "words"}, "is not of expected type: int32"),
        ({"instances": [{"word": {"b64": "?"}, "n": 1}], "signature_name": "words"}, "Unable to base64 decode"),
        (
            {"instances": [{"word": {"b65": "?"}, "n": 1}], "signature_name": "words"},
            "not formatted correctly for base64",
        ),
        ({"inputs": ["a"], "signature_name": "words"}, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"word": ["a"]}, "signature_name": "words"}, "Missing named input: n in 'inputs' object."),
        (
            {"inputs": {"word": ["a", ["b"]], "n": [1, 2]}, "signature_name": "words"},
            "Encountered list at unexpected level",
        ),
        ({"inputs": {"word": [["a"], "b"], "n": [1, 2]}, "signature_name": "words"}, "found at incorrect level"),
        ({"inputs": {"word": [["a"], ["b", "c"]], "n": [1]}, "signature_name": "words"}, "list at unexpected size: 2"),
        ({"instances": [[-1, 0]], "signature_name": "checked"}, "assert"),
    ],
)
def test_malformed_request_is_refused_with_the_reason(shared, body, message):
    answer = post(shared, body)
    assert answer.status_code == 400, answer.text
    assert message.lower() in answer.json()["error"].lower()


def test_deeply_nested_value_in_an_error_text_is_no_defect(shared):
    body = b'{"instances": 1, "x": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert post(shared, body).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/m:predict", 400),
        ("POST", "/v1/models/m", 400),
        ("PUT", "/v1/models/m:predict", 400),
        ("GET", "/v1/models", 400),
        ("GET", "/v1/models/versions/1", 400),
        ("GET", "/v1/models/m/versions/99999999999999999999", 400),
        ("GET", "/v1/models/m/labels/stable", 400),
        ("POST", "/v1/models/m:classify", 400),
        ("POST", "/healthz", 405),
        ("GET", "/nothing", 404),
        ("GET", "/", 404),
    ],
)
def test_other_paths_and_methods_are_refused(shared, method, path, status):
    answer = httpx.request(method, shared.url + path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def test_status_has_the_form_that_clients_parse(shared):
    expected = {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert get(shared, "/v1/models/m").json() == {"model_version_status": [expected]}
    assert get(shared, "/v1/models/m/versions/2").json() == {"model_version_status": [expected]}


def test_metadata_has_the_form_that_clients_parse(shared):
    metadata = get(shared, "/v1/models/m/metadata").json()
    assert metadata["model_spec"] == {"name": "m", "signature_name": "", "version": "2"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["x"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
        "unknown_rank": False,
    }


def test_health_readiness_and_head(shared):
    assert get(shared, "/healthz").status_code == 200
    assert get(shared, "/readyz").status_code == 200
    assert httpx.head(shared.url + "/healthz").status_code == 200


def test_metrics_parse_and_count_requests(shared):
    def count():
        samples = {
            (sample.name, sample.labels.get("status")): sample.value
            for family in text_string_to_metric_families(get(shared, monitoring.DEFAULT_PATH).text)
            for sample in family.samples
        }
        return samples.get((":tensorflow:serving:request_count_total", "OK"), 0)  # this parser names counters so

    before = count()
    post(shared, {"instances": [[1, 2]]})
    assert count() == before + 1


def test_names_of_unknown_models_do_not_become_metrics(shared):
    post(shared, {"instances": [[1, 2]]}, "/v1/models/never-heard-of:predict")
    assert "never-heard-of" not in get(shared, monitoring.DEFAULT_PATH).text


def test_concurrent_requests_get_their_own_answers(shared):
    with httpx.Client() as client, concurrent.futures.ThreadPoolExecutor(16) as pool:

        def ask(number):
            body = {"instances": [[number, row] for row in range(number % 4 + 1)]}
            return client.post(shared.url + "/v1/models/m:predict", json=body).json()["predictions"]

        answers = list(pool.map(ask, range(400)))
    assert answers == [[[2.0 * (number + row)] for row in range(number % 4 + 1)] for number in range(400)]


def test_bad_request_among_concurrent_ones_harms_only_itself(shared):
    def ask(number):
        row = [-1.0, 0.0] if number % 10 == 0 else [float(number), 0.0]
        return post(shared, {"signature_name": "checked", "instances": [row]})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    assert [answer.status_code for answer in answers] == [400 if n % 10 == 0 else 200 for n in range(200)]
    assert all(answer.json()["predictions"][0]["y"] == 2.0 * n for n, answer in enumerate(answers) if n % 10)


def test_large_body_is_taken(shared):
    rows = 20_000
    answer = post(shared, {"instances": [[1.25, 2.5]] * rows})
    assert answer.json() == {"predictions": [[7.5]] * rows}


def test_table_of_codes_is_total():
    assert STATUS_CODES.keys() == NUMBERS.keys() - {"OK"}
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ServingError)}
    named = {kind for kind in kinds if STATUS_NAMES.keys() & set(kind.__mro__)}
    assert kinds - {ServingError, InferenceError} == named
    assert STATUS_NAMES.keys() <= kinds
