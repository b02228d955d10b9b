"""One line of JSON for a sample of the requests: who asked what, the outcome, how long it took and how much it was.

Never has bodies, headers or keys. Knows nothing of models.
"""

import datetime
import os
import random
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from keepfit.errors import ConfigError

MAX_PATH = 200
"""Characters of a path that are written; clients choose it."""


class AccessLog:
    """Writes to a file, which may be rotated (renamed) at any time, or to stderr."""

    def __init__(self, sample_rate: float, file: Path | None) -> None:
        self._sample_rate = sample_rate
        self._file = file
        self._descriptor = sys.stderr.fileno() if file is None else _open(file)

    def chooses(self) -> bool:
        """Tell whether this request is one of the sample."""
        return random.random() < self._sample_rate  # noqa: S311 - a sample, not a secret

    def write(self, said: dict[str, Any]) -> None:
        """Write a line. A log that cannot be written (a full disk, a pipe that nobody reads) loses lines."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        path = said["path"][:MAX_PATH].encode(errors="replace").decode()
        line = orjson.dumps({"time": now, **said, "path": path}, option=orjson.OPT_APPEND_NEWLINE)
        with suppress(OSError):
            self._follow_rotation()
            if _has_room(self._descriptor):
                os.write(self._descriptor, line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._descriptor)

    def _follow_rotation(self) -> None:
        if self._file is None:
            return
        with suppress(FileNotFoundError):
            if _same(self._descriptor, self._file):
                return
        fresh = _open(self._file)
        os.close(self._descriptor)
        self._descriptor = fresh


def check(file: Path) -> None:
    """Raise ConfigError if lines cannot be written to the file, which is made if it is not there."""
    try:
        os.close(_open(file))
    except OSError as error:
        raise ConfigError(f"--access_log_file={file} cannot be written: {error.strerror}") from error


def _has_room(descriptor: int) -> bool:
    """Tell whether a line can be written without waiting: a pipe's reader may be slow, or gone to sleep."""
    poller = select.poll()  # not select(), which knows no descriptors above 1023
    poller.register(descriptor, select.POLLOUT)
    return bool(poller.poll(0))


def _open(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def _same(descriptor: int, file: Path) -> bool:
    return os.path.samestat(os.fstat(descriptor), file.stat())
