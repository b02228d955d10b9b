"""gRPC over HTTP/2, but for the HTTP: message framing, compression, deadlines, and the status in the trailers.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Knows no calls.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from keepfit import protos
from keepfit.errors import DeadlyRequestError, InvalidRequestError, ServingError, UnavailableError, UnimplementedError
from keepfit.serving.requests import compression
from keepfit.serving.requests.status import NUMBERS, status_name

Message: TypeAlias = Any

_DECOMPRESSORS = {compression.GZIP: compression.gunzip, compression.DEFLATE: compression.inflate}
DEFAULT_TIMEOUT_S = 3600.0
"""Of a call without a deadline."""
"""Without a deadline of the client's, which should set one."""
MAX_TEXT = 1024
"""Longer error texts are cut off, as TensorFlow Serving does: trailers have limits."""

_RETRY_AFTER_MS = 1000
"""What was not run for want of room or of a loaded version may come again then, as REST says by Retry-After."""
_PREFIX = struct.Struct(">BI")
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_TIMEOUT_UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


@dataclass(slots=True)
class Reply:
    """An answer: a message in gRPC's framing, or none, and the status that goes into the trailers. Never changed."""

    body: bytes
    status: int = 0
    message: str = ""
    pushback_ms: int | None = None
    """When clients may try again, and -1 for never, as gRPC's proposal A6 has it."""

    @property
    def trailers(self) -> list[tuple[bytes, bytes]]:
        """The trailing headers."""
        trailers = [(b"grpc-status", str(self.status).encode())]
        if self.message:
            trailers.append((b"grpc-message", quote(self.message, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}").encode()))
        if self.pushback_ms is not None:
            trailers.append((b"grpc-retry-pushback-ms", b"%d" % self.pushback_ms))
        return trailers


def reply(message: Message | bytes) -> Reply:
    """Return a message as a reply; it may be serialized already."""
    content = message if isinstance(message, bytes) else message.SerializeToString()
    return Reply(_PREFIX.pack(0, len(content)) + content)


def error_reply(error: ServingError) -> Reply:
    """Return an error as a reply without a message."""
    text = str(error)
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}...TRUNCATED"
    return Reply(b"", NUMBERS[status_name(error)], shown, _pushback_ms(error))


def _pushback_ms(error: ServingError) -> int | None:
    if isinstance(error, DeadlyRequestError):
        return -1
    return _RETRY_AFTER_MS if isinstance(error, UnavailableError) else None


async def decode(
    message_class: Message, headers: Mapping[bytes, bytes], body: bytes | bytearray, limit: int
) -> Message:
    """Return the one message of a body; raises InvalidRequestError, or UnimplementedError for its compression."""
    if len(body) < _PREFIX.size:
        raise InvalidRequestError("The call has no message")
    compressed, size = _PREFIX.unpack_from(body)
    if len(body) != _PREFIX.size + size:
        raise InvalidRequestError("The call must have exactly one whole message")
    content: bytes | memoryview = memoryview(body)[_PREFIX.size :]  # which may be hundreds of megabytes
    if compressed:
        encoding = headers.get(b"grpc-encoding", b"identity")
        if encoding not in _DECOMPRESSORS:
            raise UnimplementedError(f"The compression {encoding.decode(errors='replace')!r} is not available")
        content = await _DECOMPRESSORS[encoding](content, limit)
    try:
        return message_class.FromString(content)
    except protos.DecodeError as error:
        raise InvalidRequestError(f"The message is not a {message_class.DESCRIPTOR.full_name}") from error


def timeout_s(headers: Mapping[bytes, bytes]) -> float:
    """Return how long the client waits; raises InvalidRequestError."""
    value = headers.get(b"grpc-timeout")
    if value is None:
        return DEFAULT_TIMEOUT_S
    match = _TIMEOUT.fullmatch(value.decode("ascii", errors="replace"))
    if match is None:
        raise InvalidRequestError("The grpc-timeout header must be up to 8 digits and one of H, M, S, m, u, n")
    return int(match[1]) * _TIMEOUT_UNITS_S[match[2]]
