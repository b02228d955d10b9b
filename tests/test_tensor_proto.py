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
    with pytest.raises(InvalidRequestError, match="'x'"):
        to_array("x", tensor)
