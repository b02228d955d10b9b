"""Tells when a file has changed, by looking at it once a second. Knows nothing of what is in it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_S = 1.0


class FileWatch:
    """A file, and what is called, in a thread, when it has changed."""

    def __init__(self, file: Path, on_change: Callable[[], None]) -> None:
        self._file = file
        self._on_change = on_change
        self._seen = _stamp(file)
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        stamp = _stamp(self._file)
        if stamp != self._seen:
            self._seen = stamp
            self._on_change()


def _stamp(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
