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
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from keepfit import ports
from keepfit.errors import ConfigError
from keepfit.serving.app import Application
from keepfit.serving.front import connections, limits
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
_SOCKET_MODE = 0o660
_NEW_OBJECTS = 20_000
"""So many more are looked through for garbage: more than the requests in flight have, which leave none."""
_BACKLOG = 1024


def run(options: Options) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises PortInUseError for a port that is taken, ConfigError for a bad --ssl_config_file or --grpc_socket_path.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    allocator.keep_freed()
    secret = tls.LiveContext(options.ssl_config_file) if options.ssl_config_file else None
    with _bound(options) as (rest, grpc), asyncio.Runner(loop_factory=_loop_factory()) as runner:
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
    accepted = Connections(application, connections.limit(), arguments)
    servers = [
        await loop.create_server(
            lambda: Sniffer(accepted),
            sock=one,
            backlog=_BACKLOG,
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


@contextlib.contextmanager
def _bound(options: Options) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """Give the sockets of the REST and of the gRPC API; afterwards they are closed and gone."""
    with contextlib.ExitStack() as stack:
        rest, grpc = [], []
        if options.rest_api_port:
            rest.append(ports.listen(options.host, options.rest_api_port, "REST API", "--rest_api_port", _BACKLOG))
        if options.port:
            grpc.append(ports.listen(options.host, options.port, "gRPC API", "--port", _BACKLOG))
        if options.grpc_socket_path:
            grpc.append(_bind_path(Path(options.grpc_socket_path)))
            stack.callback(Path(options.grpc_socket_path).unlink, missing_ok=True)
        for one in (*rest, *grpc):
            stack.enter_context(one)
        yield rest, grpc


def _bind_path(path: Path) -> socket.socket:
    """Return a Unix socket for user and group; one that a server has left behind is replaced."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists():
            _remove_if_left_behind(path)
        bound.bind(str(path))
        path.chmod(_SOCKET_MODE)
    except OSError as error:
        bound.close()
        raise ConfigError(f"--grpc_socket_path={path} cannot be listened on: {error.strerror or error}") from error
    return bound


def _remove_if_left_behind(path: Path) -> None:
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ConfigError(f"--grpc_socket_path={path} is there already, and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
        else:
            raise ConfigError(f"--grpc_socket_path={path} is in use: another server listens there")


def _loop_factory() -> Any:
    """Return uvloop's way to make an event loop, where there is uvloop."""
    try:
        return importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None
