"""TensorProtos: what goes in comes out, as TensorFlow has them."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keepfit import protos
from keepfit.dtypes import NUMPY_DTYPES
from keepfit.errors import InvalidRequestError
from keepfit.tensor_proto import from_array, packed, to_array

numeric = st.sampled_from([dtype for dtype in NUMPY_DTYPES.values() if dtype.kind != "O" and dtype.name != "bfloat16"])
arrays = st.one_of(
    numeric.flatmap(lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))),
    st.lists(st.binary(max_size=5), max_size=5).map(lambda values: np.array([*values, None], object)[:-1]),
)


@given(arrays, st.sampled_from([from_array, packed]))
def test_tensor_proto_returns_what_was_put_in(array, write):
    got = to_array("x", write(array))
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("name", NUMPY_DTYPES)
def test_tensor_protos_are_those_of_tensorflow(name):
    array = np.array([[b"a", b"bc"]], object) if name == "string" else np.array([[0, 1]]).astype(NUMPY_DTYPES[name])
    for write in (from_array, packed):
        np.testing.assert_array_equal(tf.make_ndarray(as_theirs(write(array))), array)
    theirs = tf.make_tensor_proto(array)
    np.testing.assert_array_equal(to_array("x", protos.TensorProto.FromString(theirs.SerializeToString())), array)


def as_theirs(tensor):
    theirs = tf.make_tensor_proto(0)
    theirs.ParseFromString(tensor.SerializeToString())
    return theirs


def test_repeating_one_value_cannot_fill_the_memory():
    tensor = protos.TensorProto(dtype=1, float_val=[1.0])
    tensor.tensor_shape.dim.add(size=2**40)
    with pytest.raises(InvalidRequestError, match="more than"):
        to_array("x", tensor)


@pytest.mark.parametrize("sizes", [(0, 2**62, 2**62), (1,) * 100])
def test_impossible_shape_is_an_invalid_request(sizes):
    tensor = protos.TensorProto(dtype=1, float_val=[1.0] if 0 not in sizes else [])
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    with pytest.raises(InvalidRequestError, match="tensor parsing error: x"):
        to_array("x", tensor)


@pytest.mark.parametrize(
    ("values", "expected"), [([], [0, 0, 0]), ([7], [7, 7, 7]), ([7, 8], [7, 8, 8]), ([7, 8, 9], [7, 8, 9])]
)
def test_last_value_is_repeated_and_none_is_zeros(values, expected):
    tensor = protos.TensorProto(dtype=1, float_val=values)
    tensor.tensor_shape.dim.add(size=3)
    assert to_array("x", tensor).tolist() == expected == tf.make_ndarray(as_theirs(tensor)).tolist()


def test_no_strings_are_empty_ones():
    tensor = protos.TensorProto(dtype=7)
    tensor.tensor_shape.dim.add(size=2)
    assert to_array("x", tensor).tolist() == [b"", b""]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_strings_in_tensor_content_are_read_as_tensorflow_writes_them(values):
    content = b"".join(length_of(value) for value in values) + b"".join(values)
    tensor = protos.TensorProto(dtype=7, tensor_content=content)
    tensor.tensor_shape.dim.add(size=len(values))
    assert to_array("x", tensor).tolist() == values
    assert tf.io.parse_tensor(tensor.SerializeToString(), tf.string).numpy().tolist() == values


def length_of(value):
    return bytes([len(value)]) if len(value) < 128 else bytes([len(value) & 127 | 128, len(value) >> 7])


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff\xff\xff", b"\x05\x01abc", b"\x80", b"\x01\x01abc"])
def test_strings_that_contradict_their_lengths_are_refused(content):
    tensor = protos.TensorProto(dtype=7, tensor_content=content)
    tensor.tensor_shape.dim.add(size=2)
    with pytest.raises(InvalidRequestError, match="tensor parsing error: x"):
        to_array("x", tensor)
