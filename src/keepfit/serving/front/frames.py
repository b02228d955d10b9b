"""HTTP/2's frames: their kinds, flags and errors, and how they are written (RFC 9113). Knows no connection."""

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

NO_ERROR, PROTOCOL_ERROR, _, FLOW_CONTROL_ERROR, _, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM = range(8)
CANCEL, COMPRESSION_ERROR, _, ENHANCE_YOUR_CALM = range(8, 12)

_, _, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)

HEADER_BYTES: Final = 9
DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME_BYTES: Final = 16_384
LARGEST_FRAME_BYTES: Final = 2**24 - 1
MAX_WINDOW: Final = 2**31 - 1

UINT32: Final = struct.Struct(">I")
SETTING: Final = struct.Struct(">HI")
HEADER: Final = struct.Struct(">BHBBI")
"""The length in two parts, kind, flags, stream."""


class ConnectionFailedError(Exception):
    """The other side broke the rules in a way that ends the connection."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class StreamFailedError(Exception):
    """The other side broke the rules in a way that ends one stream."""

    def __init__(self, stream: int, code: int) -> None:
        super().__init__(stream, code)
        self.stream = stream
        self.code = code


def frame(kind: int, flags: int, stream: int, payload: bytes | memoryview = b"") -> bytes:
    """Return a frame."""
    size = len(payload)
    return HEADER.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """Return a frame with settings."""
    return frame(SETTINGS, 0, 0, b"".join(SETTING.pack(*item) for item in values.items()))


def reset(stream: int, code: int) -> bytes:
    """Return the frame that ends a stream."""
    return frame(RST_STREAM, 0, stream, UINT32.pack(code))


def window_update(stream: int, increment: int) -> bytes:
    """Return the frame that lets the other side send more."""
    return frame(WINDOW_UPDATE, 0, stream, UINT32.pack(increment))


def goaway(last_stream: int, code: int, why: str = "") -> bytes:
    """Return the frame that announces the end of a connection."""
    return frame(GOAWAY, 0, 0, UINT32.pack(last_stream) + UINT32.pack(code) + why.encode())


def content(kind: int, flags: int, payload: memoryview) -> memoryview:
    """Return a frame's payload without padding and priority; raises ConnectionFailedError."""
    padding = 0
    if flags & PADDED:
        if not payload:
            raise ConnectionFailedError(FRAME_SIZE_ERROR, "padding without its length")
        padding, payload = payload[0], payload[1:]
    if kind == HEADERS and flags & HAS_PRIORITY:
        if len(payload) < 5:
            raise ConnectionFailedError(FRAME_SIZE_ERROR, "priority that is cut off")
        payload = payload[5:]
    if padding > len(payload):
        raise ConnectionFailedError(PROTOCOL_ERROR, "more padding than payload")
    return payload[: len(payload) - padding]
