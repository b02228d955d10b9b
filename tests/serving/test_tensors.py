"""Frames, TensorProtos and TFRecords: what goes in comes out."""

import struct

import numpy as np
import orjson
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keepfit import protos
from keepfit.errors import InvalidRequestError, ModelLoadError
from keepfit.serving.records import read_records
from keepfit.serving.tensor_proto import from_array, to_array
from keepfit.serving.tensors import NUMPY_DTYPES, PREFIX, allocate, decode, encode

numeric = st.sampled_from([dtype for dtype in NUMPY_DTYPES.values() if dtype.kind != "O" and dtype.name != "bfloat16"])
arrays = st.one_of(
    numeric.flatmap(lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))),
    st.lists(st.binary(max_size=5), max_size=5).map(lambda values: np.array([*values, None], object)[:-1]),
)


def through_a_frame(header, tensors):
    frame = b"".join(encode(header, tensors))
    header_size, body_size = PREFIX.unpack_from(frame)
    body = allocate(body_size)
    body[:] = np.frombuffer(frame, np.uint8)[PREFIX.size + header_size :]
    decoded = orjson.loads(frame[PREFIX.size : PREFIX.size + header_size])
    return decoded, decode(decoded, body)


@given(st.dictionaries(st.text(max_size=5), arrays, max_size=3))
def test_frame_returns_what_was_put_in(tensors):
    header, got = through_a_frame({"op": "x"}, {name: [array] for name, array in tensors.items()})
    assert header["op"] == "x"
    assert got.keys() == tensors.keys()
    for name, array in tensors.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)


def test_pieces_are_joined_along_the_first_axis():
    pieces = [np.ones((1, 2), np.float32), np.zeros((2, 4), np.float32)[:, ::2], np.empty((0, 2), np.float32)]
    words = [np.array([b"a", b""], object), np.array([b"ccc"], object)]
    _, got = through_a_frame({}, {"x": pieces, "w": words})
    np.testing.assert_array_equal(got["x"], np.concatenate(pieces))
    assert got["w"].tolist() == [b"a", b"", b"ccc"]


def test_bodies_are_aligned_for_tensorflow():
    for size in (1, 63, 64, 1000):
        assert allocate(size).ctypes.data % 64 == 0
        assert allocate(size).size == size


@given(arrays)
def test_tensor_proto_returns_what_was_put_in(array):
    got = to_array("x", from_array(array))
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("name", NUMPY_DTYPES)
def test_tensor_protos_are_those_of_tensorflow(name):
    array = np.array([[b"a", b"bc"]], object) if name == "string" else np.array([[0, 1]]).astype(NUMPY_DTYPES[name])
    np.testing.assert_array_equal(tf.make_ndarray(as_theirs(from_array(array))), array)
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


def test_records_are_read_as_tensorflow_writes_them(tmp_path):
    file = tmp_path / "records"
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(b"one")
        writer.write(b"")
    assert list(read_records(file)) == [b"one", b""]


@pytest.mark.parametrize("content", [b"x", struct.pack("<QI", 5, 0) + b"abc", struct.pack("<QI", 2**63, 0)])
def test_cut_off_records_are_an_error(tmp_path, content):
    file = tmp_path / "records"
    file.write_bytes(content)
    with pytest.raises(ModelLoadError, match="not a TFRecord file"):
        list(read_records(file))
