"""Opens a ledger, appends to it and reads it. What the database does not take waits in a file until it does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from keepfit.errors import DamagedLedgerError, StorageError
from keepfit.ledger import schema
from keepfit.ledger.event import Event, Kind, actor
from keepfit.ledger.pending import Pending
from keepfit.ledger.place import LedgerPlace, shown, without_secrets
from keepfit.storage import make_folder

_DAMAGED = (11, 26)
"""SQLite's result codes CORRUPT and NOTADB."""


class Ledger:
    """The events in one database. Made with `open_ledger`; `close()` it."""

    def __init__(self, engine: sa.Engine, place: LedgerPlace) -> None:
        self._engine = engine
        self._place = place
        self._model = None if place.is_file else place.model
        self._pending = Pending(place.pending_path)

    def append(
        self,
        kind: Kind,
        reason: str,
        *,
        run: str | None = None,
        version: int | None = None,
        details: Mapping[str, Any] | None = None,
        at: datetime | None = None,
    ) -> None:
        """Record one event; raises StorageError if the database cannot be written."""
        self.add([Event(at or datetime.now(UTC), kind, run, version, reason, details or {}, actor())])

    def record(
        self,
        kind: Kind,
        reason: str,
        *,
        run: str | None = None,
        version: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Append what has happened already, or keep it in the file of waiting records.

        Returns a sentence about what went wrong, "" if nothing did.
        """
        event = Event(datetime.now(UTC), kind, run, version, reason, details or {}, actor())
        try:
            self.add([event])
        except StorageError as error:
            return _keep(event, self._pending, error)
        return ""

    def add(self, events: Sequence[Event]) -> None:
        """Record events that are not there yet, all or none; raises StorageError."""
        with self._translated(), self._engine.begin() as connection:
            wanted = {event.id: event for event in events}
            known = sa.select(schema.events.c.uid).where(schema.events.c.uid.in_(wanted))
            for uid in connection.scalars(known):
                del wanted[uid]
            if wanted:
                connection.execute(sa.insert(schema.events), [self._row(event) for event in wanted.values()])

    def events(self) -> list[Event]:
        """All events in the order in which they were recorded; raises StorageError."""
        table = schema.events
        query = sa.select(table).order_by(table.c.id)
        if self._model is not None:
            query = query.where(table.c.model == self._model)
        with self._translated(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Event(
                datetime.fromisoformat(row.at),
                row.kind,
                row.run,
                row.version,
                row.reason,
                row.details,
                row.actor,
                row.uid,
            )
            for row in rows
        ]

    def count(self) -> int:
        """How many events there are: as long as it is the same, so are they. Raises StorageError."""
        query = sa.select(sa.func.count()).select_from(schema.events)
        if self._model is not None:
            query = query.where(schema.events.c.model == self._model)
        with self._translated(), self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def require_writable(self) -> None:
        """Raise StorageError unless an event could be recorded now: writes one, and takes it back."""
        event = Event(datetime.now(UTC), "started", None, None, "", {})
        with self._translated(), self._engine.connect() as connection:
            connection.execute(sa.insert(schema.events), [self._row(event)])
            connection.rollback()

    def require_sound(self) -> None:
        """Raise DamagedLedgerError if the file of a SQLite ledger is damaged anywhere."""
        if not self._place.is_file:
            return
        with self._translated(), self._engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise DamagedLedgerError(f"the ledger {shown(self._engine.url)} is damaged: {found}")

    def take_pending(self) -> None:
        """Record what waited in the file; raises StorageError."""
        self._pending.hand_over(self.add)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _row(self, event: Event) -> dict[str, Any]:
        found = event.to_dict()
        return {"uid": found.pop("id"), "model": self._place.model, **found}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated(self._engine, self._place.wait_s):
            yield


@contextmanager
def open_ledger(place: LedgerPlace | Path) -> Iterator[Ledger]:
    """Open the ledger, made if there is none, older ones brought up to date, waiting records taken in.

    A path is a SQLite file. Raises StorageError, and ConfigError for a URL that is none.
    """
    place = LedgerPlace(place) if isinstance(place, Path) else place
    if place.is_file:
        make_folder(place.path.parent)
    engine = place.engine()
    ledger = Ledger(engine, place)
    try:
        with _translated(engine, place.wait_s):
            if place.is_file:
                with engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            schema.bring_up_to_date(engine)
        ledger.take_pending()
        yield ledger
    finally:
        ledger.close()


def record(place: LedgerPlace, kind: Kind, reason: str, *, version: int | None = None) -> str:
    """Record what a person did already, now or later; returns a sentence about trouble, "" if there was none."""
    event = Event(datetime.now(UTC), kind, None, version, reason, {}, actor())
    try:
        with open_ledger(place) as ledger:
            ledger.add([event])
    except StorageError as error:
        return _keep(event, Pending(place.pending_path), error)
    return ""


def _keep(event: Event, pending: Pending, trouble: StorageError) -> str:
    try:
        pending.add(event)
    except StorageError as error:
        return f"'{event.kind}' is recorded in notifications.log only: {trouble}, and {error}"
    return f"{trouble}; the record of '{event.kind}' waits in a file beside it, and the next run takes it in"


@contextmanager
def _translated(engine: sa.Engine, wait_s: float) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None)
        reason = without_secrets(str(cause or error), engine.url)
        where = shown(engine.url)
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise DamagedLedgerError(f"the ledger {where} is damaged: {reason}") from error
        if "locked" in reason or "lock timeout" in reason:
            reason = f"{reason}, and stayed so for {wait_s:g} s: see which process holds it"
        raise StorageError(f"the ledger {where} cannot be used: {reason}") from error
    except (ValueError, TypeError) as error:
        raise DamagedLedgerError(f"the ledger {shown(engine.url)} is damaged: {error}") from error
