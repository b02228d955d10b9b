"""Finds runs and versions for a person: in the ledger, in what waits for it, and in the version directories.

Writes nothing, and needs no ledger: what the directories tell is told without one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from keepfit.errors import StorageError, VersionNotFoundError
from keepfit.ledger import ENDINGS, Deployment, Event, LedgerPlace, deployments, open_ledger
from keepfit.ledger.pending import Pending
from keepfit.pipeline import artifacts
from keepfit.pipeline.recover import untold
from keepfit.project import Project
from keepfit.versions import Versions


@dataclass(frozen=True)
class Account:
    """All that is known of a project's runs and versions; `notes` say what could not be read."""

    versions: Versions
    events: Sequence[Event]
    notes: Sequence[str]


@dataclass(frozen=True)
class Entry:
    """One run, with the version that became of it, if one did; or a version whose run nobody knows.

    `metrics` is its metrics.json, {} if the run ended before there was one. `folder` is where its model is now, and
    `place` says so in words.
    """

    run: str | None
    version: int | None
    metrics: Mapping[str, Any]
    folder: Path | None
    place: str
    started: Event | None
    ending: Event | None
    events: Sequence[Event]
    deployments: Sequence[Deployment]

    @property
    def name(self) -> str:
        """What to call it."""
        return f"version {self.version}" if self.version is not None else f"run {self.run}"

    @property
    def at(self) -> datetime | None:
        """When its record begins."""
        return self.events[0].at if self.events else None


def read(project: Project) -> Account:
    """Read everything; a ledger in trouble is a note."""
    place, versions, notes = LedgerPlace.of(project), Versions(project.models_dir), []
    events: list[Event] = []
    try:
        if not place.is_file or place.path.exists():
            with open_ledger(place) as ledger:
                events = ledger.events()
    except StorageError as error:
        notes.append(f"{error}; shown is what the version directories tell")
        events = Pending(place.pending_path).events()
    return Account(versions, [*events, *untold(versions, events)], notes)


def find(account: Account, name: str) -> Entry:
    """The version of that number, or the run of that id or of an id that begins so; raises VersionNotFoundError."""
    if name.isdecimal() and len(name) < 8:  # a run's id begins with its date
        return _version(account, int(name))
    runs = dict.fromkeys(event.run for event in account.events if event.run)
    found = [name] if name in runs else [run for run in runs if run.startswith(name)]
    if len(found) != 1:
        wrong = f"is the beginning of {', '.join(found)}" if found else "is unknown"
        raise VersionNotFoundError(f"{name!r} {wrong}: `keepfit history` lists the runs and versions")
    return _entry(account, found[0], _version_of(account, found[0]))


def _version(account: Account, number: int) -> Entry:
    made = [event for event in account.events if event.kind in ("promoted", "overridden") and event.version == number]
    if not made:
        raise VersionNotFoundError(f"there is no version {number}, and none is recorded: see `keepfit history`")
    return _entry(account, made[0].run, number)


def _version_of(account: Account, run: str) -> int | None:
    made = [event for event in account.events if event.kind in ("promoted", "overridden") and event.run == run]
    return made[0].version if made else None


def _entry(account: Account, run: str | None, version: int | None) -> Entry:
    events = [
        event
        for event in account.events
        if (run is not None and event.run == run) or (version is not None and event.version == version)
    ]
    folder, place = _folder(account.versions, run, version)
    recorded = [event.details for event in events if event.run == run and "verdict" in event.details]
    metrics = artifacts.read_metrics(folder) if folder else {}
    return Entry(
        run,
        version,
        metrics or (recorded[-1] if recorded else {}),
        folder,
        place,
        next((event for event in events if event.kind == "started" and event.run == run), None),
        next((event for event in events if event.kind in ENDINGS and event.run == run), None),
        events,
        [deployment for deployment in deployments(account.events) if deployment.version == version],
    )


def _folder(versions: Versions, run: str | None, version: int | None) -> tuple[Path | None, str]:
    if version in versions.numbers():
        served = "the current one" if version == versions.current() else "not the current one"
        return versions.folder / str(version), served
    if version is not None and version in versions.retired():
        return versions.retired_path(version), f"rolled back, `keepfit restore {version}` brings it back"
    kept = [folder for folder in versions.candidates() if folder.name == run]
    if kept:
        return kept[0], "kept, not promoted"
    return None, "its files are gone" if version is not None else "no model is kept"
