"""One HTTP request and its answer, as httpcore wants and gives them. Pure; the two transports own the connections."""

import gzip
import ssl
import zlib
from collections.abc import Iterator
from typing import Any

import h11
import httpcore

from keepfit.client.address import Address
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Failed, Server, of_http
from keepfit.client.options import COMPRESS_FROM_BYTES, Options, Tls
from keepfit.client.values import Request
from keepfit.errors import ConfigError

PIECE_BYTES = 2**20
"""httpcore copies what is left of a piece after each write of the socket, so pieces must not be large."""
_CONNECT_TIMEOUT_S = 5.0
_LOST = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError, OSError)


class HttpExchange:
    """What is the same for every request to one server."""

    def __init__(self, address: Address, server: Server, options: Options) -> None:
        self.server = server
        self.limit = options.max_answer_bytes
        self._compression = options.compression
        self._server_name = options.tls.server_name
        self._scheme, self._host, self._port = address.scheme.encode(), address.host.encode(), address.port
        given = {
            "host": address.authority,
            "user-agent": "keepfit",
            # answers are taken as they are unless asked otherwise: the server would spend more time than the network
            "accept-encoding": "gzip" if options.compression else "identity",
            **options.headers,
        }
        self._headers = [(name.encode(), value.encode()) for name, value in given.items()]
        self._json_headers = [*self._headers, (b"content-type", b"application/json")]

    def request(self, request: Request, deadline: Any) -> httpcore.Request:
        """Return the request; `deadline` is given to the network as its time limits."""
        url = httpcore.URL(scheme=self._scheme, host=self._host, port=self._port, target=request.path.encode())
        extensions: dict[str, Any] = {"timeout": {"connect": deadline, "read": deadline, "write": deadline}}
        if self._server_name:
            extensions["sni_hostname"] = self._server_name
        if request.body is None:
            return httpcore.Request(b"GET", url, headers=self._headers, extensions=extensions)
        body, headers = request.body, list(self._json_headers)
        if self._compression and len(body) >= COMPRESS_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", str(len(body)).encode()))
        content = body if len(body) <= PIECE_BYTES else Pieces(body)
        return httpcore.Request(b"POST", url, headers=headers, content=content, extensions=extensions)

    def answer(self, response: httpcore.Response, content: bytes) -> bytes:
        """Return the body of an answer with status 200; raises Failed."""
        headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        if headers.get(b"content-encoding", "identity") == "gzip":
            content = self._unzip(content)
        if response.status == 200:
            return content
        raise of_http(self.server, response.status, content, headers.get(b"retry-after"))

    def failed(self, error: Exception, deadline: Deadline) -> Failed:
        """Return what an exception of httpcore's means."""
        if (reason := _distrust(error)) is not None:
            return Failed(self.server.insecure(str(reason)))
        if isinstance(error, httpcore.ConnectError):
            return Failed(self.server.silent(), "unsent")
        if isinstance(error, httpcore.ConnectTimeout) and deadline.left_s() > 0:
            return Failed(self.server.unreachable(), "unsent")
        if isinstance(error, httpcore.TimeoutException):
            return Failed(self.server.late(deadline.timeout_s))
        if isinstance(error, _LOST) and not _is_garbage(error):
            return Failed(self.server.silent(), "sent")
        return Failed(self.server.garbage("HTTP"))

    def too_large(self) -> Failed:
        """More is answered than is taken."""
        return Failed(self.server.too_large(self.limit))

    def _unzip(self, content: bytes) -> bytes:
        stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            plain = stream.decompress(content, self.limit + 1)
        except zlib.error as error:
            raise Failed(self.server.garbage("gzip")) from error
        if len(plain) > self.limit:
            raise self.too_large()
        return plain


class Pieces:
    """A large body in pieces, for httpcore to iterate over, in sync or async."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(self._body[start : start + PIECE_BYTES]) for start in range(0, len(self._body), PIECE_BYTES))

    async def __aiter__(self) -> Any:
        for piece in self:
            yield piece


def connect_timeout_s(left_s: float) -> float:
    """Return how long one attempt to connect may take."""
    return min(left_s, _CONNECT_TIMEOUT_S)


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for https://; raises ConfigError."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.certificate_file is not None:
            context.load_cert_chain(tls.certificate_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (tls.ca_file, tls.certificate_file, tls.key_file) if file is not None)
        raise ConfigError(f"The certificates in {files} cannot be loaded: {error}") from error
    return context


def _distrust(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS error behind an exception, if there is one; its end of stream is no distrust."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return None if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) else error


def _is_garbage(error: Exception) -> bool:
    """Tell bytes that are no HTTP from an answer that was cut off; h11 has one exception for both."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, h11.RemoteProtocolError) and "peer closed connection" not in str(cause)
