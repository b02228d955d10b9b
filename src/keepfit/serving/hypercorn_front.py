"""Serves the application with hypercorn, in this process. Knows nothing of models."""

import asyncio
import ssl
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config

from keepfit.serving import channel_arguments, drain, limits, log, tls
from keepfit.serving.app import Application
from keepfit.serving.asgi_types import Event, Receive, Scope, Send
from keepfit.serving.options import Options
from keepfit.serving.tls import Tls

_IDLE_S = 75
"""Hypercorn has one bound for a connection without a request and for one whose headers do not end."""


class _Config(Config):
    """Hypercorn's configuration, with TLS from memory."""

    def __init__(self, secret: Tls | None) -> None:
        self._secret = secret

    @property
    def ssl_enabled(self) -> bool:
        return self._secret is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        return None if self._secret is None else tls.context(self._secret)


def run(options: Options) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. Raises ConfigError for a bad --ssl_config_file."""
    log.set_up()
    secret = tls.read(options.ssl_config_file) if options.ssl_config_file else None
    try:
        asyncio.run(_serve(options, secret))
    finally:
        drain.remove(options.grpc_socket_path)
    return 0


async def _serve(options: Options, secret: Tls | None) -> None:
    application = Application(options)
    stop = asyncio.Event()

    def end() -> None:
        application.drain()
        stop.set()

    for number in drain.SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, end)

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif _is_ambiguous(scope):
            await send({"type": "http.response.start", "status": 400, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await application(scope, _bounded(receive), send)

    # Its types name each event; ours say only that events are mappings.
    await serve(cast(Any, patient), _config(options, secret), shutdown_trigger=stop.wait)


def _is_ambiguous(scope: Scope) -> bool:
    """Tell whether a request has two lengths, which whoever stands before this server may read otherwise."""
    names = {name for name, _ in scope["headers"]}
    return b"transfer-encoding" in names and b"content-length" in names


def _bounded(receive: Receive) -> Receive:
    """Return a receive that gives a body up when it does not arrive in time, as Envoy does by itself."""
    deadline: float | None = asyncio.get_running_loop().time() + limits.BODY_S

    async def receive_in_time() -> Event:
        nonlocal deadline
        try:
            async with asyncio.timeout_at(deadline):
                event = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        if not event.get("more_body", False):
            deadline = None
        return event

    return receive_in_time


def _config(options: Options, secret: Tls | None) -> Config:
    grpc = [f"{options.host}:{options.port}"] if options.port else []
    if options.grpc_socket_path:
        grpc.append(f"unix:{options.grpc_socket_path}")
    rest = [f"{options.host}:{options.rest_api_port}"] if options.rest_api_port else []
    arguments = channel_arguments.parse(options.grpc_channel_arguments)
    config = _Config(secret)
    config.bind = grpc if secret is not None and not options.rest_api_ssl else [*rest, *grpc]
    config.insecure_bind = rest if secret is not None and not options.rest_api_ssl else []
    config.umask = 0o117  # a socket for user and group
    config.graceful_timeout = drain.LIMIT_S
    config.ssl_handshake_timeout = limits.HEADERS_S
    config.keep_alive_timeout = _IDLE_S
    config.keep_alive_max_requests = 2**31
    config.h2_max_concurrent_streams = arguments.max_concurrent_streams or limits.STREAMS
    config.h11_max_incomplete_size = config.h2_max_header_list_size = limits.HEADERS_KIB * 1024
    config.accesslog = None
    config.errorlog = None
    return config
