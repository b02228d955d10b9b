"""JSON bodies that reach the model server, and those that do not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.errors import InvalidRequestError
from keepfit.frontend.bodies import check_body


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [[1.5, 2.3]]}',
        b'{"instances": [{"a": 1}], "signature_name": "score"}',
        b'{"inputs": {"a": [1, 2]}}',
        b'{"inputs": 3}',
        b'{"instances": [[NaN, Infinity]]}',
    ],
)
def test_what_tensorflow_serving_takes_passes(body):
    check_body(body, 10)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        ('{"instances": [1]}'.encode("utf-16"), "not UTF-8"),
        (b"[[1.5, 2.3]]", "JSON array: expected an object"),
        (b"null", "JSON null: expected an object"),
        (b"{}", "neither 'instances' nor 'inputs'"),
        (b'{"instances": [1], "inputs": [1]}', "both 'instances' and 'inputs'"),
        (b'{"instances": []}', "an empty array: expected an array of at least one instance"),
        (b'{"instances": {"a": 1}}', "a JSON object: expected an array"),
        (b'{"instances": [1], "signature_name": 3}', "signature_name is a JSON number: expected a string"),
        (b'{"instances": [1,2,3,4]}', "instances has 4 instances: expected at most 3"),
        (b'{"inputs": {"a": [1,2,3,4], "b": 1}}', "inputs has 4 instances: expected at most 3"),
        (b"[" * 200_000, "too deep"),
        (b'{"instances": [' + b"9" * 5000 + b", NaN]}", "number too long"),
    ],
)
def test_what_it_does_not_take_is_named(body, says):
    with pytest.raises(InvalidRequestError, match=says.replace("[", r"\[")):
        check_body(body, 3)


@given(st.binary() | st.text().map(lambda text: text.encode()))
def test_any_bytes_are_passed_or_refused(body):
    with contextlib.suppress(InvalidRequestError):
        check_body(body, 3)
