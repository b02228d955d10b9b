"""From what a person filled in to the request, or to the mistakes."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.frontend.filling import fill

from .conftest import MIXED, TWO_FEATURES, form_of, signatures, tensor

TWO = form_of(TWO_FEATURES)
TABLE = form_of(MIXED)
ONE_OF_EACH = {"age": ["33"], "member": ["yes"], "city": ["Ulm"], "visits": ["4"]}


def filled(form, most=100, **values):
    return fill(form, values, most)


def test_columns_are_sent_in_their_order():
    assert filled(TWO, x2=["2.3"], x1=["1.5"]).request == {"instances": [[1.5, 2.3]]}


@pytest.mark.parametrize(
    "texts", [["1.5, 2.3"], ["1.5\t2.3"], ["1.5 2.3"], ["[1.5; 2.3]"], ["1.5", "2.3"], ["(1.5,2.3)\r\n\r\n"]]
)
def test_a_row_may_be_pasted_in_many_ways(texts):
    assert filled(TWO, features=texts).request == {"instances": [[1.5, 2.3]]}


def test_several_lines_are_several_rows():
    assert filled(TWO, features=["1,2\n3,4\n"]).request == {"instances": [[1.0, 2.0], [3.0, 4.0]]}


def test_named_inputs_are_sent_by_name():
    assert filled(TABLE, **ONE_OF_EACH).request == {
        "instances": [{"age": 33.0, "city": "Ulm", "member": True, "visits": 4}]
    }


def test_empty_number_and_text_of_a_table_are_missing_values():
    instance = filled(TABLE, **{**ONE_OF_EACH, "age": [" "], "city": [""]}).request["instances"][0]

    assert math.isnan(instance["age"])
    assert instance["city"] == ""


def test_nan_is_written_as_tensorflow_serving_reads_it():
    assert filled(TWO, features=["nan, 2"]).body() == b'{"instances": [[NaN, 2.0]]}'


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"x1": ["1.5"]}, "x2", "x2 is missing: expected a number"),
        ({"x1": ["1.5"], "x2": [""]}, "x2", "x2 is empty: expected a number"),
        ({"x1": ["1,5"], "x2": ["1"]}, "x1", "x1 is '1,5': expected a number"),
        ({"x1": ["1e400"], "x2": ["1"]}, "x1", "x1 is '1e400': expected a number"),
        ({"x1": ["1_0"], "x2": ["1"]}, "x1", "x1 is '1_0': expected a number"),
        ({"x1": ["١"], "x2": ["1"]}, "x1", "expected a number"),
        ({"x1": ["1", "2"], "x2": ["1"]}, "x1", "x1 is given 2 times: expected one value"),
        ({"x1": ["1"], "x2": ["1"], "x3": ["1"]}, "x3", "'x3' is not an input of the model: expected x1, x2"),
        ({"features": ["1, 2, 3"]}, "features", "features has 3 values, '1, 2, 3': expected 2"),
        ({"features": ["1,2\n3,b"]}, "features", "features, line 2, value 2 is 'b': expected a number"),
        ({"features": ["1,"]}, "features", "features, value 2 is empty: expected a number"),
        ({"features": [" \n "]}, "features", "features is empty: expected 2 numbers"),
        ({"features": ["1,2\n" * 101]}, "features", "features has 101 rows: expected at most 100"),
        ({}, "x1", "x1 is missing"),
    ],
)
def test_mistakes_name_field_value_and_expectation(values, field, says):
    found = filled(TWO, **values)

    assert says in found.mistakes[field]
    assert found.request == {}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"visits": [""]}, "visits is empty: expected a whole number"),
        ({"visits": ["4.5"]}, "visits is '4.5': expected a whole number from -9223372036854775808"),
        ({"visits": ["9" * 19]}, "expected a whole number"),
        ({"member": ["perhaps"]}, "member is 'perhaps': expected true or false"),
        ({"age": ["old"]}, "age is 'old': expected a number"),
        ({"height": ["1"]}, "'height' is not an input of the model: expected age, city, member, visits"),
    ],
)
def test_mistakes_in_a_table_name_field_value_and_expectation(changed, says):
    assert says in filled(TABLE, **{**ONE_OF_EACH, **changed}).error


def test_an_input_left_out_of_a_table_is_a_mistake_and_no_missing_value():
    assert filled(TABLE, **{**ONE_OF_EACH, "age": []}).error == "age is missing: expected a number, such as 1.5, or nan"


def test_many_mistakes_are_counted_and_long_values_cut():
    wide = form_of(signatures(x=tensor("DT_FLOAT", -1, 30)))
    error = filled(wide, x1=["a" * 1000]).error

    assert error.endswith("(and 25 more)")
    assert len(error) < 500


def test_other_shapes_are_given_as_json():
    image = form_of(signatures(image=tensor("DT_FLOAT", -1, 1, 2), gain=tensor("DT_FLOAT", -1, 1)))

    assert filled(image, image=["[[1, 2]]"], gain=["3"]).request == {"instances": [{"gain": [3.0], "image": [[1, 2]]}]}
    assert "image is '[[1': expected JSON of shape [1, 2]" in filled(image, image=["[[1"], gain=["3"]).error
    assert filled(image, image=["[" * 100_000], gain=["3"]).mistakes


def test_row_among_named_inputs_is_read_as_numbers():
    form = form_of(signatures(a=tensor("DT_INT32", -1, 3), b=tensor("DT_FLOAT", -1)))

    assert filled(form, a=["1 2 3"], b=[""]).request["instances"][0]["a"] == [1, 2, 3]


def test_row_of_any_length_has_no_columns_of_its_own():
    form = form_of(signatures(x=tensor("DT_FLOAT", -1, -1)))

    assert filled(form, x=["1 2 3"]).request == {"instances": [[1.0, 2.0, 3.0]]}
    assert filled(form).error.startswith("x is missing: expected some numbers")
    assert "'x1' is not an input" in filled(form, x1=["1"]).error


def test_input_without_a_batch_is_sent_as_it_is():
    assert filled(form_of(signatures(x=tensor("DT_FLOAT", 2))), x=["1 2"]).request == {"inputs": [1.0, 2.0]}


def test_another_signature_is_named_in_the_request():
    form = form_of({"score": TWO_FEATURES["serving_default"]})

    assert filled(form, x1=["1"], x2=["2"]).request["signature_name"] == "score"


@given(st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=20), min_size=1, max_size=3), max_size=4))
def test_whatever_is_filled_in_is_a_request_or_a_mistake(values):
    for form in (TWO, TABLE):
        found = fill(form, {**values}, 10)
        assert bool(found.mistakes) != bool(found.request)


@given(st.lists(st.tuples(*[st.floats(allow_infinity=False)] * 2), min_size=1, max_size=5))
def test_every_finite_number_and_nan_survives_the_way(rows):
    text = "\n".join(", ".join(map(repr, row)) for row in rows)
    sent = json.loads(fill(TWO, {"features": [text]}, 10).body())["instances"]

    assert repr(sent) == repr([list(row) for row in rows])
