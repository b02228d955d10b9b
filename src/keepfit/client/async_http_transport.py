"""REST over HTTP/1.1 for asyncio: connections that are kept and shared by tasks, with a deadline for whole answers."""

import asyncio

import httpcore

from keepfit.client.address import Address
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Failed, Server
from keepfit.client.http_exchange import HttpExchange, connect_timeout_s, ssl_context
from keepfit.client.options import Options
from keepfit.client.values import Request

_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)
"""OSError: anyio lets TLS errors through that come after the handshake, such as a certificate that is missed."""


class AsyncHttpTransport:
    """Sends requests in the running event loop."""

    def __init__(self, address: Address, server: Server, options: Options) -> None:
        self._exchange = HttpExchange(address, server, options)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context(options.tls) if address.is_secure else None,
            max_connections=options.max_connections,
            max_keepalive_connections=options.max_connections,
        )

    async def send(self, request: Request, deadline: Deadline) -> bytes:
        """Return the answer; raises Failed."""
        exchange = self._exchange
        asked = exchange.request(request, None)
        asked.extensions["timeout"]["connect"] = connect_timeout_s(deadline.left_s())
        try:
            async with asyncio.timeout(deadline.left_s()):
                response = await self._pool.handle_async_request(asked)
                try:
                    return exchange.answer(response, await self._read(response))
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Failed(exchange.server.late(deadline.timeout_s)) from error
        except _ERRORS as error:
            raise exchange.failed(error, deadline) from error

    async def _read(self, response: httpcore.Response) -> bytes:
        pieces, size = [], 0
        async for piece in response.aiter_stream():
            size += len(piece)
            if size > self._exchange.limit:
                raise self._exchange.too_large()
            pieces.append(piece)
        return b"".join(pieces)

    async def close(self) -> None:
        """End all connections."""
        await self._pool.aclose()
