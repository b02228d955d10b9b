"""A damaged SQLite ledger: moved aside, and what can still be read of it taken into a new one.

What cannot be read, the caller completes from the version directories. Only for the holder of the run lock.
"""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keepfit.errors import DamagedLedgerError
from keepfit.ledger.event import Event
from keepfit.ledger.place import LedgerPlace
from keepfit.ledger.store import open_ledger
from keepfit.storage import guarded, sync_folder


def mend(place: LedgerPlace) -> str:
    """Make sure that the ledger can be used; returns a sentence about what was done, "" if nothing was.

    Raises StorageError if it cannot be used for another reason than damage.
    """
    try:
        with open_ledger(place) as ledger:
            ledger.require_sound()
            ledger.events()
    except DamagedLedgerError as error:
        aside = _move_aside(place.path)
        saved = _readable(aside)
        with open_ledger(place) as ledger:
            ledger.add(saved)
        return (
            f"{error}; it was moved to {aside.name} and a new one begun with its {len(saved)} readable "
            f"record{'' if len(saved) == 1 else 's'} and what the version directories tell"
        )
    return ""


def _move_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.stem}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}{path.suffix}")
    with guarded(path):
        for suffix in ("-wal", "-shm", ""):  # the file itself last: a crash in between leaves it to be found again
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        sync_folder(path.parent)
    return aside


def _readable(path: Path) -> list[Event]:
    """The events that can be read from either end of a damaged file, up to the damage."""
    found: dict[int, Event] = {}
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            # the only setting under which SQLite opens a file that is shorter than its header says
            connection.execute("PRAGMA writable_schema = ON")
            for row in connection.execute(f"SELECT * FROM events ORDER BY id {order}"):  # noqa: S608 - no input in it
                with contextlib.suppress(KeyError, TypeError, ValueError):
                    found[int(row["id"])] = _event(dict(row))
    return [event for _, event in sorted(found.items())]


def _event(row: Mapping[str, Any]) -> Event:
    return Event.from_dict(
        {
            **row,
            "id": row.get("uid") or uuid.uuid4().hex,
            "details": json.loads(row["details"]),
            "actor": json.loads(row.get("actor") or "{}"),
        }
    )
