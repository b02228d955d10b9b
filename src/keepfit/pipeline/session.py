"""What surrounds the stages of a run, or of an override: the lock, the log, the ledger, and how the end is recorded.

Knows nothing of data, models or their order.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from keepfit.errors import DataError, KeepfitError
from keepfit.ledger import ENDINGS, Event, Kind, Ledger, LedgerPlace, mend, open_ledger
from keepfit.pipeline import artifacts, tracking
from keepfit.pipeline.journal import Journal
from keepfit.pipeline.lock import only_run
from keepfit.pipeline.notify import Notifier
from keepfit.pipeline.qualify import Qualifier
from keepfit.pipeline.recorded_config import without_secrets
from keepfit.pipeline.recover import recover
from keepfit.project import Project
from keepfit.versions import Versions

Trigger = Literal["manual", "schedule", "first"]
TRIGGERS: dict[str, Trigger] = {"manual": "manual", "schedule": "schedule", "first": "first"}


@dataclass(frozen=True)
class Run:
    """What the stages of one run share. `endings` is how it ended: one at most."""

    id: str
    trigger: Trigger
    project: Project
    versions: Versions
    ledger: Ledger
    journal: Journal
    notifier: Notifier
    qualifier: Qualifier
    clock: Callable[[], float] = time.monotonic
    durations_s: dict[str, float] = field(default_factory=dict)
    endings: list[Kind] = field(default_factory=list)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure how long a stage takes."""
        started = self.clock()
        yield
        self.durations_s[stage] = self.clock() - started

    def end(
        self,
        kind: Kind,
        reason: str,
        version: int | None = None,
        details: Mapping[str, Any] | None = None,
        told: str = "",
    ) -> None:
        """Record what came of the run, and announce it, in the words of `told` if there are any.

        Trouble with the record is told and changes nothing.
        """
        if kind in ENDINGS:
            self.endings.append(kind)
        if trouble := self.ledger.record(kind, reason, run=self.id, version=version, details=details):
            self.journal.warn(trouble)
        self.announce(self.id, kind, told or reason, version)
        self.remember(kind, reason, version, details)

    def remember(
        self, kind: Kind, reason: str, version: int | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        """Have it tracked when the run is over, so that a slow server holds up nothing else."""
        known = details or {"trigger": self.trigger, "config": without_secrets(self.project.config)}
        self.keep(Event(datetime.now(UTC), kind, self.id, version, reason, known))

    def keep(self, event: Event) -> None:
        """Let an event of this run, or of a killed one, be tracked; trouble with that is a note."""
        if trouble := tracking.keep(self.project, event):
            self.journal.warn(trouble)

    def announce(self, about: str, kind: Kind, reason: str, version: int | None) -> None:
        """Tell people; trouble with that is a note."""
        for problem in self.notifier.announce(about, version, kind, reason, self.project.config.model_name):
            self.journal.warn(problem)


@contextmanager
def prepared_run(project: Project, trigger: Trigger, console: Console, environ: Mapping[str, str]) -> Iterator[Run]:
    """Hold the lock, put right what a killed run left, and record that this one starts."""
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    console.print(f"[bold]Keepfit[/] run {run_id}, model {project.config.model_name}", highlight=False)
    with open_run(run_id, project, trigger, project.train_log_path, console, environ) as run:
        run.ledger.append("started", trigger, run=run_id)
        yield run


@contextmanager
def open_run(
    run_id: str, project: Project, trigger: Trigger, log_path: Path, console: Console, environ: Mapping[str, str]
) -> Iterator[Run]:
    """Hold the lock and everything that a run needs, and put right what a killed one left. Raises KeepfitError."""
    versions = Versions(project.models_dir)
    with (
        only_run(project.models_dir, trigger),
        Journal(log_path, console) as journal,
        Qualifier() as qualifier,  # early, so that it imports TensorFlow while the data is read
        _sound_ledger(LedgerPlace.of(project), journal) as (ledger, mended),
    ):
        notifier = Notifier(project.notifications_path, project.config.notifications.urls, environ)
        run = Run(run_id, trigger, project, versions, ledger, journal, notifier, qualifier)
        _recover(run, was_damaged=bool(mended))
        try:
            yield run
        finally:
            if trouble := tracking.track(project, environ):
                journal.warn(trouble)


@contextmanager
def _sound_ledger(place: LedgerPlace, journal: Journal) -> Iterator[tuple[Ledger, str]]:
    if done := mend(place):
        journal.warn(done)
    with open_ledger(place) as ledger:
        yield ledger, done


def _recover(run: Run, *, was_damaged: bool) -> None:
    found = recover(run.versions, run.ledger, was_damaged=was_damaged)
    if found.removed:
        run.journal.warn(f"removed {_count(found.removed, 'leftover')} of interrupted runs from staging")
    if found.rebuilt:
        run.journal.warn(f"{_count(len(found.rebuilt), 'lost record')} made again from what models has")
    for event in found.news:
        run.journal.warn(f"completed the record of run {event.run}: {event.kind}, {event.reason}")
        run.announce(event.run or "-", event.kind, event.reason, event.version)
        run.keep(event)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def ending_recorded(run: Run) -> Iterator[None]:
    """Record how the run ends if it ends with an error, and leave nothing half made."""
    try:
        yield
    except DataError as error:
        _end_early(run, "invalid_data", error)
        raise
    except KeepfitError as error:
        _end_early(run, "failed", error)
        raise
    except BaseException as error:  # Ctrl-C, or a defect of ours: recorded, and passed on
        _end_early(run, "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "failed", error)
        raise
    finally:
        run.versions.clean_staging()


def _end_early(run: Run, kind: Kind, error: BaseException) -> None:
    """Record the ending, unless the run has one, or a version that is visible, whose promotion the next run records."""
    if not run.endings and not _has_published(run):
        run.end(kind, str(error) or type(error).__name__)


def _has_published(run: Run) -> bool:
    current = run.versions.current()
    return current is not None and artifacts.read_metrics(run.versions.path(current)).get("run") == run.id
