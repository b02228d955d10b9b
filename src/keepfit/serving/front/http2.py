"""HTTP/2 (RFC 9113) on one connection, for gRPC and for whoever asks for the REST API so. Knows nothing of models."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from keepfit.serving.front import frame_reader, frames, limits
from keepfit.serving.front.connections import Connections
from keepfit.serving.front.frame_reader import FrameReader
from keepfit.serving.front.frames import ConnectionFailedError, StreamFailedError
from keepfit.serving.front.header_blocks import Block, Decoder, OpenBlock
from keepfit.serving.front.lifetime import Lifetime
from keepfit.serving.front.outflow import Outflow
from keepfit.serving.front.patience import Patience
from keepfit.serving.front.stalling import Stalling
from keepfit.serving.front.streams import Stream

STREAM_WINDOW: Final = 16 * 2**20
CONNECTION_WINDOW: Final = 64 * 2**20
_STREAMS_A_FRAME: Final = 8
"""To change the windows of so many streams costs as much as a frame that brings nothing."""


class Http2(Outflow, asyncio.Protocol):
    """A connection that has sent its preface."""

    def __init__(
        self,
        connections: Connections,
        transport: asyncio.Transport,
        client: str | None,
        port: int | None,
    ) -> None:
        super().__init__(transport)
        self._connections = connections
        self._frames = FrameReader()
        self._decoder = Decoder(client, port)
        self._streams: dict[int, Stream] = {}
        self._last_stream = 0
        self._block: OpenBlock | None = None
        self._is_ending = False
        """Whether no more requests are taken."""
        self._has_failed = False
        """Whether whatever still comes is thrown away."""
        self._receive_window = CONNECTION_WINDOW
        self._max_streams = connections.arguments.max_concurrent_streams or limits.STREAMS
        self._patience = Patience()
        self._stalling = Stalling(connections.now)
        self._mark = (0, connections.now)
        """The last stream that there was at some time, a while ago."""
        self._lifetime = Lifetime(connections.now, connections.idle_s, connections.age_s, connections.arguments)
        values = {
            frames.MAX_CONCURRENT_STREAMS: self._max_streams,
            frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            frames.MAX_FRAME_SIZE: frame_reader.MAX_BYTES,
            frames.MAX_HEADER_LIST_SIZE: limits.HEADERS_KIB * 1024,
        }
        more = CONNECTION_WINDOW - frames.DEFAULT_WINDOW
        transport.write(frames.settings(values) + frames.window_update(0, more))

    # asyncio calls these

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._has_failed:
            return
        self._lifetime.note_heard(self._connections.now)
        try:
            self._frames.feed(data, self._take)
        except ConnectionFailedError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what was not answered."""
        del exc
        self._is_ending = self._has_failed = True
        self._connections.discard(self)
        streams, self._streams = self._streams, {}
        self._waiting.clear()
        self._output.clear()
        for stream in streams.values():
            if stream.visit is not None:
                stream.visit.leave()

    def pause_writing(self) -> None:
        """Write no more bodies to a client that does not take them."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.is_paused = False
        self._flush()

    # Connections calls these

    def look(self, now: float) -> None:
        """Cut the connection if it takes too long, and ask a silent one whether it is still there."""
        self._patience.recover()
        self._give_up_unfinished(now)
        due = self._lifetime.due(now)
        is_stuck = self._stalling.is_stuck(self.unsent_bytes, now)
        if is_stuck or due == "abort" or (self._is_ending and not self._streams):
            self.abort()
        elif due == "close":
            self.close()
        elif due == "ping":
            self.write(frames.frame(frames.PING, 0, 0, b"keepfit?"))

    def close(self) -> None:
        """Close in order, saying which requests were taken."""
        self._end(frames.NO_ERROR, "")

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # the streams call this

    def finished(self, stream: Stream) -> None:
        """Forget a stream whose answer is written."""
        stream.visit = None
        if self._streams.pop(stream.number, None) is not None and not self._streams:
            self._note_idle()
            if self._is_ending:
                self._close()

    def _take(self, kind: int, flags: int, number: int, payload: memoryview) -> None:
        try:
            self._dispatch(kind, flags, number, payload)
        except StreamFailedError as error:
            self._fail_stream(error)

    def _dispatch(self, kind: int, flags: int, number: int, payload: memoryview) -> None:
        if self._block is not None:
            self._continue_block(self._block, kind, flags, number, payload)
        elif kind in _TAKERS:
            _TAKERS[kind](self, flags, number, payload)
        elif kind in (frames.PUSH_PROMISE, frames.CONTINUATION):
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a frame that may not come here")
        else:
            self._endure()

    def _take_data(self, flags: int, number: int, payload: memoryview) -> None:
        if not number or number > self._last_stream:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "data on a stream that is not open")
        size, is_end = len(payload), flags & frames.END_STREAM
        self._spend_window(size)
        if not size and not is_end:
            self._endure()
        stream = self._streams.get(number)
        if stream is None:
            return  # it was answered or reset meanwhile
        if stream.is_whole:
            raise StreamFailedError(number, frames.STREAM_CLOSED)
        if flags & frames.PADDED:
            payload = frames.content(frames.DATA, flags, payload)
        stream.take(payload, size)
        if is_end:
            self._finish_request(stream)
        elif stream.receive_window < STREAM_WINDOW // 2 and number in self._streams:
            self.write(frames.window_update(number, STREAM_WINDOW - stream.receive_window))
            stream.receive_window = STREAM_WINDOW

    def _spend_window(self, size: int) -> None:
        self._receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFailedError(frames.FLOW_CONTROL_ERROR, "more data than the window takes")
        if self._receive_window < CONNECTION_WINDOW // 2:
            self.write(frames.window_update(0, CONNECTION_WINDOW - self._receive_window))
            self._receive_window = CONNECTION_WINDOW

    def _begin_block(self, flags: int, number: int, payload: memoryview) -> None:
        if not number % 2:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a request on a stream that is not the client's")
        content = frames.content(frames.HEADERS, flags, payload)
        if flags & frames.END_HEADERS:
            self._take_block(flags, number, bytes(content))
        else:
            self._block = OpenBlock(number, flags, content)

    def _continue_block(self, block: OpenBlock, kind: int, flags: int, number: int, payload: memoryview) -> None:
        if kind != frames.CONTINUATION or number != block.number:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a header block that is interrupted")
        if not payload:
            self._endure()
        block.add(payload)
        if flags & frames.END_HEADERS:
            self._block = None
            self._take_block(block.flags, number, bytes(block.content))

    def _take_block(self, flags: int, number: int, content: bytes) -> None:
        block = self._decoder.decode(content)
        stream = self._streams.get(number)
        if number > self._last_stream:
            self._last_stream = number
            self._open(flags, number, block)
        elif stream is not None:  # trailers, which say nothing here
            if stream.is_whole or not flags & frames.END_STREAM:
                raise StreamFailedError(number, frames.PROTOCOL_ERROR)
            self._finish_request(stream)
        else:
            self._endure()

    def _open(self, flags: int, number: int, block: Block) -> None:
        if self._is_ending or len(self._streams) >= self._max_streams:
            raise StreamFailedError(number, frames.REFUSED_STREAM)
        if block.is_malformed:
            raise StreamFailedError(number, frames.PROTOCOL_ERROR)
        stream = Stream(self, number, self._stream_window, STREAM_WINDOW, block)
        self._streams[number] = stream
        self._lifetime.note_busy()
        if block.is_too_large:
            stream.respond(431, (), b"")
            return
        visit = self._connections.host.visit(block.head, stream)
        if number in self._streams:
            stream.visit = visit
        if flags & frames.END_STREAM:
            self._finish_request(stream)

    def _finish_request(self, stream: Stream) -> None:
        if stream.left:
            raise StreamFailedError(stream.number, frames.PROTOCOL_ERROR)
        stream.is_whole = True
        if stream.visit is not None:
            stream.visit.finish()

    def _take_window_update(self, flags: int, number: int, payload: memoryview) -> None:
        del flags
        if len(payload) != 4:
            raise ConnectionFailedError(frames.FRAME_SIZE_ERROR, "a window update of another size")
        if number > self._last_stream:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a window for a stream that is not open")
        increment = frames.UINT32.unpack(payload)[0] & 0x7FFFFFFF
        if not number:
            self._widen(increment)
        elif (stream := self._streams.get(number)) is not None:
            stream.widen(increment)
            self._flush_stream(stream)

    def _take_reset(self, flags: int, number: int, payload: memoryview) -> None:
        del flags
        if len(payload) != 4:
            raise ConnectionFailedError(frames.FRAME_SIZE_ERROR, "a reset of another size")
        if not number or number > self._last_stream:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a reset of a stream that is not open")
        self._endure()
        self._drop(number)

    def _take_settings(self, flags: int, number: int, payload: memoryview) -> None:
        if number:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "settings on a stream")
        if len(payload) % frames.SETTING.size or (flags & frames.ACK and payload):
            raise ConnectionFailedError(frames.FRAME_SIZE_ERROR, "settings of another size")
        self._endure()
        if flags & frames.ACK:
            return
        window = self._stream_window
        for name, value in frames.SETTING.iter_unpack(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                window = value
            elif name == frames.MAX_FRAME_SIZE:
                self._resize_frames(value)
        self.write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        if window != self._stream_window:  # only now: what is written from here on goes by the new settings
            self._endure(len(self._streams) // _STREAMS_A_FRAME)
            self._resize_windows(list(self._streams.values()), window)

    def _take_ping(self, flags: int, number: int, payload: memoryview) -> None:
        if number:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a ping on a stream")
        if len(payload) != 8:
            raise ConnectionFailedError(frames.FRAME_SIZE_ERROR, "a ping of another size")
        if not flags & frames.ACK:
            self._endure()
            self.write(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _take_goaway(self, flags: int, number: int, payload: memoryview) -> None:
        del flags, payload
        if number:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "GOAWAY on a stream")
        self._endure()

    def _take_priority(self, flags: int, number: int, payload: memoryview) -> None:
        del flags
        if not number:
            raise ConnectionFailedError(frames.PROTOCOL_ERROR, "a priority without a stream")
        if len(payload) != 5:
            raise StreamFailedError(number, frames.FRAME_SIZE_ERROR)
        self._endure()

    def _endure(self, frames_like: int = 1) -> None:
        """Count a frame that brings nothing, or costs as much as several of them."""
        if self._patience.is_over(frames_like):
            raise ConnectionFailedError(frames.ENHANCE_YOUR_CALM, "too many frames that bring nothing")

    def _close(self) -> None:
        self._send()
        self._transport.close()

    def _give_up_unfinished(self, now: float) -> None:
        """Reset the streams whose requests have not come whole in time."""
        last_stream, since = self._mark
        if now - since < limits.BODY_S:
            return
        self._mark = (self._last_stream, now)
        for stream in list(self._streams.values()):
            if stream.number <= last_stream and not stream.is_whole:
                self._fail_stream(StreamFailedError(stream.number, frames.CANCEL))

    def _drop(self, number: int) -> None:
        """Give a stream up."""
        self._waiting.pop(number, None)
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        self.queued_bytes -= stream.queued_bytes
        if stream.visit is not None:
            stream.visit.leave()
        if not self._streams:
            self._note_idle()

    def _fail_stream(self, error: StreamFailedError) -> None:
        self.write(frames.reset(error.stream, error.code))
        self._endure()
        self._drop(error.stream)

    def _fail(self, error: ConnectionFailedError) -> None:
        self._has_failed = True
        for number in list(self._streams):
            self._drop(number)
        self._end(error.code, str(error))

    def _end(self, code: int, why: str) -> None:
        """Take no more requests; close as soon as those that were taken are answered."""
        if self._is_ending:
            return
        self._is_ending = True
        self.write(frames.goaway(self._last_stream, code, why))
        if self._streams:
            return
        if self._has_failed and self._transport.can_write_eof():
            # If the connection were cut while the client still sends, it would not hear why.
            self._send()
            self._transport.write_eof()
        else:
            self._close()

    def _note_idle(self) -> None:
        self._lifetime.note_idle(self._connections.now)


_TAKERS: Final[Mapping[int, Callable[[Http2, int, int, memoryview], None]]] = {
    frames.DATA: Http2._take_data,
    frames.HEADERS: Http2._begin_block,
    frames.PRIORITY: Http2._take_priority,
    frames.RST_STREAM: Http2._take_reset,
    frames.SETTINGS: Http2._take_settings,
    frames.PING: Http2._take_ping,
    frames.GOAWAY: Http2._take_goaway,
    frames.WINDOW_UPDATE: Http2._take_window_update,
}
