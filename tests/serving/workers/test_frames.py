"""Frames: what goes in comes out, in whatever pieces it arrives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keepfit.dtypes import NUMPY_DTYPES
from keepfit.serving.workers.frames import CHUNK_BYTES, FrameReader, encode

numeric = st.sampled_from([dtype for dtype in NUMPY_DTYPES.values() if dtype.kind != "O" and dtype.name != "bfloat16"])
arrays = st.one_of(
    numeric.flatmap(lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))),
    st.lists(st.binary(max_size=5), max_size=5).map(lambda values: np.array([*values, None], object)[:-1]),
)


def read(content, step=2**30):
    """Give a reader bytes, at most so many at a time and never more than it has room for."""
    reader = FrameReader()
    frames = []
    while content:
        space = reader.space()
        piece = content[: min(step, len(space))]
        space[: len(piece)] = piece
        content = content[len(piece) :]
        frames += reader.take(len(piece))
    return frames


@given(st.dictionaries(st.text(max_size=5), arrays, max_size=3))
def test_frame_returns_what_was_put_in(tensors):
    (frame,) = read(b"".join(encode({"op": "x"}, {name: [array] for name, array in tensors.items()}, 0.25)))
    assert frame.header == {"op": "x"}
    assert frame.run_s == 0.25
    assert frame.tensors.keys() == tensors.keys()
    for name, array in tensors.items():
        assert frame.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(frame.tensors[name], array)


def test_pieces_are_joined_along_the_first_axis():
    pieces = [np.ones((1, 2), np.float32), np.zeros((2, 4), np.float32)[:, ::2], np.empty((0, 2), np.float32)]
    words = [np.array([b"a", b""], object), np.array([b"ccc"], object)]
    (frame,) = read(b"".join(encode({}, {"x": pieces, "w": words})))
    np.testing.assert_array_equal(frame.tensors["x"], np.concatenate(pieces))
    assert frame.tensors["w"].tolist() == [b"a", b"", b"ccc"]


@pytest.mark.parametrize("step", [1, 7, 1000, CHUNK_BYTES, 10 * CHUNK_BYTES])
def test_frames_come_in_any_pieces(step):
    small, large = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3 * CHUNK_BYTES // 4, dtype=np.float32)
    sent = [{"x": small}, {"y": large, "x": small}, {}, {"x": small}, {"x": small}]
    stream = b"".join(
        b"".join(encode({"number": number}, {name: [array] for name, array in tensors.items()}))
        for number, tensors in enumerate(sent)
    )
    frames = read(stream, step)
    assert [frame.header["number"] for frame in frames] == [0, 1, 2, 3, 4]
    for frame, tensors in zip(frames, sent, strict=True):
        assert frame.tensors.keys() == tensors.keys()
        for name, array in tensors.items():
            np.testing.assert_array_equal(frame.tensors[name], array)


def test_headers_may_be_longer_than_what_is_read_at_once():
    small = {"x": [np.ones(2, np.float32)]}
    frames = read(
        b"".join([*encode({"message": "short"}, small), *encode({"message": "m" * 3 * CHUNK_BYTES}, small)]), 5000
    )
    assert [len(frame.header["message"]) for frame in frames] == [5, 3 * CHUNK_BYTES]
    assert frames[1].tensors["x"].tolist() == [1, 1]


def test_tensors_of_one_frame_do_not_change_with_the_next():
    first, second = (encode({}, {"x": [np.full(3, value, np.float32)]})[0] for value in (1, 2))
    reader = FrameReader()
    reader.space()[: len(first)] = first
    (frame,) = reader.take(len(first))
    reader.space()[: len(second)] = second
    assert frame.tensors["x"].tolist() == [1, 1, 1]
    assert reader.take(len(second))[0].tensors["x"].tolist() == [2, 2, 2]
