"""Calls a function when the schedule says so, and once more at the start if a time was missed meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from keepfit.config import ScheduleConfig
from keepfit.schedule.when import is_missed, next_time, trigger
from keepfit.storage import make_folder, write_atomically


class Runner:
    """A schedule in a thread of its own; `due` is called in that thread and must return at once. Raises ConfigError.

    `looked_at` is the file with the time of the last look, from which a missed run is known.
    """

    def __init__(self, config: ScheduleConfig, looked_at: Path, due: Callable[[], None]) -> None:
        self._config = config
        self._trigger = trigger(config)
        self._looked_at = looked_at
        self._due = due
        # a machine that slept over several times runs once when it wakes, however late
        self._scheduler = BackgroundScheduler(
            timezone=config.timezone, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )

    def start(self, now: datetime) -> bool:
        """Start the clock; returns whether a time was missed since the last look, and then has called `due`."""
        last = self._last_look()
        missed = last is not None and is_missed(self._config, last, now)
        self._scheduler.add_job(self._fire, self._trigger)
        self._scheduler.start()
        if missed:
            self._due()
        self._note(now)
        return missed

    def next_time(self, now: datetime) -> datetime | None:
        """When the schedule calls next."""
        return next_time(self._config, now)

    def stop(self) -> None:
        """Stop the clock if it runs; a call that is under way ends first."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _fire(self) -> None:
        # first what matters: a disk that takes no note must not stop the schedule
        self._due()
        self._note(datetime.now(UTC))

    def _note(self, now: datetime) -> None:
        make_folder(self._looked_at.parent)
        write_atomically(self._looked_at, now.astimezone(UTC).isoformat() + "\n")

    def _last_look(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self._looked_at.read_text(encoding="utf-8").strip())
        except (OSError, ValueError):
            return None
