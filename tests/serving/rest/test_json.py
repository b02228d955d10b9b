"""JSON tensors: the quick way and the careful way agree, and answers read back as they were."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.dtypes import NUMPY_DTYPES
from keepfit.errors import InvalidRequestError, ServingError, UnimplementedError
from keepfit.serving.rest import json_document, json_predict
from keepfit.serving.rest.json_values import one_by_one, quickly, to_array
from keepfit.signatures import Signature, TensorSpec

leaves = st.one_of(
    st.integers(-(2**65), 2**65), st.floats(), st.booleans(), st.text(max_size=3), st.none(), st.just({"b64": "YQ=="})
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
numbers = st.recursive(
    st.one_of(st.integers(-300, 2**33), st.floats(width=32)), lambda inner: st.lists(inner, max_size=3), max_leaves=8
)
dtypes = st.sampled_from(sorted(set(NUMPY_DTYPES) - {"complex64", "complex128"}))


@given(values, dtypes)
def test_any_json_value_is_an_array_or_a_serving_error(value, dtype):
    try:
        array = to_array(value, dtype, plain=False)
    except ServingError:
        return
    assert array.dtype == NUMPY_DTYPES[dtype]


@given(numbers, dtypes)
def test_quick_way_gives_what_the_careful_way_gives(value, dtype):
    quick = quickly(value, dtype, plain=True)
    if quick is not None:
        careful = one_by_one(value, dtype)
        assert quick.shape == careful.shape
        if dtype == "bfloat16":  # numpy does not know its nan for one
            quick, careful = quick.astype(np.float32), careful.astype(np.float32)
        np.testing.assert_array_equal(quick, careful)


def test_plain_numbers_take_the_quick_way():
    assert quickly([[1, 2.5], [3, 4]], "float32", plain=True).tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert quickly([1, 2], "int32", plain=True).dtype == np.int32
    assert quickly([True], "bool", plain=False).tolist() == [True]


def test_long_string_among_many_short_ones_does_not_fill_the_memory():
    value = ["x" * 1_000_000] + ["y"] * 1_000_000
    with pytest.raises(InvalidRequestError, match="Type: String"):
        to_array(value, "float32", plain=False)


def test_dtype_that_json_cannot_give_is_unimplemented():
    with pytest.raises(UnimplementedError):
        to_array([1], "complex64", plain=True)


def test_half_of_a_surrogate_pair_is_refused():
    with pytest.raises(InvalidRequestError, match="Unicode"):
        to_array(["\ud800"], "string", plain=False)


finite_or_not = st.floats(width=32)


@given(st.lists(st.tuples(finite_or_not, finite_or_not), min_size=1, max_size=4))
def test_floats_are_written_so_that_they_read_back(rows):
    outputs = {"y": np.array(rows, np.float32)}
    document = json.loads(json_predict.write(outputs, json_predict.ROWS))
    np.testing.assert_array_equal(np.array(document["predictions"], np.float32), outputs["y"])


def test_floats_have_no_more_digits_than_they_need():
    for array in (np.array([0.1], np.float32), np.array([0.1, math.nan], np.float32), np.array([1.0], np.float16)):
        text = json_predict.write({"y": array}, json_predict.ROWS).decode()
        assert len(text) < 32


@pytest.mark.parametrize("shape", [(2, 0), (0, 2), (0,), (2, 2, 1), (1, 2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, object])
def test_shapes_are_kept(shape, dtype):
    array = np.zeros(shape, np.float32) if dtype is np.float32 else np.full(shape, b"a", object)
    outputs = json.loads(json_predict.write({"y": array}, json_predict.COLUMNS))["outputs"]
    assert np.array(outputs).size == array.size
    assert len(outputs) == shape[0]


def test_outputs_of_different_length_are_no_rows():
    outputs = {"a": np.zeros((2, 1)), "b": np.zeros((3, 1))}
    with pytest.raises(InvalidRequestError, match="Tensor name: b has inconsistent batch size: 3 expecting: 2"):
        json_predict.write(outputs, json_predict.ROWS)
    assert set(json.loads(json_predict.write(outputs, json_predict.COLUMNS))["outputs"]) == {"a", "b"}


@pytest.mark.parametrize(
    "outputs", [{}, {"y": np.zeros(1, np.complex64)}], ids=["none at all", "a dtype that JSON does not have"]
)
def test_outputs_that_cannot_be_written_are_refused(outputs):
    with pytest.raises(InvalidRequestError):
        json_predict.write(outputs, json_predict.COLUMNS)


def test_strings_in_a_body_are_noticed_wherever_they_hide():
    spec = TensorSpec("x", "x:0", "float32", (None,))
    signature = Signature("s", "", {"x": spec}, {})
    for text in ('{"instances": ["1"]}', '{"instances": [true]}', '{"signature_name": "a", "inputs": {"x": ["2"]}}'):
        body = text.encode()
        with pytest.raises(InvalidRequestError, match="is not of expected type: float"):
            json_predict.read(json_document.parse(body), signature, body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"instances = [1, 2]", "Invalid value. at offset: 0"),
        (b'{"a": tru}', "Invalid value. at offset: 9"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": 1 "b": 2}', "Missing a comma or } after an object member. at offset: 8"),
        (b'{"a": [1 2]}', "Missing a comma or ] after an array element. at offset: 9"),
        (b'{"a": [1, ]}', "Invalid value. at offset: 10"),
        (b'{"a": 1, }', "Missing a name for object member. at offset: 9"),
        (b"{1: 2}", "Missing a name for object member. at offset: 1"),
        (b"{} x", "The document root must not be followed by other values. at offset: 3"),
        (b'{"a": 1e400}', "Number too big to be stored in double. at offset: 6"),
        (b'{"a": 1.}', "Miss fraction part in number. at offset: 8"),
        (b'{"a": 1e}', "Miss exponent in number. at offset: 8"),
        (b'{"a": "\\x"}', "Invalid escape character in string. at offset: 7"),
        (b'{"a": "\\u12g4"}', "Incorrect hex digit after \\u escape in string. at offset: 7"),
        ('{"é": 1 2}'.encode(), "Missing a comma or } after an object member. at offset: 9"),
        (b'{"a": NaN, "b": [Inf, 1 2]}', "Missing a comma or ] after an array element. at offset: 24"),
        (b'{"a": "Infinity" 1}', "Missing a comma or } after an object member. at offset: 17"),
        (b'{"a": [1.0', "Missing a comma or ] after an array element. at offset: 10"),
        (b'{"a": [[1], {"b": "c"}]', "Missing a comma or } after an object member. at offset: 23"),
        (b'{"a": [1,', "Invalid value. at offset: 9"),
        (b'{"a": tr', "Invalid value. at offset: 8"),
        (b'{"a": 1.', "Miss fraction part in number. at offset: 8"),
        (b'{"a": 1e-', "Miss exponent in number. at offset: 9"),
        (b'{"a": 1,', "Missing a name for object member. at offset: 8"),
        (b'{"a"', "Missing a colon after a name of object member. at offset: 4"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 8"),
    ],
)
def test_parse_errors_have_the_texts_and_places_of_rapidjson(body, text):
    with pytest.raises(InvalidRequestError) as caught:
        json_document.parse(body)
    assert str(caught.value) == f"JSON Parse error: {text}"


def test_numbers_that_json_does_not_have_are_read_as_rapidjson_reads_them():
    body = b'{"a": [NaN, -NaN, Inf, -Inf, Infinity, -Infinity], "Inf": "-NaN \\" Inf"}'
    document = json_document.parse(body)
    assert [math.isnan(value) for value in document["a"][:2]] == [True, True]
    assert document["a"][2:] == [math.inf, -math.inf, math.inf, -math.inf]
    assert document["Inf"] == '-NaN " Inf'


def test_byte_order_mark_is_passed_over():
    assert json_document.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(("value", "taken"), [(16777215, True), (16777216, False), (16777216.0, True), (2**64, True)])
def test_integers_among_decimals_must_be_exact(value, taken):
    if taken:
        assert to_array([0.5, value], "float32", plain=True).tolist() == [0.5, float(np.float32(value))]
    else:
        with pytest.raises(InvalidRequestError, match="without loss of precision"):
            to_array([0.5, value], "float32", plain=True)


@pytest.mark.parametrize("text", ["aGVsbG8=", "aGVsbG8", " aGVs bG8= \n"])
def test_base64_may_lack_padding_and_have_spaces(text):
    assert to_array([{"b64": text}], "string", plain=False).tolist() == [b"hello"]
