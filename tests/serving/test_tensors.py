"""Frames and TFRecords: what goes in comes out."""

import struct

import numpy as np
import orjson
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keepfit.dtypes import NUMPY_DTYPES
from keepfit.errors import ModelLoadError
from keepfit.serving.records import read_records
from keepfit.serving.tensors import PREFIX, allocate, decode, encode

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
