"""Remembers which versions of a model failed to load, and says when each may be tried again.

That is after an interval, some times, and whenever its files have changed and nobody writes them any more. Knows
nothing of how versions are loaded. Runs on one event loop; only the disk is read in a thread.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keepfit.serving.models import source
from keepfit.serving.models.source import Fingerprint


@dataclass(slots=True)
class _Record:
    """What is known of a version's attempts."""

    tried: Fingerprint = ()
    """Its files just before it was last loaded."""
    seen: Fingerprint = ()
    """Its files at the last look."""
    failures: int = 0
    failed: bool = False
    timer: asyncio.TimerHandle | None = None


class Failures:
    """The failed versions of one model. `on_retry` is called when one may be tried again."""

    def __init__(self, max_retries: int, interval_s: float, on_retry: Callable[[], None]) -> None:
        self._max_retries = max_retries
        self._interval_s = max(interval_s, 0.0)
        self._on_retry = on_retry
        self._records: dict[int, _Record] = {}

    @property
    def versions(self) -> frozenset[int]:
        """The versions that failed and may not be tried again yet."""
        return frozenset(version for version, record in self._records.items() if record.failed)

    async def begin(self, version: int, path: Path) -> None:
        """Note the files with which a version is about to be loaded."""
        tried = await asyncio.to_thread(source.fingerprint, path)
        record = self._records.setdefault(version, _Record())
        record.tried = tried

    def note(self, version: int, *, may_retry: bool) -> None:
        """Note that a version failed; `may_retry` lets it be tried again although its files stay the same."""
        record = self._records.setdefault(version, _Record())
        record.failed = True
        record.failures += 1
        if may_retry and record.failures <= self._max_retries:
            record.timer = asyncio.get_running_loop().call_later(self._interval_s, self._retry, record)

    def succeeded(self, version: int) -> None:
        """Note that a version was loaded: it has all its retries again."""
        record = self._records.setdefault(version, _Record())
        record.failures = 0

    async def look(self, on_disk: Mapping[int, Path]) -> None:
        """Let failed versions whose files have changed, and are quiet, be tried again; forget versions that are gone.

        They have all their retries again.
        """
        for version in self._records.keys() - on_disk.keys():
            self._forget(version)
        for version in self.versions:
            now = await asyncio.to_thread(source.fingerprint, on_disk[version])
            record = self._records[version]
            if now != record.tried and now == record.seen:
                self._forget(version)
            else:
                record.seen = now

    def stop(self) -> None:
        """End all waiting."""
        for version in list(self._records):
            self._forget(version)

    def _forget(self, version: int) -> None:
        record = self._records.pop(version)
        if record.timer is not None:
            record.timer.cancel()

    def _retry(self, record: _Record) -> None:
        record.failed = False
        record.timer = None
        self._on_retry()
