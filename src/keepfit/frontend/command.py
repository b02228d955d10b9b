"""Runs the frontend under gunicorn until a signal ends it. Knows no config.json and no model."""

import errno
import os
import socket
import sys
from typing import Any, NoReturn

from flask import Flask
from gunicorn.app.base import BaseApplication

from keepfit.errors import ConfigError, PortInUseError
from keepfit.frontend.settings import FrontendSettings
from keepfit.frontend.web import create_app

_GRACE_S = 5
_KEEP_ALIVE_S = 5
_BACKLOG = 512


def run(settings: FrontendSettings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight, for 5 s at most. For the main thread only.

    Raises PortInUseError if the port is taken, ConfigError if the address cannot be listened on for another reason.
    """
    with listen(host, port) as listener:
        # Handed over by number: gunicorn itself would try a taken port for five seconds and then end the process.
        application = _Gunicorn(settings, listener.detach())
    parent = os.getpid()
    try:
        application.run()
    except SystemExit as end:
        if os.getpid() != parent:
            # Gunicorn's workers are forks that end by this exception: our caller must not go on in them.
            _leave(end.code)
        if end.code not in (None, 0):
            raise


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises PortInUseError or ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"Port {port} on {host} is in use by another process, so the frontend cannot listen there: "
                "end that process, or set another frontend.port in config.json."
            ) from error
        raise ConfigError(
            f"frontend.host is {host!r} and frontend.port {port}: cannot be listened on ({error.strerror or error})"
        ) from error
    return listener


def _leave(code: object) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


class _Gunicorn(BaseApplication):
    """Gunicorn without its command line: one process, because the metrics are counted in it, and many threads."""

    def __init__(self, settings: FrontendSettings, listener_fd: int) -> None:
        self._settings = settings
        self._listener_fd = listener_fd
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener_fd}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._settings.threads,
            "keepalive": _KEEP_ALIVE_S,
            "graceful_timeout": _GRACE_S,
            "backlog": _BACKLOG,
            "loglevel": "warning",
            "proc_name": "keepfit-frontend",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:  # an older gunicorn has no control socket to switch off
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)
