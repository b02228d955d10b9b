"""Hands what happened to an MLflow server, by way of a process of its own; nothing there can fail or hold up a run.

What the server did not get waits in a file for the next time. Knows nothing of MLflow's API; mlflow_log.py does, in
that process.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from keepfit.errors import ConfigError, KeepfitError, StorageError
from keepfit.ledger import Event
from keepfit.ledger.pending import Pending
from keepfit.pipeline import artifacts
from keepfit.pipeline.mlflow_values import LOGGED
from keepfit.project import Project, expand_environment
from keepfit.versions import Versions

_log = logging.getLogger(__name__)
_MOST_WAITING = 100
"""Of a server that never comes back, or refuses one for good, the oldest are given up."""


def keep(project: Project, event: Event) -> str:
    """Keep what happened to a run for the next `track`, on disk, so that no crash loses it; what went wrong, or ""."""
    if project.config.tracking.mlflow_url is None or event.run is None:
        return ""
    try:
        _waiting(project).add(event)
    except StorageError as error:
        return f"tracking.mlflow_url will not hear of '{event.kind}': {error}"
    return ""


def track(project: Project, environ: Mapping[str, str]) -> str:
    """Log what waits, and let the alias champion follow the current version; what went wrong, "" if nothing did.

    Does nothing without tracking.mlflow_url, and takes at most tracking.timeout_s.
    """
    if project.config.tracking.mlflow_url is None:
        return ""
    try:
        wrong = _send(project, environ, _waiting(project))
    except ConfigError as error:
        wrong = str(error)
    except ValueError:  # of urlsplit, which repeats the URL
        wrong = "it is not a URL"
    except (OSError, KeepfitError) as error:
        wrong = f"what is to be logged cannot be read: {error}"
    return f"not everything was logged to tracking.mlflow_url: {wrong}" if wrong else ""


def _waiting(project: Project) -> Pending:
    return Pending(project.root / "state" / "mlflow.pending.jsonl")


def _send(project: Project, environ: Mapping[str, str], waiting: Pending) -> str:
    """Send what waits, oldest first; what went wrong. What was logged before that waits no longer."""
    config = project.config.tracking
    events = waiting.events()
    waiting.drop([event.id for event in events[:-_MOST_WAITING]])
    if find_spec("mlflow") is None:
        return "the Python package mlflow is missing: pip install 'keepfit[mlflow]', or set it to null"
    request = {
        "model_name": project.config.model_name,
        "runs": [_run(project, event) for event in events[-_MOST_WAITING:]],
        "champion": _champion(Versions(project.models_dir)),
    }
    logged, wrong = _ask(request, _server(expand_environment(config.mlflow_url or "", environ)), config.timeout_s)
    waiting.drop(logged)
    return wrong


def _run(project: Project, event: Event) -> dict[str, Any]:
    metrics = dict(event.details)
    return {
        "event": event.id,
        "id": event.run,
        "kind": event.kind,
        "version": event.version,
        "reason": event.reason,
        "trigger": metrics.get("trigger", ""),
        "config": metrics.get("config") or {},
        "metrics": metrics,
        "folder": str(_folder(project, event) or ""),
    }


def _folder(project: Project, event: Event) -> Path | None:
    """Where metrics.json and the report of the run are; None if it has left none."""
    versions = Versions(project.models_dir)
    visible, retired = map(versions.path, versions.numbers()), map(versions.retired_path, versions.retired())
    for folder in (*versions.candidates(), *visible, *retired):
        if event.details and event.run in (folder.name, artifacts.read_metrics(folder).get("run")):
            return folder
    return None


def _champion(versions: Versions) -> dict[str, Any] | None:
    current = versions.current()
    if current is None:
        return None
    folder = versions.path(current)
    return {"version": current, "folder": str(folder), "metrics": artifacts.read_metrics(folder)}


def _server(url: str) -> dict[str, str]:
    """How MLflow is told where the server is, in its environment: the password apart, so that no message repeats it."""
    parts = urlsplit(url)
    found = {"MLFLOW_TRACKING_URI": parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()}
    if parts.username:
        found["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
        found["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return found


def _ask(request: Mapping[str, Any], server: Mapping[str, str], timeout_s: float) -> tuple[list[str], str]:
    """Return the ids of the events that were logged, and what went wrong."""
    environ = {
        **os.environ,
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(timeout_s / 2))),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        **server,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "keepfit.pipeline.mlflow_log", str(timeout_s)],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=environ,
            timeout=timeout_s,
            check=False,
            start_new_session=True,  # Ctrl-C ends the run; what has happened is still logged
        )
    except subprocess.TimeoutExpired as expired:
        return _logged(_lines(expired.stdout)), f"it took longer than tracking.timeout_s, {timeout_s:g} s"
    if done.stderr:
        _log.info("%s", done.stderr.decode(errors="replace").strip())
    printed = _lines(done.stdout)
    if done.returncode == 0:
        return _logged(printed), ""
    # MLflow prints too
    return _logged(printed), "".join(printed[-1:]) or f"the process that logs ended with {done.returncode}"


def _lines(printed: bytes | None) -> list[str]:
    return (printed or b"").decode(errors="replace").splitlines()


def _logged(lines: Sequence[str]) -> list[str]:
    return [line.removeprefix(LOGGED) for line in lines if line.startswith(LOGGED)]
