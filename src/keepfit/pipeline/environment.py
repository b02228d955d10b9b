"""What a run was made with: commit, the project's own code, library versions, machine. Read once for metrics.json."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from keepfit import __version__

_ROUNDING = ("TF_ENABLE_ONEDNN_OPTS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_LIBRARIES = ("tensorflow", "keras", "numpy", "polars", "scipy")


def describe(root: Path) -> dict[str, Any]:
    """All of it, for the project in `root`; to be asked after the training, when the project's code is imported."""
    return {"git": git_commit(root), "code": own_code(root), "libraries": libraries(), "machine": machine()}


def own_code(root: Path) -> dict[str, str]:
    """The SHA-256 of each Python file of the project that this process imported, as an own model does."""
    found = {}
    outside = (Path(sys.prefix), Path(__file__).parents[1])
    for module in list(sys.modules.values()):
        file = Path(getattr(module, "__file__", None) or "/")
        if file.is_relative_to(root) and not any(file.is_relative_to(folder) for folder in outside):
            found[file.relative_to(root).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def libraries() -> dict[str, str]:
    """The versions of Python and of the libraries that decide what a training gives."""
    return {"keepfit": __version__, "python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def machine() -> dict[str, str]:
    """Operating system and processor, which decide about the last bits of a training."""
    found = {"system": platform.platform(), "machine": platform.machine(), "processor": _processor()}
    # how many threads share a sum decides about its rounding
    found["processors"] = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    return found | {name: os.environ[name] for name in _ROUNDING if name in os.environ}


def git_commit(root: Path) -> dict[str, str | bool] | None:
    """The commit of the project's folder, whether files differ from it, and a digest of how; None without git."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return None
    difference = _git(root, "diff", "--binary", "--no-ext-diff", "HEAD")
    digest = {"diff_sha256": hashlib.sha256(difference.encode()).hexdigest()} if difference else {}
    return {"commit": commit, "dirty": bool(difference), **digest}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(root: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
