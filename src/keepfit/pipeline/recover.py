"""What a killed run left undone, and what a lost ledger no longer tells, put right from the version directories.

`recover` is only for the holder of the run lock; `untold` writes nothing and is for everybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keepfit.ledger import CHANGES, ENDINGS, Event, Kind, Ledger, unfinished_runs
from keepfit.ledger.event import actor
from keepfit.pipeline import artifacts
from keepfit.versions import Versions

_AFTERWARDS = "(recorded afterwards)"
_BY_DECISION: Mapping[str, Kind] = {"REJECT": "rejected", "INCONCLUSIVE": "inconclusive", "PROMOTE": "staged"}


@dataclass(frozen=True)
class Recovery:
    """What was put right.

    `removed` half-made candidates; `news` was added to the record and nobody has heard of it; `rebuilt` was added
    because the record was lost, and is no news.
    """

    removed: int
    news: tuple[Event, ...]
    rebuilt: tuple[Event, ...]


def recover(versions: Versions, ledger: Ledger, *, was_damaged: bool = False) -> Recovery:
    """Remove half-made candidates and complete the record, which may just have lost some. Raises StorageError."""
    removed = versions.clean_staging()
    events = ledger.events()
    found = untold(versions, events)
    ended = {event.run for event in found if event.kind in ENDINGS}
    killed = [run for run in unfinished_runs(events) if run not in ended and _was_here(run, events)]
    completed = [*found, *(_interrupted(run) for run in killed)]
    ledger.add(completed)
    # of a run that the record still knows to have started, it is the ending that is missing
    started = {event.run for event in events if event.kind == "started"}
    is_lost = was_damaged or not events
    rebuilt = tuple(event for event in completed if is_lost and event.run not in started)
    return Recovery(removed, tuple(event for event in completed if event not in rebuilt), rebuilt)


def untold(versions: Versions, events: Sequence[Event]) -> list[Event]:
    """What the version and candidate directories tell and the record does not, oldest first."""
    known = {event.version for event in events if event.kind in CHANGES}
    told = {event.run for event in events if event.kind in ENDINGS}
    # a version that is visible was published whole; only the line in the ledger is missing
    found = [_published(versions.path(number), number) for number in versions.numbers() if number not in known]
    for number in versions.retired():
        if number not in known:
            folder = versions.retired_path(number)
            found += [_published(folder, number), _retired(folder, number, versions)]
    found += [_judged(folder) for folder in versions.candidates() if folder.name not in told]
    return sorted(found, key=lambda event: event.at)


def _published(folder: Path, version: int) -> Event:
    metrics = artifacts.read_metrics(folder)
    override = metrics.get("override")
    if isinstance(override, dict):
        reason = f"{override.get('reason')} (override) {_AFTERWARDS}"
        return Event(_time(override.get("at")), "overridden", metrics.get("run"), version, reason, metrics)
    reason = f"{_reason(metrics)} {_AFTERWARDS}"
    return Event(_time(metrics.get("created_at")), "promoted", metrics.get("run"), version, reason, metrics)


def _retired(folder: Path, version: int, versions: Versions) -> Event:
    # a folder's status changes when it is moved, and a version is never touched otherwise
    moved = datetime.fromtimestamp(folder.stat().st_ctime, UTC)
    below = max((number for number in versions.numbers() if number < version), default=None)
    return Event(moved, "rolled_back", None, below, f"version {version} was taken back {_AFTERWARDS}", {})


def _judged(folder: Path) -> Event:
    metrics = artifacts.read_metrics(folder)
    verdict = metrics.get("verdict")
    decision = str(verdict.get("decision")) if isinstance(verdict, dict) else ""
    reason = f"{_reason(metrics)} {_AFTERWARDS}"
    return Event(
        _time(metrics.get("created_at")), _BY_DECISION.get(decision, "staged"), folder.name, None, reason, metrics
    )


def _was_here(run: str, events: Sequence[Event]) -> bool:
    """Whether the run was started on this host: in a shared ledger it may be running on another one."""
    started = next(event for event in events if event.kind == "started" and event.run == run)
    return started.actor.get("host") in (None, actor()["host"])


def _interrupted(run: str) -> Event:
    reason = "the process ended before the run did"
    return Event(datetime.now(UTC), "interrupted", run, None, reason, {}, actor())


def _reason(metrics: Mapping[str, Any]) -> str:
    verdict = metrics.get("verdict")
    found = verdict.get("reason") if isinstance(verdict, dict) else None
    return str(found or "found in the models folder")


def _time(text: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
