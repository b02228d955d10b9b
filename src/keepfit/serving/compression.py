"""gzip within bounds, for REST's bodies and gRPC's messages. Knows neither."""

import gzip
import io
import zlib

from keepfit.errors import InvalidRequestError, TooLargeError


def gunzip(content: bytes | memoryview, limit: int) -> bytes:
    """Return what was compressed; InvalidRequestError if it is not gzip, TooLargeError over the limit of bytes."""
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRequestError("The gzip content cannot be decompressed, or not all of it is there") from error
    if len(plain) > limit:
        raise TooLargeError(f"The content is larger than {limit} bytes when decompressed")
    return plain
