"""`keepfit trainer`: retrains a project whose model server and web page others keep running, as containers do."""

import time
from collections.abc import Mapping, Sequence

from rich.console import Console

from keepfit.console import tell
from keepfit.errors import StorageError
from keepfit.monitor.endpoint import Endpoint
from keepfit.project import Project
from keepfit.retrainer import TICK_S, Retrainer
from keepfit.storage import require_writable
from keepfit.supervisor import stop_processes

_FOLDERS_EVERY_S = 5.0


class Trainer:
    """First version and schedule of one project. `run` until `stop`. Raises ConfigError, PortInUseError."""

    def __init__(
        self,
        project: Project,
        arguments: Sequence[str],
        endpoint: Endpoint,
        console: Console,
        environ: Mapping[str, str],
    ) -> None:
        """Take the arguments with which a run finds the project."""
        self._project = project
        self._endpoint = endpoint
        self._console = console
        self._retrainer = Retrainer(project, arguments, environ, lambda text: tell(console, text))
        self._stopping = False

    def run(self) -> None:
        """Retrain until `stop` is called."""
        self._endpoint.start()
        try:
            self._await_folders()
            self._retrainer.run(lambda: not self._stopping)
        finally:
            stop_processes(self._retrainer.release())
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
                    tell(self._console, f"cannot train: {trouble}")
                said, look_at = trouble, time.monotonic() + _FOLDERS_EVERY_S
            time.sleep(TICK_S)

    def _folder_trouble(self) -> str:
        try:
            for folder in (self._project.home, self._project.models_dir, self._project.state_dir):
                require_writable(folder)
        except StorageError as error:
            return str(error)
        return ""
