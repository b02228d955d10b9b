"""What a run was made with: commit, library versions, machine. Read once for metrics.json."""

import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from keepfit import __version__

_LIBRARIES = ("tensorflow", "keras", "numpy", "polars", "scipy")


def libraries() -> dict[str, str]:
    """The versions of Python and of the libraries that decide what a training gives."""
    return {"keepfit": __version__, "python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def machine() -> dict[str, str]:
    """Operating system and processor, which decide about the last bits of a training."""
    return {"system": platform.platform(), "machine": platform.machine()}


def git_commit(root: Path) -> dict[str, str | bool] | None:
    """The commit of the project's folder and whether files differ from it; None outside a git checkout."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return None
    return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}


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
