"""`keepfit trainer`: retrains a project whose model server and web page others keep running, as containers do."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from keepfit.errors import StorageError
from keepfit.monitor.endpoint import Endpoint
from keepfit.project import Project
from keepfit.retrainer import Retrainer
from keepfit.storage import require_writable
from keepfit.supervisor import stop_processes

STOP_WITHIN_S = 8.0
_TICK_S = 0.2
_FOLDERS_EVERY_S = 5.0


class Trainer:
    """First version and schedule of one project. `run` until `stop`. Raises ConfigError, PortInUseError."""

    def __init__(
        self,
        project: Project,
        config_path: Path | None,
        endpoint: Endpoint,
        console: Console,
        environ: Mapping[str, str],
    ) -> None:
        self._project = project
        self._endpoint = endpoint
        self._console = console
        arguments = () if config_path is None else ("--config", str(config_path))
        self._retrainer = Retrainer(project, arguments, environ, self._tell)
        self._stopping = False

    def run(self) -> None:
        """Retrain until `stop` is called."""
        self._endpoint.start()
        try:
            self._await_folders()
            self._retrainer.want_first_version()
            self._tick()
            while self._retrainer.is_busy and not self._stopping:
                self._tick()
            self._retrainer.start_schedule(datetime.now(UTC))
            while not self._stopping:
                self._tick()
        finally:
            stop_processes(self._retrainer.release(), STOP_WITHIN_S)
            self._endpoint.stop()

    def stop(self) -> None:
        """End `run` soon. May be called from a signal handler."""
        self._stopping = True

    def _await_folders(self) -> None:
        """Wait until everything can be written; say once what is in the way, for a person can put it right."""
        said, look_at = "", 0.0
        while not self._stopping:
            if time.monotonic() >= look_at:
                trouble = self._folder_trouble()
                if not trouble:
                    return
                if trouble != said:
                    self._tell(f"cannot train: {trouble}")
                said, look_at = trouble, time.monotonic() + _FOLDERS_EVERY_S
            time.sleep(_TICK_S)

    def _folder_trouble(self) -> str:
        try:
            for folder in (self._project.home, self._project.models_dir, self._project.state_dir):
                require_writable(folder)
        except StorageError as error:
            return str(error)
        return ""

    def _tick(self) -> None:
        time.sleep(_TICK_S)
        if not self._stopping:
            self._retrainer.tick(time.monotonic())

    def _tell(self, text: str) -> None:
        self._console.print(f"[bold]Keepfit[/] {escape(text)}", highlight=False, soft_wrap=True)
