"""Cuts what arrives on an HTTP/2 connection into frames (RFC 9113). Knows how large they may be, not what they mean."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from keepfit.serving.front import frames
from keepfit.serving.front.frames import ConnectionFailedError

MAX_BYTES: Final = 64 * 1024
"""The largest payload that is taken."""

Take: TypeAlias = Callable[[int, int, int, memoryview], None]
"""Takes a frame: its kind, flags, stream and payload."""


class _BegunData(NamedTuple):
    """A frame with data of which some is still to come."""

    flags: int
    number: int
    left: int


class FrameReader:
    """What has come of the next frame. Data is handed out as it comes, in frames of its own, and never copied."""

    def __init__(self) -> None:
        self._begun: _BegunData | None = None
        self._rest = b""

    def feed(self, data: bytes, take: Take) -> None:
        """Hand out the frames that are there with these bytes; raises ConnectionFailedError for one too large."""
        if self._rest:
            data = self._rest + data
        position, end = 0, len(data)
        view = memoryview(data)
        if self._begun is not None:
            position = self._go_on(self._begun, view, take)
        unpack = frames.HEADER.unpack_from
        while end - position >= frames.HEADER_BYTES:
            high, low, kind, flags, number = unpack(data, position)
            start = position + frames.HEADER_BYTES
            stop = start + (high << 16) + low
            if stop - start > MAX_BYTES:
                raise ConnectionFailedError(frames.FRAME_SIZE_ERROR, "a frame that is too large")
            number &= 0x7FFFFFFF
            if stop > end:
                if kind == frames.DATA and not flags & frames.PADDED and start < end:
                    position = self._go_on(_BegunData(flags, number, stop - start), view[start:], take) + start
                break
            take(kind, flags, number, view[start:stop])
            position = stop
        self._rest = data[position:]

    def _go_on(self, begun: _BegunData, view: memoryview, take: Take) -> int:
        """Hand out what has come of a frame with data; return where it ends."""
        piece = view[: begun.left]
        left = begun.left - len(piece)
        self._begun = begun._replace(left=left) if left else None
        take(frames.DATA, begun.flags & ~frames.END_STREAM if left else begun.flags, begun.number, piece)
        return len(piece)
