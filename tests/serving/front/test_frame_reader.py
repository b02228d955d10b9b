"""HTTP/2's frames out of bytes: the same in whatever pieces they arrive."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.serving.front import frame_reader, frames
from keepfit.serving.front.frame_reader import FrameReader
from keepfit.serving.front.frames import ConnectionFailedError

payloads = st.binary(max_size=40)
some_frames = st.lists(st.tuples(st.sampled_from([frames.DATA, frames.HEADERS, frames.PING]), payloads), max_size=8)


def read(pieces):
    """The frames in pieces of bytes; neighbouring ones with data are one, for data comes in any pieces."""
    found = []

    def take(kind, flags, number, payload):
        if kind == frames.DATA and found and found[-1][0] == frames.DATA and not found[-1][1]:
            payload = found.pop()[3] + bytes(payload)
        found.append((kind, flags, number, bytes(payload)))

    reader = FrameReader()
    for piece in pieces:
        reader.feed(piece, take)
    return found


@given(sent=some_frames, cuts=st.sets(st.integers(1, 400), max_size=12))
def test_frames_are_the_same_in_whatever_pieces_they_arrive(sent, cuts):
    stream = b"".join(frames.frame(kind, frames.END_STREAM, 1, payload) for kind, payload in sent)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    expected = [(kind, frames.END_STREAM, 1, payload) for kind, payload in sent]
    assert read(pieces) == expected == read([stream])


def test_data_is_handed_out_before_its_frame_is_whole_and_only_its_end_ends_the_request():
    seen = []
    reader = FrameReader()
    whole = frames.frame(frames.DATA, frames.END_STREAM, 3, b"abcdef")
    for piece in (whole[:11], whole[11:13], whole[13:]):
        reader.feed(piece, lambda _, flags, number, payload: seen.append((flags, number, bytes(payload))))
    assert seen == [(0, 3, b"ab"), (0, 3, b"cd"), (frames.END_STREAM, 3, b"ef")]


def test_frame_that_is_too_large_is_refused_by_its_head():
    head = frames.HEADER.pack(frame_reader.MAX_BYTES >> 16, 1, frames.DATA, 0, 1)
    with pytest.raises(ConnectionFailedError) as raised:
        read([head])
    assert raised.value.code == frames.FRAME_SIZE_ERROR
