"""Tells, before a version is loaded, whether there is memory for it.

Loading beside too little memory would have the kernel kill something, perhaps the version that is served. Knows
processes and the kernel's files, but nothing of models.
"""

import contextlib
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
_UNLIMITED = 2**62


def needed(new_files: int, old_files: int = 0, old_worker: int = 0) -> int:
    """Estimate the bytes that a version needs from its files and from another version that runs: files and process.

    What a running version takes beyond its files (graph, threads, working memory), a new one of the model takes too.
    """
    return new_files + max(old_worker - old_files, 0)


def used_by(pid: int) -> int:
    """Return the bytes that a process has for itself; 0 if it is gone or its memory cannot be looked at."""
    try:
        return int(psutil.Process(pid).memory_full_info().uss)
    except psutil.Error:
        return 0


def available() -> int:
    """Return the bytes that could be taken without anything being killed: of the machine and of our cgroup."""
    return min(int(psutil.virtual_memory().available), left_in_cgroup())


def left_in_cgroup(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Return the bytes left under the memory limits of our cgroup and those around it; a huge number if none has."""
    left = _UNLIMITED
    for folder in _folders(root, own):
        for limit_name, usage_name, cache_name in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit = _number(folder / limit_name)
            if limit is not None and limit < _UNLIMITED:
                usage = _number(folder / usage_name) or 0
                left = min(left, limit - usage + _reclaimable(folder / "memory.stat", cache_name))
    return max(left, 0)


def _folders(root: Path, own: Path) -> list[Path]:
    """Return the folders of our cgroup and of those around it (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""
    folders = [root, root / "memory"]
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory") or "memory" in controllers.split(","):
                base = root / controllers if controllers else root
                folder = base / path.lstrip("/")
                folders += [folder, *(parent for parent in folder.parents if root in parent.parents)]
    return folders


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # there is no such limit, or it is "max"
        return None


def _reclaimable(file: Path, name: str) -> int:
    """Return the bytes of files that the kernel keeps in memory and gives up first."""
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
