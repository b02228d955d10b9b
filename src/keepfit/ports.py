"""Whether an address can be listened on."""

import errno
import socket

from keepfit.errors import ConfigError, PortInUseError


def require_free(host: str, port: int, purpose: str, key: str) -> None:
    """Raise PortInUseError if somebody listens there already, ConfigError if the host is not this machine's.

    `purpose` and `key` say in the message who wants the port, and where another one is configured.
    """
    _bound(host, port, purpose, key).close()


def listen(host: str, port: int, purpose: str, key: str, backlog: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises as `require_free` does."""
    listener = _bound(host, port, purpose, key)
    listener.listen(backlog)
    return listener


def _bound(host: str, port: int, purpose: str, key: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except UnicodeError as error:  # what the name encoding of getaddrinfo raises
        raise ConfigError(f"the {purpose} cannot listen on {host}:{port}: that is no host name") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"port {port} for the {purpose} is in use on {host}: stop what listens there or set another {key}"
            ) from error
        raise ConfigError(f"the {purpose} cannot listen on {host}:{port}: {error.strerror or error}") from error
    return bound
