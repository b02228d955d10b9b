"""Every call, over both transports, sync and async: the same cases have the same outcome."""

import inspect
import json

import ml_dtypes
import numpy as np
import pytest

from keepfit.client import AsyncClient, Client, VersionStatus
from keepfit.errors import (
    ConfigError,
    InferenceError,
    InvalidRequestError,
    ModelNotFoundError,
    TimedOutError,
    UnimplementedError,
)

from .conftest import KINDS

X = np.array([[1, 2], [3, 4.5]], np.float32)


def test_one_array_in_and_one_array_out(client):
    found = client.predict(X)
    assert found.array.dtype == np.float32
    assert found.array.tolist() == [[6.0], [15.0]]
    assert list(found) == ["y"]


@pytest.mark.parametrize("given", [X.astype(np.float64), X.tolist(), X.astype(">f4"), X[:, ::-1][:, ::-1], {"x": X}])
def test_numbers_become_what_the_model_takes(client, given):
    assert client.predict(given).array.tolist() == [[6.0], [15.0]]


def test_integers_become_floats(client):
    assert client.predict([[1, 2]])["y"].tolist() == [[6.0]]


@pytest.mark.parametrize("version", ["1", -1, 2**63, 1.0])
def test_version_that_cannot_be_is_told_at_once(client, version):
    with pytest.raises(InvalidRequestError, match="expected a whole number from 0 on"):
        client.predict(X, version=version)


def test_version_may_be_any_whole_number(client):
    assert client.predict(X, version=np.int64(2)).array.tolist() == [[6.0], [15.0]]


def test_outputs_are_a_list_of_names(client):
    with pytest.raises(InvalidRequestError, match="outputs is the text 'y': expected a list of names"):
        client.predict(X, outputs="y")


def test_masked_values_are_not_taken_for_what_they_hide(client):
    assert client.predict(np.ma.masked_array(X, mask=False)).array.tolist() == [[6.0], [15.0]]
    with pytest.raises(InvalidRequestError, match="'x' has masked values"):
        client.predict(np.ma.masked_array(X, mask=X > 4))


def test_closed_client_says_so(kind, shared):
    with kind.connect(kind.address(shared), timeout_s=60) as client:
        client.predict(X)
        client.close()
        with pytest.raises(ConfigError, match="closed"):
            client.predict(X)


TYPES = {
    "flag": np.array([True, False]),
    "small": np.array([0, 255], np.uint8),
    "large": np.array([-(2**63), 2**63 - 1]),
    "real": np.array([0.1, -1e300]),
    "half": np.array([0.5, -2], np.float16),
    "brain": np.array([0.5, -2], ml_dtypes.bfloat16),
}


def test_every_type_comes_back_as_it_went(client):
    found = client.predict(TYPES, signature="types")
    assert found.keys() == TYPES.keys()
    for name, array in TYPES.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_json_does_not_have_come_back(client, value):
    given = {**TYPES, **{name: np.array([value, 1], TYPES[name].dtype) for name in ("real", "half", "brain")}}
    found = client.predict(given, signature="types")
    for name in ("real", "half", "brain"):
        np.testing.assert_array_equal(found[name].astype(float), given[name].astype(float))


@pytest.mark.parametrize(
    "words",
    [["a", "ü"], np.array(["a", "ü"]), [b"a", "ü".encode()], np.array([b"a", "ü"], object), [b"a\x00", b""]],
)
def test_text_and_bytes_come_back_as_bytes(client, words):
    found = client.predict({"word": words, "n": [1, 2]}, signature="words")
    given = [word.encode() if isinstance(word, str) else bytes(word) for word in words]
    assert found["raw_bytes"].tolist() == given
    assert found["n"].dtype == np.int32


def test_bytes_that_are_no_text_come_back(client):
    found = client.predict({"word": [b"\xff\x00\xfe"], "n": [1]}, signature="words")
    assert found["raw_bytes"].tolist() == [b"\xff\x00\xfe"]


def test_scalar_comes_back_as_a_scalar(client):
    found = client.predict([1.0, 2.0], signature="mean").array
    assert (found.shape, found.dtype, float(found)) == ((), np.float32, 1.5)


def test_outputs_can_be_chosen(client):
    assert list(client.predict(X, signature="checked", outputs=["twice"])) == ["twice"]
    assert sorted(client.predict(X, signature="checked")) == ["twice", "y"]
    with pytest.raises(InvalidRequestError, match="nothing"):
        client.predict(X, outputs=["nothing"])


def test_version_can_be_chosen(client):
    assert client.predict(X, version=2).array.tolist() == [[6.0], [15.0]]
    with pytest.raises(ModelNotFoundError, match=r"(?s)m.*9"):
        client.predict(X, version=9)


def test_version_and_label_exclude_one_another(client):
    with pytest.raises(InvalidRequestError, match="version 2 and label 'stable'"):
        client.predict(X, version=2, label="stable")


@pytest.mark.parametrize(
    ("inputs", "options", "text"),
    [
        ({"x": [["a", "b"]]}, {}, "'x' has text: expected float32"),
        ({"z": X}, {}, "[xz]"),
        (X, {"signature": "nothing"}, "no signature 'nothing'.*serving_default"),
        (X, {"signature": "words"}, "inputs n, word: expected a dict"),
        ([[1, 2], [3]], {}, "'x' is not an array"),
        ({"word": ["a"], "n": [2**40]}, {"signature": "words"}, "int32 cannot hold"),
        ({"word": ["a"], "n": [1.5]}, {"signature": "words"}, "float64: expected int32"),
        ({"x": X + 1j}, {}, "complex64: expected float32"),
        ({"x": [[1e300, 0]]}, {}, "too large for float32"),
        ({"x": [[None, 1]]}, {}, "objects: expected float32"),
        (-X, {"signature": "checked"}, "assert"),
    ],
)
def test_what_does_not_fit_is_an_invalid_request(client, inputs, options, text):
    with pytest.raises(InvalidRequestError, match=f"(?s){text}"):
        client.predict(inputs, **options)


def test_metadata_are_typed_signatures(client):
    found = client.metadata()
    assert found.version == 2
    words = found.signatures["words"]
    assert (words.inputs["word"].dtype, words.inputs["n"].shape) == ("string", (None,))
    assert words.method_name == "tensorflow/serving/predict"
    assert "__saved_model_init_op" not in found.signatures


def test_status_names_versions_and_states(client):
    assert client.status() == (VersionStatus(2, "AVAILABLE"),)
    assert client.status(version=2)[0].is_available


def test_readiness_is_told_of_models_versions_and_servers(client, kind, shared, free_port):
    assert client.ready()
    assert client.ready(version=2)
    assert not client.ready(version=9)
    with kind.connect(kind.address(shared), "nobody") as stranger:
        assert not stranger.ready()
    with kind.connect(f"{'http' if kind.transport == 'rest' else 'grpc'}://127.0.0.1:{free_port}") as lost:
        assert not lost.ready()


def test_model_that_is_not_there_is_named(kind, shared):
    with (
        kind.connect(kind.address(shared), "nobody here") as stranger,
        pytest.raises(ModelNotFoundError, match="nobody here"),
    ):
        stranger.predict(X)


def test_deadline_is_honoured(client):
    with pytest.raises(TimedOutError, match=r"within 0\.2 s"):
        client.predict([1.0], signature="slow", timeout_s=0.2)
    assert client.predict(X).array.tolist() == [[6.0], [15.0]]


def test_answer_that_is_too_large_is_refused(kind, shared):
    with kind.connect(kind.address(shared), max_answer_bytes=50_000) as narrow:
        assert narrow.predict(X).array.shape == (2, 1)
        with pytest.raises(InferenceError, match="50000 bytes"):
            narrow.predict(np.ones((20_000, 2)))


@pytest.mark.parametrize("kind", KINDS[2:], ids=lambda kind: kind.mode)
def test_compressed_calls_and_answers_are_understood(kind, shared):
    x = np.ones((20_000, 2), np.float32)
    with kind.connect(kind.address(shared), compression=True, timeout_s=60) as client:
        np.testing.assert_array_equal(client.predict(x).array, np.full((20_000, 1), 4, np.float32))


def test_body_is_passed_on_as_it_is(client, kind):
    if kind.transport == "grpc":
        with pytest.raises(UnimplementedError, match="REST"):
            client.forward(b"{}")
    else:
        assert json.loads(client.forward(b'{"instances": [[1, 2]]}')) == {"predictions": [[6.0]]}


def test_both_clients_have_the_same_calls():
    calls = {name for name in dir(Client) if not name.startswith("_")}
    assert calls == {name for name in dir(AsyncClient) if not name.startswith("_")}
    for name in calls:
        assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name))
