"""What gRPC's channels are told, and what their errors mean. Pure; the two transports own the channels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

from keepfit.client.address import Address
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Again, Failed, Server, of_grpc
from keepfit.client.options import COMPRESS_FROM_BYTES, Options, Tls
from keepfit.client.values import Request
from keepfit.errors import ConfigError, TooLargeError

_PUSHBACK = "grpc-retry-pushback-ms"
# gRPC's library reports what happened on this side with the same codes as a server does; only the words differ.
_NOT_GRPC = "failed parsing http/2"
_DISTRUST = ("handshake failed", "verification check failed")
_LOST: Mapping[str, Again] = {
    "failed to connect": "unsent",
    "resolution failed": "unsent",
    "socket closed": "sent",
    "connection reset": "sent",
    "recvmsg": "sent",
    "sendmsg": "sent",
    "broken pipe": "sent",
    "goaway": "sent",
    "stream removed": "sent",
}
_TOO_LARGE = "larger than"
_TOO_LARGE_HERE = "client: received message larger than max"
_NEARLY_S = 0.01
"""gRPC's own clock may be that much ahead of ours when it says that the time is up."""


class GrpcExchange:
    """What is the same for every call to one server."""

    def __init__(self, address: Address, server: Server, options: Options) -> None:
        self._server = server
        self._limit = options.max_answer_bytes
        self._compression = options.compression
        self.target = f"unix:{address.path}" if address.is_socket else f"dns:///{address.authority}"
        self.metadata = tuple(options.headers.items())
        self.credentials = _credentials(options.tls) if address.is_secure else None
        self.channel_options: list[tuple[str, int | str]] = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", min(options.max_answer_bytes, 2**31 - 1)),
            # a proxy for the internet must not stand between a program and its model server
            ("grpc.enable_http_proxy", 0),
            # a server that restarts is found within a second; gRPC's own default goes up to two minutes
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.min_reconnect_backoff_ms", 5000),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        server_name = options.tls.server_name or ("localhost" if address.is_socket else "")
        if address.is_secure and server_name:
            self.channel_options.append(("grpc.ssl_target_name_override", server_name))

    def compression(self, request: Request) -> grpc.Compression | None:
        """Return how a request is to be compressed."""
        is_large = request.body is not None and len(request.body) >= COMPRESS_FROM_BYTES
        return grpc.Compression.Gzip if self._compression and is_large else None

    def failed(self, error: Any, deadline: Deadline) -> Failed:
        """Return what a status that is not OK means."""
        code, details = error.code().name, error.details() or ""
        here = self._failed_here(code, details, deadline)
        if here is not None:
            return here
        pushback = next((str(value) for name, value in error.trailing_metadata() or () if name == _PUSHBACK), None)
        return of_grpc(self._server, code, details, pushback)

    def _failed_here(self, code: str, details: str, deadline: Deadline) -> Failed | None:
        """Return what happened on this side, or None if a server said it: the codes are the same, the words are not."""
        words = details.lower()
        match code:
            case "UNAVAILABLE" if _NOT_GRPC in words:
                return Failed(self._server.garbage("gRPC"))
            case "UNAVAILABLE" if any(text in words for text in _DISTRUST):
                return Failed(self._server.insecure(details))
            case "UNAVAILABLE":
                lost = next((again for text, again in _LOST.items() if text in words), None)
                return None if lost is None else Failed(self._server.silent(), lost)
            case "DEADLINE_EXCEEDED" if deadline.left_s() < _NEARLY_S:
                return Failed(self._server.late(deadline.timeout_s))
            case "RESOURCE_EXHAUSTED" if _TOO_LARGE in words:
                is_here = _TOO_LARGE_HERE in words
                return Failed(self._server.too_large(self._limit) if is_here else TooLargeError(details))
        return None


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    try:
        ca, key, certificate = (
            None if file is None else Path(file).read_bytes()
            for file in (tls.ca_file, tls.key_file, tls.certificate_file)
        )
    except OSError as error:
        raise ConfigError(f"The certificates cannot be loaded: {error}") from error
    return grpc.ssl_channel_credentials(ca, key, certificate)
