"""One request and its answer on an HTTP/2 connection: what has come of it, and what of its answer waits for a window.

Knows nothing of other streams.
"""

from typing import Protocol

from keepfit.serving.front import clock, frames, header_blocks
from keepfit.serving.front.frames import StreamFailedError
from keepfit.serving.front.header_blocks import Block
from keepfit.serving.requests.exchange import Fields, Visit


class Sender(Protocol):
    """What a stream needs of its connection."""

    frame_bytes: int
    """The largest payload that the other side takes."""
    window: int
    """How many more bytes of bodies it takes, over all streams."""
    is_paused: bool
    """Whether it does not take what is written already."""
    queued_bytes: int
    """How much of the streams' answers is not written."""

    def write(self, content: bytes) -> None:
        """Write frames."""

    def wait(self, stream: "Stream") -> None:
        """Have flush() of a stream called as soon as there may be room on the connection."""

    def finished(self, stream: "Stream") -> None:
        """Hear that a stream's answer is written."""


class Stream:
    """The channel of the application's visit."""

    __slots__ = (
        "_connection",
        "_is_ended",
        "_parts",
        "_trailers",
        "_without_body",
        "is_whole",
        "left",
        "number",
        "receive_window",
        "visit",
        "window",
    )

    def __init__(self, connection: Sender, number: int, window: int, receive_window: int, block: Block) -> None:
        self._connection = connection
        self.number = number
        self.window = window
        """How many more bytes of the answer's body the other side takes."""
        self.receive_window = receive_window
        self.left = block.head.length
        """How many bytes of the request's body are missing, if the client has said how long it is."""
        self.is_whole = False
        """Whether the request is."""
        self.visit: Visit | None = None
        """Until the answer is written: what refers to each other is not freed when it is done with."""
        self._parts: list[memoryview] = []
        """What waits to be sent."""
        self._trailers: Fields = ()
        self._is_ended = False
        self._without_body = block.head.method == "HEAD"

    def take(self, part: memoryview, size: int) -> None:
        """Take a part of the request's body, which with its padding has a size; raises StreamFailedError."""
        self.receive_window -= size
        if self.receive_window < 0:
            raise StreamFailedError(self.number, frames.FLOW_CONTROL_ERROR)
        if self.left is not None:
            self.left -= len(part)
            if self.left < 0:
                raise StreamFailedError(self.number, frames.PROTOCOL_ERROR)
        if part and self.visit is not None:
            self.visit.feed(part)

    def widen(self, increment: int) -> None:
        """Take note that the other side takes so much more of the answer; raises StreamFailedError."""
        self.window += increment
        if not increment or self.window > frames.MAX_WINDOW:
            raise StreamFailedError(self.number, frames.FLOW_CONTROL_ERROR)

    def respond(self, status: int, fields: Fields, body: bytes, trailers: Fields = ()) -> None:
        """Send a whole answer."""
        connection = self._connection
        if self._without_body:
            body = b""
        size = len(body)
        if size > min(self.window, connection.window, connection.frame_bytes):
            self.start(status, fields)
            self._queue(body)
            self.end(trailers)
            return
        self.window -= size
        connection.window -= size
        head, number = _head(status, fields), self.number
        ends_here = frames.END_HEADERS if trailers or size else frames.END_HEADERS | frames.END_STREAM
        output = frames.frame(frames.HEADERS, ends_here, number, head)
        if size:
            output += frames.frame(frames.DATA, 0 if trailers else frames.END_STREAM, number, body)
        if trailers:
            output += _trailing(number, trailers)
        self._finish(output)

    def start(self, status: int, fields: Fields) -> None:
        """Begin an answer that comes in parts."""
        head = _head(status, fields)
        self._connection.write(frames.frame(frames.HEADERS, frames.END_HEADERS, self.number, head))

    def send(self, part: bytes) -> None:
        """Send a part of it."""
        if part:
            self._queue(part)
            self.flush()

    def end(self, trailers: Fields = ()) -> None:
        """End it."""
        self._trailers = trailers
        self._is_ended = True
        self.flush()

    @property
    def queued_bytes(self) -> int:
        """How much of the answer is not written."""
        return sum(map(len, self._parts))

    def flush(self) -> None:
        """Write as much as the windows let. If this stream's own is closed, it must be called when that opens."""
        connection = self._connection
        while self._parts:
            if self.window <= 0:
                return
            part = self._parts[0]
            size = min(len(part), self.window, connection.window, connection.frame_bytes)
            if size <= 0 or connection.is_paused:
                connection.wait(self)
                return
            self.window -= size
            connection.window -= size
            connection.queued_bytes -= size
            connection.write(frames.frame(frames.DATA, 0, self.number, part[:size]))
            if size < len(part):
                self._parts[0] = part[size:]
            else:
                del self._parts[0]
        if self._is_ended:
            if self._trailers:
                self._finish(_trailing(self.number, self._trailers))
            else:
                self._finish(frames.frame(frames.DATA, frames.END_STREAM, self.number))

    def _queue(self, part: bytes) -> None:
        self._parts.append(memoryview(part))
        self._connection.queued_bytes += len(part)

    def _finish(self, output: bytes) -> None:
        if not self.is_whole:  # what is still to come of the request is not wanted
            output += frames.reset(self.number, frames.NO_ERROR)
        self._connection.write(output)
        self._connection.finished(self)


def _head(status: int, fields: Fields) -> bytes:
    return header_blocks.status(status) + header_blocks.encode(fields) + clock.date_block()


def _trailing(number: int, trailers: Fields) -> bytes:
    flags = frames.END_HEADERS | frames.END_STREAM
    return frames.frame(frames.HEADERS, flags, number, header_blocks.encode(trailers))
