"""gzip and deflate within bounds, for REST's bodies and gRPC's messages, so that none of it holds up the event loop.

Knows neither HTTP nor gRPC but for how they name it.
"""

import asyncio
import gzip
import io
import zlib

from keepfit.errors import InvalidRequestError, TooLargeError

GZIP = b"gzip"
DEFLATE = b"deflate"
WORTH_BYTES = 1024
"""Less than this is not worth compressing."""
_LEVEL = 1
"""Three quarters of the gain of level 6 for a quarter of its time."""
_AT_ONCE_BYTES = 4096
"""What is larger is left to a thread: gzip grows a thousandfold at most, and what comes of this takes a millisecond."""
_COMPRESSED_AT_ONCE_BYTES = 2**16


async def gunzip(content: bytes | bytearray | memoryview, limit: int) -> bytes:
    """Return what was compressed; InvalidRequestError if it is not gzip, TooLargeError over the limit of bytes."""
    if len(content) <= _AT_ONCE_BYTES:
        return _gunzip(content, limit)
    return await asyncio.to_thread(_gunzip, content, limit)


async def inflate(content: bytes | bytearray | memoryview, limit: int) -> bytes:
    """Return what was compressed as gRPC's deflate, which is zlib's form; raises as gunzip does."""
    if len(content) <= _AT_ONCE_BYTES:
        return _inflate(content, limit)
    return await asyncio.to_thread(_inflate, content, limit)


async def compress(content: bytes) -> bytes:
    """Return content as gzip."""
    if len(content) <= _COMPRESSED_AT_ONCE_BYTES:
        return gzip.compress(content, _LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, content, _LEVEL, mtime=0)


def is_accepted(accept_encoding: bytes) -> bool:
    """Tell whether an Accept-Encoding header takes gzip."""
    for one in accept_encoding.lower().split(b","):
        name, _, weight = one.partition(b";")
        if name.strip() in (GZIP, b"x-gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


def _gunzip(content: bytes | bytearray | memoryview, limit: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRequestError("The gzip content cannot be decompressed, or not all of it is there") from error
    return _bounded(plain, limit)


def _inflate(content: bytes | bytearray | memoryview, limit: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(content, limit + 1)
    except zlib.error as error:
        raise InvalidRequestError("The deflated content cannot be decompressed") from error
    if len(plain) <= limit and not stream.eof:
        raise InvalidRequestError("Not all of the deflated content is there")
    return _bounded(plain, limit)


def _bounded(plain: bytes, limit: int) -> bytes:
    if len(plain) > limit:
        raise TooLargeError(f"The content is larger than {limit} bytes when decompressed")
    return plain
