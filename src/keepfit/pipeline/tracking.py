"""Hands what happened to an MLflow server, by way of a process of its own; nothing there can fail or hold up a run.

Knows nothing of MLflow's API; mlflow_log.py does, in that process.
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

from keepfit.errors import ConfigError, KeepfitError
from keepfit.ledger import Event
from keepfit.pipeline import artifacts
from keepfit.pipeline.recorded_config import without_secrets
from keepfit.project import Project, expand_environment
from keepfit.versions import Versions

_log = logging.getLogger(__name__)


def track(project: Project, environ: Mapping[str, str], events: Sequence[Event] = (), trigger: str = "") -> str:
    """Log the runs of `events`, and let the alias champion follow the current version; what went wrong, "" if nothing.

    Does nothing without tracking.mlflow_url, and takes at most tracking.timeout_s.
    """
    config = project.config.tracking
    if config.mlflow_url is None:
        return ""
    if find_spec("mlflow") is None:
        return _told("the Python package mlflow is missing: pip install 'keepfit[mlflow]', or set it to null")
    try:
        request = {
            "model_name": project.config.model_name,
            "runs": [_run(project, event, trigger) for event in events if event.run],
            "champion": _champion(Versions(project.models_dir)),
        }
        wrong = _ask(request, _server(expand_environment(config.mlflow_url, environ)), config.timeout_s)
    except ConfigError as error:
        wrong = str(error)
    except ValueError:  # of urlsplit, which repeats the URL
        wrong = "it is not a URL"
    except (OSError, KeepfitError) as error:
        wrong = f"what is to be logged cannot be read: {error}"
    return _told(wrong) if wrong else ""


def _told(wrong: str) -> str:
    return f"not everything was logged to tracking.mlflow_url: {wrong}"


def _run(project: Project, event: Event, trigger: str) -> dict[str, Any]:
    metrics = dict(event.details)
    return {
        "id": event.run,
        "kind": event.kind,
        "version": event.version,
        "reason": event.reason,
        "trigger": metrics.get("trigger", trigger),
        "config": metrics.get("config") or without_secrets(project.config),
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


def _ask(request: Mapping[str, Any], server: Mapping[str, str], timeout_s: float) -> str:
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
            input=json.dumps(request),
            capture_output=True,
            text=True,
            errors="replace",
            env=environ,
            timeout=timeout_s,
            check=False,
            start_new_session=True,  # Ctrl-C ends the run; what has happened is still logged
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than tracking.timeout_s, {timeout_s:g} s"
    if done.stderr:
        _log.info("%s", done.stderr.strip())
    if done.returncode == 0:
        return ""
    # MLflow prints too
    return "".join(done.stdout.splitlines()[-1:]) or f"the process that logs ended with {done.returncode}"
