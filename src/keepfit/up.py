"""`keepfit up`: the whole loop as one process tree. Knows which parts there are; the supervisor keeps them running."""

import time
from collections.abc import Mapping, Sequence

import httpx
from rich.console import Console
from rich.table import Table

from keepfit import ports
from keepfit.console import tell
from keepfit.project import Project
from keepfit.retrainer import Retrainer
from keepfit.storage import make_folder
from keepfit.supervisor import Part, Supervisor, stop_processes

_SHOWN_WITHIN_S = 30.0


class Stack:
    """Model server, frontend and schedule of one project. `run` until `stop`."""

    def __init__(
        self, project: Project, arguments: Sequence[str], console: Console, environ: Mapping[str, str]
    ) -> None:
        """Take the arguments with which the parts find the project."""
        self._project = project
        self._arguments = tuple(arguments)
        self._console = console
        self._supervisor = Supervisor(environ, lambda text: tell(console, text))
        self._retrainer = Retrainer(project, arguments, environ, lambda text: tell(console, text))
        self._stopping = False

    def run(self) -> None:
        """Start everything and keep it running until `stop` is called. Raises PortInUseError, ConfigError."""
        self._require_free_ports()
        try:
            self._start_parts()
            self._retrainer.run(self._goes_on, self._show_addresses)
        finally:
            tell(self._console, "stops")
            stop_processes([*self._supervisor.release(), *self._retrainer.release()])

    def stop(self) -> None:
        """End `run` soon. May be called from a signal handler."""
        self._stopping = True

    def _goes_on(self) -> bool:
        self._supervisor.poll(time.monotonic())
        return not self._stopping

    def _require_free_ports(self) -> None:
        serving, frontend = self._project.config.serving, self._project.config.frontend
        if not self._project.serving_is_elsewhere:
            ports.require_free(serving.host, serving.rest_port, "model server's REST API", "serving.rest_port")
            ports.require_free(serving.host, serving.grpc_port, "model server's gRPC API", "serving.grpc_port")
        ports.require_free(frontend.host, frontend.port, "web page", "frontend.port")

    def _start_parts(self) -> None:
        now, logs = time.monotonic(), make_folder(self._project.logs_dir)
        if not self._project.serving_is_elsewhere:
            self._supervisor.start(Part("model server", ("serve", *self._arguments), logs / "server.log"), now)
        self._supervisor.start(Part("frontend", ("frontend", *self._arguments), logs / "frontend.log"), now)

    def _show_addresses(self) -> None:
        config = self._project.config
        table = Table.grid(padding=(0, 2))
        page = f"http://{_reachable(config.frontend.host)}:{config.frontend.port}"
        table.add_row("  [bold]web page[/]", f"{page}/", "")
        table.add_row("  [bold]REST API[/]", f"{self._project.serving_url}/v1/models/{config.model_name}", "")
        if not self._project.serving_is_elsewhere:
            table.add_row("  [bold]gRPC API[/]", f"{_reachable(config.serving.host)}:{config.serving.grpc_port}", "")
        table.add_row("  [bold]metrics[/]", f"{self._project.serving_url}/monitoring/prometheus/metrics", "")
        self._await(f"{page}/healthz")
        tell(self._console, f"runs model {config.model_name} (Ctrl-C stops it)")
        self._console.print(table, highlight=False)

    def _await(self, url: str) -> None:
        """Wait until something answers, so that no address is shown before it works."""
        deadline = time.monotonic() + _SHOWN_WITHIN_S
        while not self._stopping and time.monotonic() < deadline:
            try:
                httpx.get(url, timeout=2, trust_env=False)
            except httpx.HTTPError:
                time.sleep(0.05)
                self._supervisor.poll(time.monotonic())
            else:
                return


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - shown, not bound
