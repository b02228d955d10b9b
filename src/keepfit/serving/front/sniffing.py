"""Tells from the first bytes of a connection which protocol it speaks, and hands it over. Knows no requests."""

import asyncio
from typing import cast

from keepfit.serving.front import frames, limits
from keepfit.serving.front.connections import Connections
from keepfit.serving.front.http1 import Http1
from keepfit.serving.front.http2 import Http2


class Sniffer(asyncio.Protocol):
    """A connection that has not said enough yet."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._deadline = connections.now + connections.idle_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it at once if there are too many (asyncio calls this)."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        if not self._connections.add(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand over to HTTP/2 after its preface, to HTTP/1.1 after anything else (asyncio calls this)."""
        if not self._received:
            self._deadline = self._connections.now + limits.HEADERS_S
        self._received += data
        begun = self._received[: len(frames.PREFACE)]
        if begun == frames.PREFACE:
            self._become(Http2(*self._connection()), self._received[len(frames.PREFACE) :])
        elif not frames.PREFACE.startswith(begun):
            self._become(Http1(*self._connection()), self._received)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it (asyncio calls this)."""
        del exc
        self._connections.discard(self)

    @property
    def unsent_bytes(self) -> int:
        """None: nothing was asked yet."""
        return 0

    def look(self, now: float) -> None:
        """Close a connection that says nothing."""
        if now > self._deadline:
            self.close()

    def close(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _connection(self) -> tuple[Connections, asyncio.Transport, str | None, int | None]:
        assert self._transport is not None  # noqa: S101 - asyncio's promise
        peer, own = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
        client = peer[0] if isinstance(peer, tuple) else None
        return self._connections, self._transport, client, own[1] if isinstance(own, tuple) else None

    def _become(self, protocol: Http1 | Http2, received: bytes) -> None:
        transport = self._connection()[1]
        self._connections.replace(self, protocol)
        transport.set_protocol(protocol)
        protocol.data_received(received)
