"""Bodies that are read as a matrix, and those that must not be."""

import json

import numpy as np
import pytest

from keepfit.errors import InvalidRequestError
from keepfit.serving.rest import json_matrix, json_predict
from keepfit.signatures import Signature, TensorSpec

ROWS = [[row + column / 7 for column in range(40)] for row in range(40)]
BODY = json.dumps({"instances": ROWS}).encode()


def signature(dtype="float32"):
    return Signature("s", "", {"x": TensorSpec("x", "x:0", dtype, (None, None))}, {})


def changed(row, column, text):
    """Return the body with one number replaced by other text."""
    cells = [[json.dumps(value) for value in values] for values in ROWS]
    cells[row][column] = text
    rows = ", ".join(f"[{','.join(values)}]" for values in cells)
    return f'{{"instances": [{rows}]}}'.encode()


def read(body, dtype="float32"):
    return json_predict.read(json_predict.parse(body), signature(dtype), body)


def test_matrix_of_numbers_is_read_as_an_array():
    assert np.array_equal(json_matrix.parse(BODY)["instances"], np.array(ROWS))
    inputs, layout = read(BODY)
    assert (layout, inputs["x"].dtype) == ("instances", np.float32)
    assert np.array_equal(inputs["x"], np.array(ROWS, np.float32))


def test_name_of_the_signature_is_kept():
    document = json_matrix.parse(json.dumps({"signature_name": "other", "instances": ROWS}).encode())
    assert document["signature_name"] == "other"


@pytest.mark.parametrize("text", ["true", "null", '"1"', "[1]", "{}", "1, 2", "NaN", "1e999", "9" * 40, "01", ""])
def test_anything_else_among_the_numbers_is_left_to_a_closer_look(text):
    assert json_matrix.parse(changed(3, 4, text)) is None


@pytest.mark.parametrize("text", ["true", "null", '"1"', "[1]", "1, 2", "1e39", "16777217"])
def test_what_is_no_number_of_the_input_is_refused_as_in_a_small_body(text):
    with pytest.raises(InvalidRequestError):
        read(changed(3, 4, text))


def test_rows_that_have_as_many_numbers_in_another_form_are_no_matrix():
    nested = [*ROWS[:-1], [*ROWS[-1][:-2], ROWS[-1][-2:]]]
    assert json_matrix.parse(json.dumps({"instances": nested}).encode()) is None


@pytest.mark.parametrize(
    "document",
    [{"inputs": ROWS}, {"instances": ROWS, "other": 1}, {"instances": [{"x": row} for row in ROWS]}, ROWS],
)
def test_other_documents_are_no_matrix(document):
    assert json_matrix.parse(json.dumps(document).encode()) is None


def test_key_that_comes_twice_is_left_to_a_closer_look():
    assert json_matrix.parse(BODY[:-1] + b', "instances": [[1]]}') is None


def test_integers_are_read_exactly():
    rows = [[2**53 + 1] * 40] * 20
    body = json.dumps({"instances": rows}).encode()
    assert read(body, "int64")[0]["x"].tolist() == rows


def test_small_bodies_are_not_worth_it():
    assert json_matrix.parse(b'{"instances": [[1.0]]}') is None
