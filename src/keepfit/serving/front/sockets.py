"""The sockets that a server listens on: by host and port, and by path. Knows nothing of what is said over them."""

import contextlib
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from keepfit import ports
from keepfit.errors import ConfigError
from keepfit.serving.settings.options import Options

BACKLOG: Final = 1024
_SOCKET_MODE: Final = 0o660


@contextlib.contextmanager
def bound(options: Options) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """Give the sockets of the REST and of the gRPC API; afterwards they are closed and gone."""
    with contextlib.ExitStack() as stack:
        rest, grpc = [], []
        if options.rest_api_port:
            rest.append(ports.listen(options.host, options.rest_api_port, "REST API", "--rest_api_port", BACKLOG))
        if options.port:
            grpc.append(ports.listen(options.host, options.port, "gRPC API", "--port", BACKLOG))
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
