"""The figures of what the loop stands on: the disks under its folders, and what the model server says of itself."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import Metric

from keepfit.client import Client, Retry
from keepfit.errors import KeepfitError, ModelNotFoundError
from keepfit.metrics import Labels, gauge
from keepfit.project import Project

_ANSWER_WITHIN_S = 2.0
LEAST_FREE_BYTES = 16 * 2**20
"""With less, not even the record of a run is sure to find its place."""


def folders(project: Project) -> dict[str, Path]:
    """The folders that a run writes into, by what is in them."""
    return {"models": project.models_dir, "state": project.ledger_path.parent}


def disk_metrics(project: Project) -> Iterable[Metric]:
    """Return free and total bytes of the file systems under the folders; none of one that cannot be looked at."""
    free: dict[Labels, float] = {}
    size: dict[Labels, float] = {}
    for name, folder in folders(project).items():
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(existing(folder))
            labels = (project.config.model_name, name)
            free[labels], size[labels] = usage.free, usage.total
    names = ("model", "folder")
    yield gauge("keepfit_disk_free_bytes", "Free space of the file system under a folder.", names, free)
    yield gauge("keepfit_disk_size_bytes", "Size of the file system under a folder.", names, size)


def disk_trouble(project: Project) -> str:
    """Why a run could not write, in one sentence; "" if it could."""
    for folder in folders(project).values():
        try:
            there = existing(folder)
            free = shutil.disk_usage(there).free
        except OSError as error:
            return f"{folder} cannot be looked at by user {os.getuid()}: {error.strerror or error}"
        if not os.access(there, os.W_OK | os.X_OK):
            return f"{there} cannot be written by user {os.getuid()}: change its owner or its permissions"
        if free < LEAST_FREE_BYTES:
            return f"the disk under {there} is full: free some space"
    return ""


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there. Raises OSError if nobody may tell."""
    for path in (folder.absolute(), *folder.absolute().parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
            return path
    raise FileNotFoundError(errno.ENOENT, "not even the root is there", str(folder))


def serving_metrics(project: Project) -> Iterable[Metric]:
    """Ask the model server which versions answer, as any client would: TensorFlow Serving has no metric for it."""
    model, one = project.config.model_name, ("model",)
    available = _available(project)
    reachable = available is not None
    yield gauge("keepfit_model_server_reachable", "1 if the model server answers.", one, {(model,): reachable})
    if available is not None:
        yield gauge(
            "keepfit_model_server_available_version",
            "The highest version that answers requests; 0: none does.",
            one,
            {(model,): max(available, default=0)},
        )


def _available(project: Project) -> list[int] | None:
    """The versions that answer requests; None if nothing answers at the server's address."""
    try:
        with Client(
            project.serving_url,
            project.config.model_name,
            timeout_s=_ANSWER_WITHIN_S,
            retry=Retry(within_s=0),
            api_key=project.serving_api_key,
        ) as client:
            return [status.version for status in client.status() if status.state == "AVAILABLE"]
    except ModelNotFoundError:
        return []
    except KeepfitError:
        return None
