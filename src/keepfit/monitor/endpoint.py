"""The trainer's port: a small web server in a thread, beside whatever the process does. Knows no routes."""

from collections.abc import Mapping
from threading import Thread
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from keepfit import ports
from keepfit.monitor.web import MAX_BODY_BYTES, create_app
from keepfit.project import Project

_THREADS = 4
_CONNECTIONS = 100
_SILENCE_S = 15
"""A connection that says nothing for so long is ended."""
_BACKLOG = 64
_STOP_WITHIN_S = 5.0


class Endpoint:
    """`start` it, and `stop` it. Slow clients hold up nobody: requests are read in full before a thread takes them."""

    def __init__(self, project: Project, host: str, port: int, environ: Mapping[str, str]) -> None:
        self._project = project
        self._host = host
        self._port = port
        self._environ = environ

    @property
    def port(self) -> int:
        """Where it listens, once it is started: another than asked for if that was 0."""
        return int(self._server.effective_port)

    def start(self) -> None:
        """Listen and answer, in a thread; raises PortInUseError, ConfigError."""
        listener = ports.listen(self._host, self._port, "trainer's metrics", "trainer.port", _BACKLOG)
        self._channels: dict[int, Any] = {}
        self._server = create_server(
            create_app(self._project, self._environ),
            map=self._channels,
            sockets=[listener],
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            channel_timeout=_SILENCE_S,
            cleanup_interval=_SILENCE_S,
            max_request_body_size=MAX_BODY_BYTES,
            max_request_header_size=64 * 1024,
            ident="keepfit",
        )
        self._thread = Thread(target=self._server.run, name="keepfit-monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests in hand, for 5 s at most, and end it with every connection."""
        self._server.task_dispatcher.shutdown(timeout=_STOP_WITHIN_S)
        if self._thread.is_alive():
            # the connections belong to the thread, which is asked to end them itself
            self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._channels, ignore_all=True))
            self._thread.join(_STOP_WITHIN_S)
