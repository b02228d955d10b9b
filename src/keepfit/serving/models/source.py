"""Looks which versions lie under a base path. Knows nothing of what is loaded."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

MAX_VERSION = 2**63 - 1
MAX_DIGITS = 100
"""With leading zeros; Python takes long to read longer numbers."""

Fingerprint: TypeAlias = tuple[tuple[str, int, int], ...]


def versions_in(base_path: Path) -> dict[int, Path]:
    """Return the versions by number; raises OSError if the base path cannot be listed.

    A version is whatever has an integer as its name, also with leading zeros, as in TensorFlow Serving; if it is no
    directory, loading it fails, and its status says so. Anything else, such as .staging, is none of ours.
    """
    with os.scandir(base_path) as entries:
        names = sorted(entry.name for entry in entries if _is_number(entry.name))
    return {int(name): base_path / name for name in names}


def fingerprint(path: Path) -> Fingerprint:
    """Return names, sizes and times of all files below: equal twice in a row means that nobody is writing there."""
    return tuple(sorted(_files(path)))


def size_of(path: Path) -> int:
    """Return the bytes of all files below."""
    return sum(size for _, size, _ in fingerprint(path))


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            try:
                stat = file.stat()
            except OSError:  # vanished between the two calls, which is a change like any other
                continue
            yield str(file), stat.st_size, stat.st_mtime_ns


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) <= MAX_DIGITS and int(name) <= MAX_VERSION
