"""REST over HTTP/1.1: connections that are kept and shared by threads, with a deadline for whole answers."""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from keepfit.client.address import Address
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Server
from keepfit.client.http_exchange import HttpExchange, connect_timeout_s, ssl_context
from keepfit.client.options import Options
from keepfit.client.values import Request

_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class HttpTransport:
    """Sends requests in the calling thread."""

    def __init__(self, address: Address, server: Server, options: Options) -> None:
        self._exchange = HttpExchange(address, server, options)
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context(options.tls) if address.is_secure else None,
            max_connections=options.max_connections,
            max_keepalive_connections=options.max_connections,
            network_backend=_Network(),
        )

    def send(self, request: Request, deadline: Deadline) -> bytes:
        """Return the answer; raises Failed."""
        exchange = self._exchange
        try:
            asked = exchange.request(request, deadline)
            asked.extensions["timeout"]["pool"] = deadline.left_s()
            response = self._pool.handle_request(asked)
            try:
                return exchange.answer(response, self._read(response))
            finally:
                response.close()
        except _ERRORS as error:
            raise exchange.failed(error, deadline) from error

    def _read(self, response: httpcore.Response) -> bytes:
        pieces, size = [], 0
        for piece in response.iter_stream():
            size += len(piece)
            if size > self._exchange.limit:
                raise self._exchange.too_large()
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """End all connections."""
        self._pool.close()


class _Network(httpcore.NetworkBackend):
    """httpcore's own sockets, but for the time limits: httpcore has one for each read and write, we for the whole.

    httpcore hands the limits through as they are, so what arrives here as `timeout` is the call's Deadline.
    """

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left_s = connect_timeout_s(_left_s(timeout, httpcore.ConnectTimeout))
        return _Stream(self._sockets.connect_tcp(host, port, left_s, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        self._stream.write(buffer, _left_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Any = None
    ) -> httpcore.NetworkStream:
        left_s = connect_timeout_s(_left_s(timeout, httpcore.ConnectTimeout))
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left_s(deadline: Deadline, late: type[httpcore.TimeoutException]) -> float:
    left_s = deadline.left_s()
    if left_s <= 0:  # a socket takes 0 for "do not wait", and says nothing of time
        raise late("no time left")
    return left_s
