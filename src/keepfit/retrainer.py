"""Retrains a project by itself, each run in a process of its own, one at a time: the first version, and the schedule.

Knows nothing of servers and pages.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from keepfit import exits
from keepfit.project import Project
from keepfit.schedule.runner import Runner
from keepfit.supervisor import start_keepfit
from keepfit.versions import Versions

TICK_S = 0.2
FIRST_RETRY_S = 60.0
LONGEST_RETRY_S = 3600.0
_PASSING = frozenset({exits.STORAGE, exits.BUSY})
"""Endings that are nobody's verdict and may be over soon: a full disk, a database out of reach, another run."""


class Retrainer:
    """The runs of one project. `run` or `tick` it; `release` them in the end. Raises ConfigError for a wrong cron."""

    def __init__(
        self, project: Project, arguments: Sequence[str], environ: Mapping[str, str], tell: Callable[[str], None]
    ) -> None:
        """Take the arguments with which a run finds the project, and what tells people."""
        self._project = project
        self._arguments = tuple(arguments)
        self._environ = environ
        self._tell = tell
        schedule = project.config.schedule
        self._runner = Runner(schedule, project.state_dir / "schedule_looked_at") if schedule.enabled else None
        self._wanted: Literal["first", "schedule"] | None = None
        self._not_before = 0.0
        self._retry_s = FIRST_RETRY_S
        self._trigger: Literal["first", "schedule"] = "first"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a run is under way."""
        return self._process is not None

    def run(self, goes_on: Callable[[], bool], announce: Callable[[], None] = lambda: None) -> None:
        """Train the first version if there is none, announce that, and retrain by schedule, as long as goes_on says.

        It is asked after each fifth of a second, and may see to other things meanwhile.
        """
        self.want_first_version()
        while self._tick_if(goes_on) and self.is_busy:
            pass
        if not goes_on():
            return
        announce()
        self.start_schedule(datetime.now(UTC))
        while self._tick_if(goes_on):
            pass

    def want_first_version(self) -> None:
        """Train at the next tick if there is no version yet."""
        if not Versions(self._project.models_dir).numbers():
            self._tell("has no version yet and trains the first one")
            self._wanted = "first"

    def start_schedule(self, now: datetime) -> None:
        """Look at the clock from now on, and make up for what was missed meanwhile."""
        if self._runner is None:
            return
        if self._runner.start(now):
            self._tell("a scheduled retraining was missed while Keepfit was down: it runs now")
            self._wanted = "schedule"
        following = self._runner.next_time(now)
        if following is None:
            cron = self._project.config.schedule.cron
            self._tell(f"schedule.cron {cron!r} never comes: nothing is retrained by itself")
        else:
            self._tell(f"the next scheduled retraining is on {following:%A %d %B %Y at %H:%M %Z}")

    def tick(self, now: float) -> None:
        """See to the run that is under way, and start the one that is wanted. `now` is monotonic, in seconds."""
        if self._process is not None and (status := self._process.poll()) is not None:
            self._process = None
            self._ended(status, now)
        if self._runner is not None and self._runner.is_due(datetime.now(UTC)):
            self._wanted, self._not_before = "schedule", now
        if self._process is None and self._wanted is not None and now >= self._not_before:
            self._trigger, self._wanted = self._wanted, None
            arguments = ("retrain", *self._arguments, "--trigger", self._trigger)
            self._process = start_keepfit(arguments, self._environ)

    def release(self) -> list[subprocess.Popen[bytes]]:
        """Start nothing any more; return the process that runs, for `stop_processes`."""
        self._runner, self._wanted = None, None
        return [] if self._process is None else [self._process]

    def _tick_if(self, goes_on: Callable[[], bool]) -> bool:
        time.sleep(TICK_S)
        if not goes_on():
            return False
        self.tick(time.monotonic())
        return True

    def _ended(self, status: int, now: float) -> None:
        if status not in _PASSING:
            self._retry_s = FIRST_RETRY_S
        elif self._wanted is None:
            self._tell(f"the retraining could not run (exit code {status}): it is tried again in {self._retry_s:g} s")
            self._wanted, self._not_before = self._trigger, now + self._retry_s
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
