"""Records that their taker, a database for one, did not take: one JSON line each in a file, until it does.

Nothing is lost between the two: a line leaves the file only after the taker has it, and is recognised there by its id
if the file could not be emptied.
"""

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from filelock import FileLock

from keepfit.errors import StorageError
from keepfit.ledger.event import Event
from keepfit.storage import append_line, guarded, make_folder, write_atomically


class Pending:
    """The waiting records in one file. Cheap to make; holds no state but the path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, event: Event) -> None:
        """Keep one record, flushed to the disk; raises StorageError."""
        make_folder(self._path.parent)
        with guarded(self._path), self._lock():
            append_line(self._path, json.dumps(event.to_dict(), ensure_ascii=False))

    def events(self) -> list[Event]:
        """What waits, oldest first; raises StorageError."""
        return _parsed(self._lines())[0]

    def hand_over(self, take: Callable[[Sequence[Event]], None]) -> None:
        """Give the waiting records to `take`, and empty the file if that worked; raises what `take` raises."""
        if not self._path.exists():
            return
        with guarded(self._path), self._lock():
            events, unreadable = _parsed(self._lines())
            if events:
                take(events)
            if unreadable:
                # somebody's editor, or a disk that lies: kept for a person to look at
                write_atomically(self._path.with_suffix(".unreadable"), "\n".join(unreadable) + "\n")
            self._path.unlink(missing_ok=True)

    def drop(self, ids: Collection[str]) -> None:
        """Let the records with these ids wait no longer; raises StorageError."""
        if not ids or not self._path.exists():
            return
        with guarded(self._path), self._lock():
            events, unreadable = _parsed(self._lines())
            left = [json.dumps(event.to_dict(), ensure_ascii=False) for event in events if event.id not in ids]
            if left or unreadable:
                write_atomically(self._path, "\n".join([*left, *unreadable]) + "\n")
            else:
                self._path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self._path} cannot be read: {error.strerror}") from error

    def _lock(self) -> FileLock:
        """Guards the file, so that no line is added between its reading and its emptying."""
        return FileLock(self._path.with_suffix(".lock"), timeout=30)


def _parsed(lines: Sequence[str]) -> tuple[list[Event], list[str]]:
    events, unreadable = [], []
    for line in lines:
        try:
            events.append(Event.from_dict(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            unreadable.append(line)
    return events, unreadable
