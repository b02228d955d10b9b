"""What goes out on an HTTP/2 connection: the frames of a turn at once, bodies as far as the other side's windows let.

Knows nothing of what comes in.
"""

import asyncio
from collections.abc import Sequence

from keepfit.serving.front import frames
from keepfit.serving.front.frames import ConnectionFailedError
from keepfit.serving.front.streams import Stream

_MOST_FRAME_BYTES = 2**20
"""Longer frames, even if the other side takes them, would keep other streams waiting."""


class Outflow:
    """The half of a connection that its streams write to."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._output: list[bytes] = []
        self._waiting: dict[int, Stream] = {}
        """Streams whose answers wait for room on the connection."""
        self.queued_bytes = 0
        self._stream_window = frames.DEFAULT_WINDOW
        """Of a stream that begins."""
        self.is_paused = False
        self.frame_bytes = frames.DEFAULT_FRAME_BYTES
        self.window = frames.DEFAULT_WINDOW

    @property
    def unsent_bytes(self) -> int:
        """How many bytes of answers wait for the other side."""
        return self._transport.get_write_buffer_size() + self.queued_bytes

    def write(self, content: bytes) -> None:
        """Write frames: those of one turn of the event loop, such as the answers of a batch, all at once."""
        if not self._output:
            self._loop.call_soon(self._send)
        self._output.append(content)

    def wait(self, stream: Stream) -> None:
        """Have a stream flushed when there may be room."""
        self._waiting[stream.number] = stream

    def _send(self) -> None:
        output, self._output = self._output, []
        if output:
            self._transport.write(b"".join(output) if len(output) > 1 else output[0])

    def _flush(self) -> None:
        """Let the waiting streams write, until there is no more room."""
        while self._waiting and self.window > 0 and not self.is_paused:
            self._waiting.pop(next(iter(self._waiting))).flush()

    def _flush_stream(self, stream: Stream) -> None:
        """Let a stream write whose own window may have opened."""
        self._waiting.pop(stream.number, None)
        stream.flush()

    def _widen(self, increment: int) -> None:
        """Take note that the other side takes so much more; raises ConnectionFailedError."""
        self.window += increment
        if not increment or self.window > frames.MAX_WINDOW:
            raise ConnectionFailedError(frames.FLOW_CONTROL_ERROR, "a window that cannot be")
        self._flush()

    def _resize_windows(self, streams: Sequence[Stream], size: int) -> None:
        """Give streams, those that are open and those to come, windows of a size; raises ConnectionFailedError."""
        if size > frames.MAX_WINDOW:
            raise ConnectionFailedError(frames.FLOW_CONTROL_ERROR, "a window that cannot be")
        for stream in streams:
            stream.window += size - self._stream_window
            if stream.window > frames.MAX_WINDOW:
                raise ConnectionFailedError(frames.FLOW_CONTROL_ERROR, "a window that cannot be")
        self._stream_window = size
        for stream in streams:
            self._flush_stream(stream)

    def _resize_frames(self, size: int) -> None:
        """Write frames of so many bytes at most; raises ConnectionFailedError."""
        if not frames.DEFAULT_FRAME_BYTES <= size <= frames.LARGEST_FRAME_BYTES:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a frame size that cannot be")
        self.frame_bytes = min(size, _MOST_FRAME_BYTES)
