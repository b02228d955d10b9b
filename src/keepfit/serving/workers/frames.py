"""The frames between the server and its workers: a header (JSON), tensors, and how long a model ran for them.

Reads them from bytes that come in any pieces; both sides of the connection use it. Knows neither sockets nor what the
frames mean.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import orjson

from keepfit.dtypes import Array
from keepfit.serving.workers.tensors import ALIGNMENT, Buffer, Packed, Place, allocate

Header: TypeAlias = Mapping[str, Any]

PREFIX = struct.Struct("<IQd")
"""Before each frame: bytes of the head, bytes of the body, seconds that the model ran."""
CHUNK_BYTES = 2**16
"""Frames up to this are read together; larger ones straight into memory of their own."""
_HEADS = 1024
"""How many heads are kept as read: those of one kind of request and size are all the same."""
_PADDING = bytes(ALIGNMENT)


class Frame(NamedTuple):
    """A frame that was read."""

    header: Header
    tensors: dict[str, Array]
    run_s: float


def encode(header: Header, tensors: Mapping[str, Sequence[Array]], run_s: float = 0.0) -> list[Buffer]:
    """Return a frame as buffers, a small one as a single buffer; see Packed for the pieces of a tensor."""
    descriptions = []
    buffers: list[Buffer] = []
    size = 0
    for name, pieces in tensors.items():
        packed = Packed.of(name, pieces)
        descriptions.append(packed.description)
        buffers += packed.buffers
        length = packed.description[-1]
        if padding := -length % ALIGNMENT:
            buffers.append(_PADDING[:padding])
        size += length + padding
    head = orjson.dumps({**header, "tensors": descriptions})
    prefix = PREFIX.pack(len(head), size, run_s)
    if size <= CHUNK_BYTES:
        return [b"".join((prefix, head, *buffers))]
    return [prefix + head, *[buffer for buffer in buffers if buffer]]


class FrameReader:
    """Takes the bytes of a connection, and gives frames."""

    def __init__(self) -> None:
        self._chunk = bytearray(CHUNK_BYTES)
        self._used = 0
        """Bytes of the chunk that wait for the rest of their frame."""
        self._large: _LargeFrame | None = None

    def space(self) -> memoryview:
        """Return where the next bytes are to be put; there is always room."""
        if self._large is not None:
            return self._large.missing
        return memoryview(self._chunk)[self._used :]

    def take(self, count: int) -> list[Frame]:
        """Return the frames that are whole after so many bytes were put into the space."""
        if self._large is not None:
            self._large.missing = self._large.missing[count:]
            if self._large.missing:
                return []
            frame, self._large = self._large.frame(), None
            return [frame]
        self._used += count
        frames: list[Frame] = []
        start = self._read(frames)
        self._used -= start
        if start and self._used:
            self._chunk[: self._used] = self._chunk[start : start + self._used]
        return frames

    def _read(self, frames: list[Frame]) -> int:
        """Read whole frames from the chunk; return where the first begins that is not whole."""
        start = 0
        while self._used - start >= PREFIX.size:
            head_size, body_size, run_s = PREFIX.unpack_from(self._chunk, start)
            head_start = start + PREFIX.size
            body_start = head_start + head_size
            end = body_start + body_size
            if end > self._used:
                if body_start <= self._used and end - start > CHUNK_BYTES:
                    begun = self._chunk[body_start : self._used]
                    self._large = _LargeFrame(bytes(self._chunk[head_start:body_start]), body_size, run_s, begun)
                    return self._used
                if body_start - start > len(self._chunk):
                    self._chunk = self._chunk.ljust(body_start - start)  # a new one: the old one may be looked at
                return start
            head = _parse(bytes(self._chunk[head_start:body_start]))
            frames.append(_frame(head, self._chunk[body_start:end], run_s))
            start = end
        return start


class _LargeFrame:
    """A frame whose body is filled piece by piece."""

    def __init__(self, head: bytes, body_size: int, run_s: float, begun: bytearray) -> None:
        self._head = _parse(head)
        self._body = allocate(body_size)
        self._run_s = run_s
        self.missing: memoryview = self._body.data
        self.missing[: len(begun)] = begun
        self.missing = self.missing[len(begun) :]

    def frame(self) -> Frame:
        """Return it, once nothing is missing."""
        return _frame(self._head, self._body, self._run_s)


class _Head(NamedTuple):
    header: Header
    places: tuple[Place, ...]


@lru_cache(_HEADS)
def _parse(head: bytes) -> _Head:
    header = orjson.loads(head)
    places = []
    start = 0
    for description in header.pop("tensors"):
        place = Place.of(description, start)
        places.append(place)
        start = place.end + -place.end % ALIGNMENT
    return _Head(header, tuple(places))


def _frame(head: _Head, body: bytearray | Array, run_s: float) -> Frame:
    return Frame(head.header, {place.name: place.read(body) for place in head.places}, run_s)
