"""One request and its answer on an HTTP/1.1 connection: how the answer is written (RFC 9112).

Knows nothing of other requests, or of parsing.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Final, Protocol

from keepfit.serving.front import clock
from keepfit.serving.requests.exchange import Fields, Visit

SMALL_BODY_BYTES: Final = 64 * 1024
"""If there is no more of a refused request's body than this, it is read, and the connection kept."""

_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_JOINED_BYTES = 64 * 1024
"""A larger body is not copied to stand behind its head."""


class Connection(Protocol):
    """What an exchange needs of its connection."""

    def flush(self) -> None:
        """Write what the exchanges have to be written, in the order of their requests."""


class Exchange:
    """One request and the answer to it: the channel of the application's visit."""

    __slots__ = (
        "_connection",
        "_without_body",
        "is_done",
        "is_last",
        "is_whole",
        "keeps_http_1_0",
        "left",
        "output",
        "visit",
    )

    def __init__(self, connection: Connection, without_body: bool) -> None:
        self._connection = connection
        self._without_body = without_body
        self.left = 0
        """Bytes of its body that have not come yet."""
        self.is_last = False
        """Whether the connection ends with it."""
        self.keeps_http_1_0 = False
        """Whether its client must be told that the connection does not end with it."""
        self.is_whole = False
        self.is_done = False
        """Whether the answer is whole."""
        self.output: list[bytes] = []
        """Of the answer, what has not been written."""
        self.visit: Visit | None = None
        """Until the answer is whole: what refers to each other is not freed when it is done with."""

    def respond(self, status: int, fields: Fields, body: bytes, trailers: Fields = ()) -> None:
        """Send a whole answer."""
        del trailers  # the application was told that there are none
        if not self.is_whole and self.left > SMALL_BODY_BYTES:
            self.is_last = True
        head = b"%bcontent-length: %d\r\n%b" % (_start(status, fields), len(body), self._end_of_head())
        if self._without_body:
            self.output.append(head)
        elif len(body) <= _JOINED_BYTES:
            self.output.append(head + body)
        else:
            self.output += (head, body)
        self.is_done = True
        self.visit = None
        self._connection.flush()

    def start(self, status: int, fields: Fields) -> None:
        """Begin an answer that comes in parts, and ends with the connection."""
        self.is_last = True
        self.output.append(_start(status, fields) + self._end_of_head())
        self._connection.flush()

    def send(self, part: bytes) -> None:
        """Send a part of it."""
        self.output.append(part)
        self._connection.flush()

    def end(self, trailers: Fields = ()) -> None:
        """End it."""
        del trailers
        self.is_done = True
        self.visit = None
        self._connection.flush()

    def _end_of_head(self) -> bytes:
        if self.is_last:
            return b"connection: close\r\n\r\n"
        return b"connection: keep-alive\r\n\r\n" if self.keeps_http_1_0 else b"\r\n"


def _start(status: int, fields: Fields) -> bytes:
    """Return the beginning of a head, with the time of day."""
    return _line_and_fields(status, tuple(fields)) + clock.date_line()


@lru_cache(maxsize=64)
def _line_and_fields(status: int, fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return line + b"".join(b"%b: %b\r\n" % field for field in fields)
