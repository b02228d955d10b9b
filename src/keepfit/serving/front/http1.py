"""HTTP/1.1 (RFC 9112) on one connection, parsed by llhttp in its strict mode. Knows nothing of models.

Requests that are sent without waiting (pipelining) are answered in their order.
"""

import asyncio
import math
from collections import deque
from http import HTTPStatus
from typing import Final

import httptools

from keepfit.serving.front import http1_heads, limits
from keepfit.serving.front.connections import Connections
from keepfit.serving.front.http1_exchange import Exchange
from keepfit.serving.front.http1_heads import KnownHead
from keepfit.serving.front.stalling import Stalling
from keepfit.serving.requests.exchange import Head

LINGER_S: Final = 2.0
"""How long a client may go on sending after its answer, which it would lose if the connection were cut at once."""
MAX_PIPELINED: Final = 64
"""Beyond this, nothing is read until answers have gone out."""

_ONCE = (b"content-length", b"transfer-encoding", b"host")
"""Fields that may not come twice, since others on the way may take the other one."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNKNOWN = 10**18


class _RefusedError(Exception):
    """The head of a request is not one that is answered."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Http1(asyncio.Protocol):
    """A connection."""

    def __init__(
        self, connections: Connections, transport: asyncio.Transport, client: str | None, port: int | None
    ) -> None:
        self._connections = connections
        self._transport = transport
        self._client = client
        self._port = port
        self._parser = httptools.HttpRequestParser(self)
        self._exchanges: deque[Exchange] = deque()
        """Those that are not answered, in the order of their requests."""
        self._reading: Exchange | None = None
        """The one whose body is being read."""
        self._is_in_head = False
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._fields = 0
        self._unread_bytes = 0
        """Of a head that is not whole yet, at least as many as the parser has and has not handed on."""
        self._begun = 0
        """How many heads have begun."""
        self._latest: tuple[Head, Exchange] | None = None
        self._known: KnownHead | None = None
        self._replayed: bytes | None = None
        """The head of a request that wants to change the protocol, without that wish."""
        self._is_ending = False
        """Whether what still comes is thrown away."""
        self._is_paused = False
        self._is_blocked = False
        """Whether the client does not take what is written already."""
        self._stalling = Stalling(connections.now)
        self._opened = connections.now
        self._deadline = connections.now + connections.idle_s

    # asyncio calls these

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._is_ending:
            return
        known = self._known
        is_between = self._reading is None and not self._is_in_head
        if known is not None and is_between and len(data) == known.size and data.startswith(known.content):
            self._repeat(known, data)
            return
        begun = self._begun
        try:
            self._feed(data)
            if is_between and self._begun == begun + 1:
                self._learn(data)
        except _RefusedError as error:
            self._refuse(error.status)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _RefusedError) else HTTPStatus.BAD_REQUEST)

    def eof_received(self) -> bool:
        """A client that ends its side has left: what it would not hear is not run."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what was not answered."""
        del exc
        self._is_ending = True
        self._connections.discard(self)
        exchanges, self._exchanges = self._exchanges, deque()
        for exchange in exchanges:
            if exchange.visit is not None:
                exchange.visit.leave()

    def pause_writing(self) -> None:
        """Read no more requests from a client that does not take its answers."""
        self._is_blocked = True
        self._pause()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_blocked = False
        self._resume()

    # Connections calls these

    @property
    def unsent_bytes(self) -> int:
        """How many bytes of answers wait: for the client, or for their turn."""
        waiting = sum([len(part) for exchange in self._exchanges for part in exchange.output])
        return self._transport.get_write_buffer_size() + waiting

    def look(self, now: float) -> None:
        """Cut the connection if it takes too long."""
        is_stuck = self._stalling.is_stuck(self._transport.get_write_buffer_size(), now)
        if is_stuck or (self._is_ending and now > self._deadline):
            self.abort()
        elif now > self._deadline:
            if self._is_in_head or self._reading is not None:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            else:
                self._transport.close()
        elif now - self._opened > self._connections.age_s and not self._exchanges and self._reading is None:
            self._transport.close()

    def close(self) -> None:
        """Close in order."""
        self._is_ending = True
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # the parser calls these

    def on_message_begin(self) -> None:
        """Begin with a head."""
        self._begun += 1
        self._is_in_head = True
        self._target = b""
        self._headers = {}
        self._head_bytes = self._fields = self._unread_bytes = 0
        self._deadline = self._connections.now + limits.HEADERS_S

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._target += part
        if len(self._target) > limits.HEADERS_KIB * 1024:
            raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; those behind a body in chunks count, and are not read."""
        self._fields += 1
        self._head_bytes += len(name) + len(value)
        if self._fields > limits.HEADERS_COUNT or self._head_bytes > limits.HEADERS_KIB * 1024:
            raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not self._is_in_head:
            return
        name = name.lower()
        if name in self._headers and name in _ONCE:
            raise _RefusedError(HTTPStatus.BAD_REQUEST)
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Begin with a request."""
        version = self._parser.get_http_version()
        method = self._parser.get_method()
        if method == b"CONNECT":
            raise _RefusedError(HTTPStatus.NOT_IMPLEMENTED)
        if self._parser.should_upgrade():
            self._replayed = http1_heads.without_upgrade(method, self._target, version, self._headers)
            return
        self._is_in_head = False
        headers = self._headers
        if (status := http1_heads.refusal(version, headers)) is not None:
            raise _RefusedError(status)
        waits = b"expect" in headers
        length = None if b"transfer-encoding" in headers else http1_heads.length(headers)
        exchange = Exchange(self, method == b"HEAD")
        exchange.left = _UNKNOWN if waits or length is None else length
        exchange.is_last = not self._parser.should_keep_alive()
        exchange.keeps_http_1_0 = version == "1.0" and not exchange.is_last
        self._exchanges.append(exchange)
        self._reading = exchange
        self._deadline = self._connections.now + limits.BODY_S
        head = Head(
            method.decode("ascii"),
            http1_heads.path(self._target),
            headers,
            self._client,
            self._port,
            has_trailers=False,
            length=length,
        )
        self._latest = (head, exchange)
        visit = self._connections.host.visit(head, exchange)
        if exchange.is_done:
            return
        exchange.visit = visit
        if waits and exchange is self._exchanges[0]:
            self._transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        exchange = self._reading
        if exchange is None:
            return
        exchange.left -= len(part)
        if exchange.visit is not None:
            exchange.visit.feed(part)

    def on_message_complete(self) -> None:
        """End the request."""
        exchange = self._reading
        if exchange is None:
            return
        self._reading = None
        self._deadline = math.inf
        exchange.is_whole = True
        if exchange.is_done:
            self._note_idle()
        elif exchange.visit is not None:
            exchange.visit.finish()
        if len(self._exchanges) >= MAX_PIPELINED:
            self._pause()

    # the exchanges call this

    def flush(self) -> None:
        """Write what can be written, in the order of the requests."""
        while self._exchanges:
            exchange = self._exchanges[0]
            for part in exchange.output:
                self._transport.write(part)
            exchange.output = []
            if not exchange.is_done:
                return
            self._exchanges.popleft()
            if exchange.is_last:
                self._end()
                return
        self._note_idle()
        if not self._is_blocked:
            self._resume()

    def _note_idle(self) -> None:
        if not self._is_ending and not self._exchanges and self._reading is None and not self._is_in_head:
            self._deadline = self._connections.now + self._connections.idle_s

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # The parser takes such a request to have no body, and what follows to be of the other protocol.
                data, self._replayed = (self._replayed or b"") + data[upgrade.args[0] :], None
                self._parser = httptools.HttpRequestParser(self)
                continue
            if self._is_in_head:
                self._unread_bytes += len(data)
                if self._unread_bytes > limits.HEADERS_KIB * 1024:
                    raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return

    def _learn(self, data: bytes) -> None:
        """Keep what the head of a request says that was sent in one piece: clients repeat it with each request."""
        if self._latest is None or self._reading is not None or self._is_in_head or self._is_ending:
            return
        head, exchange = self._latest
        if not exchange.is_last and not exchange.keeps_http_1_0:
            self._known = http1_heads.known(data, head)

    def _repeat(self, known: KnownHead, data: bytes) -> None:
        """Take a request whose head is, byte for byte, one that was parsed before."""
        exchange = Exchange(self, known.head.method == "HEAD")
        exchange.is_whole = True
        self._exchanges.append(exchange)
        self._deadline = math.inf
        visit = self._connections.host.visit(known.head, exchange)
        if not exchange.is_done:
            exchange.visit = visit
            if known.size > len(known.content):
                visit.feed(data[len(known.content) :])
            if not exchange.is_done:
                visit.finish()
        if len(self._exchanges) >= MAX_PIPELINED:
            self._pause()

    def _refuse(self, status: int) -> None:
        """Answer what is no request, after those before it, and end the connection."""
        if self._is_ending:
            return
        exchange = self._reading
        if exchange is None:
            exchange = Exchange(self, without_body=False)
            self._exchanges.append(exchange)
        elif exchange.visit is not None:
            exchange.visit.leave()
            exchange.visit = None
        self._reading = None
        self._is_in_head = False
        self._is_ending = True
        self._deadline = math.inf
        exchange.is_last = True
        if not exchange.is_done:
            exchange.respond(status, (), b"")
        elif not self._exchanges:
            self._end()

    def _end(self) -> None:
        """End the connection after the last answer, and let a client that still sends hear it first."""
        for exchange in self._exchanges:
            if exchange.visit is not None:
                exchange.visit.leave()
        self._exchanges.clear()
        reads_on = self._reading is not None or self._is_ending
        self._reading = None
        self._is_ending = True
        if not reads_on or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._deadline = self._connections.now + LINGER_S
        self._transport.write_eof()
        self._resume()

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()
