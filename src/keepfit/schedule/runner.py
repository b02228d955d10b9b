"""Says when the schedule is due, and at the start whether a time was missed meanwhile.

Asked again and again with the wall clock's time, it needs no timer that a sleeping machine or a changed clock upsets.
"""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from keepfit.config import ScheduleConfig
from keepfit.errors import StorageError
from keepfit.schedule.when import is_missed, next_time, trigger
from keepfit.storage import make_folder, write_atomically


class Runner:
    """A schedule and the time of its last look, which is kept in the file `looked_at`. Raises ConfigError."""

    def __init__(self, config: ScheduleConfig, looked_at: Path) -> None:
        trigger(config)  # a mistake in cron is told before anything starts
        self._config = config
        self._looked_at = looked_at
        self._due_at: datetime | None = None

    def start(self, now: datetime) -> bool:
        """Begin at `now`; returns whether a time was missed since the last look."""
        last = self._last_look()
        self._look(now)
        return last is not None and is_missed(self._config, last, now)

    def is_due(self, now: datetime) -> bool:
        """Whether a time of the schedule went by since it was last due or started; however many, it is due once."""
        if self._due_at is None or now < self._due_at:
            return False
        self._look(now)
        return True

    def next_time(self, now: datetime) -> datetime | None:
        """When the schedule is due next."""
        return next_time(self._config, now)

    def _look(self, now: datetime) -> None:
        self._due_at = next_time(self._config, now)
        # a disk that takes no note must not stop the schedule
        with contextlib.suppress(StorageError):
            make_folder(self._looked_at.parent)
            write_atomically(self._looked_at, now.astimezone(UTC).isoformat() + "\n")

    def _last_look(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self._looked_at.read_text(encoding="utf-8").strip())
        except (OSError, ValueError):
            return None
