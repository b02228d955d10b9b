"""The life of a server: it listens, answers until a signal comes, lets requests in flight finish, and ends.

Knows sockets and signals, and nothing of what is answered.
"""

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import socket
from collections.abc import Callable
from typing import Any, Final

from keepfit.serving.app import Application
from keepfit.serving.front import connections, limits, sockets
from keepfit.serving.front.connections import Connections
from keepfit.serving.front.sniffing import Sniffer
from keepfit.serving.settings import channel_arguments, tls
from keepfit.serving.settings.options import Options
from keepfit.serving.settings.tls import LiveContext
from keepfit.serving.workers import allocator

logger = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
DRAIN_S: Final = 5.0
"""How long requests in flight may take after a signal."""
_FLUSH_S = 1.0
"""How long clients may take to read their last answers."""
_NEW_OBJECTS = 20_000
"""So many more are looked through for garbage: more than the requests in flight have, which leave none."""


def run(options: Options) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises PortInUseError for a port that is taken, ConfigError for a bad --ssl_config_file or --grpc_socket_path.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    allocator.keep_freed()
    secret = tls.LiveContext(options.ssl_config_file) if options.ssl_config_file else None
    with sockets.bound(options) as (rest, grpc), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        listeners = [(one, secret if options.rest_api_ssl else None) for one in rest] + [(one, secret) for one in grpc]
        runner.run(_serve(options, listeners, secret))
    return 0


async def _serve(
    options: Options, listeners: list[tuple[socket.socket, LiveContext | None]], secret: LiveContext | None
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    application = Application(options)
    await application.start()
    arguments = channel_arguments.parse(options.grpc_channel_arguments)
    accepted = Connections(application, connections.limit(), options.max_held_bytes, arguments)
    servers = [
        await loop.create_server(
            lambda: Sniffer(accepted),
            sock=one,
            backlog=sockets.BACKLOG,
            ssl=None if live is None else live.context,
            ssl_handshake_timeout=None if live is None else limits.HEADERS_S,
        )
        for one, live in listeners
    ]
    if secret is not None:
        secret.start()
    announcement = loop.create_task(_announce(application, options))
    gc.collect()
    gc.freeze()  # what is there now stays, and need not be looked through again
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    await stop.wait()
    announcement.cancel()
    application.drain()
    await _until(lambda: not application.in_flight, DRAIN_S)
    for server in servers:
        server.close()
    if secret is not None:
        secret.stop()
    accepted.close()
    await _until(lambda: not accepted.count, _FLUSH_S)
    await application.stop()


async def _announce(application: Application, options: Options) -> None:
    """Say that models are served, in the words that scripts made for tensorflow_model_server wait for."""
    await application.models.started.wait()
    if options.port:
        logger.info("Running gRPC ModelServer at %s:%d ...", options.host, options.port)
    if options.grpc_socket_path:
        logger.info("Running gRPC ModelServer at UNIX socket %s ...", options.grpc_socket_path)
    if options.rest_api_port:
        logger.info("Exporting HTTP/REST API at:localhost:%d ...", options.rest_api_port)
        logger.info("NET_LOG: Entering the event loop ...")


async def _until(condition: Callable[[], bool], timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - asked for some milliseconds at the end of a server's life
                await asyncio.sleep(0.01)


def _loop_factory() -> Any:
    """Return uvloop's way to make an event loop, where there is uvloop."""
    try:
        return importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None
