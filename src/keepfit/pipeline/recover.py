"""What a killed run left undone, put right by the next one. Only for the holder of the run lock."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keepfit.ledger import Event, Ledger, unfinished_runs
from keepfit.pipeline import artifacts
from keepfit.versions import Versions


def recover(versions: Versions, ledger: Ledger) -> tuple[int, list[Event]]:
    """Remove half-made candidates and complete the record; return how many, and what was added to the record.

    Raises StorageError.
    """
    removed = versions.clean_staging()
    events = ledger.events()
    # a version that is visible was published whole; only the line in the ledger is missing
    known = {event.version for event in events if event.kind in ("promoted", "rolled_back", "restored")}
    found = [_published(versions.path(number), number) for number in versions.numbers() if number not in known]
    endings = {event.run for event in found}
    killed = [run for run in unfinished_runs(events) if run not in endings]
    completed = [*found, *(_interrupted(run) for run in killed)]
    for event in completed:
        ledger.append(
            event.kind, event.reason, run=event.run, version=event.version, details=event.details, at=event.at
        )
    return removed, completed


def _published(folder: Path, version: int) -> Event:
    metrics = artifacts.read_metrics(folder)
    verdict = metrics.get("verdict")
    reason = verdict.get("reason") if isinstance(verdict, dict) else "found in the models folder"
    return Event(_created(metrics), "promoted", metrics.get("run"), version, f"{reason} (recorded afterwards)", metrics)


def _interrupted(run: str) -> Event:
    return Event(datetime.now(UTC), "interrupted", run, None, "the process ended before the run did", {})


def _created(metrics: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(metrics["created_at"])
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC)
