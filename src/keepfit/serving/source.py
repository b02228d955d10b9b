"""Looks which versions lie under a base path. Knows nothing of what is loaded."""

import os
from collections.abc import Iterator
from pathlib import Path


def versions_in(base_path: Path) -> dict[int, Path]:
    """Return the version directories by number; raises OSError if the base path cannot be listed.

    A version is a directory (or a link to one) whose name is an integer; leading zeros are allowed, as TensorFlow
    Serving does. Anything else, such as .staging or a file, is none of ours.
    """
    with os.scandir(base_path) as entries:
        return {
            int(entry.name): Path(entry.path)
            for entry in sorted(entries, key=_name)
            if _is_number(entry.name) and _is_directory(entry)
        }


def fingerprint(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of all files below: equal twice in a row means that nobody is writing there."""
    return tuple(sorted(_files(path)))


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            try:
                stat = file.stat()
            except OSError:  # vanished between the two calls, which is a change like any other
                continue
            yield str(file), stat.st_size, stat.st_mtime_ns


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 19


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
