"""The append-only record of runs, verdicts and deployments, in SQLite (or any database by SQLAlchemy URL).

One table of events; whatever is asked of it is derived from them. The version directories stay the truth for
serving: a ledger that is missing is begun anew and never stops it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from keepfit.errors import StorageError
from keepfit.storage import make_folder

Kind = Literal[
    "started",
    "promoted",
    "rejected",
    "inconclusive",
    "staged",
    "invalid_data",
    "failed",
    "interrupted",
    "rolled_back",
    "restored",
]
ENDINGS: tuple[Kind, ...] = ("promoted", "rejected", "inconclusive", "staged", "invalid_data", "failed", "interrupted")

_metadata = sa.MetaData()
_events = sa.Table(
    "events",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(20), sa.CheckConstraint(f"kind IN {get_args(Kind)}"), nullable=False),
    sa.Column("run", sa.String(64), nullable=True, index=True),
    sa.Column("version", sa.BigInteger, nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
)


@dataclass(frozen=True)
class Event:
    """Something that happened: to a run, to a version, or both."""

    at: datetime
    kind: Kind
    run: str | None
    version: int | None
    reason: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """A time in which a version was the current one; `until` is None while it is."""

    version: int
    since: datetime
    until: datetime | None
    reason: str


class Ledger:
    """The events in one database. Made with `open_ledger`; `close()` it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

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
        when = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
        values = {"at": when, "kind": kind, "run": run, "version": version, "reason": reason, "details": details or {}}
        with _translated(self._engine), self._engine.begin() as connection:
            connection.execute(sa.insert(_events).values(**values))

    def events(self) -> list[Event]:
        """All events in the order in which they were recorded; raises StorageError."""
        with _translated(self._engine), self._engine.connect() as connection:
            rows = connection.execute(sa.select(_events).order_by(_events.c.id)).all()
        return [
            Event(datetime.fromisoformat(row.at), row.kind, row.run, row.version, row.reason, row.details)
            for row in rows
        ]

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open the SQLite ledger at `path`, made if there is none; raises StorageError."""
    make_folder(path.parent)
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": 10})
    ledger = Ledger(engine)
    try:
        with _translated(engine):
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            _metadata.create_all(engine)
        yield ledger
    finally:
        ledger.close()


def unfinished_runs(events: Sequence[Event]) -> list[str]:
    """The runs that started and have no ending, oldest first: running now, or killed."""
    ended = {event.run for event in events if event.kind in ENDINGS}
    return [event.run for event in events if event.kind == "started" and event.run and event.run not in ended]


def deployments(events: Sequence[Event]) -> list[Deployment]:
    """Which version was current when, oldest first."""
    changes = [event for event in events if event.kind in ("promoted", "rolled_back", "restored")]
    ends = [*(event.at for event in changes[1:]), None]
    # the first version of all may be taken back: then there is no current one, and no version in the event
    return [
        Deployment(event.version, event.at, end, event.reason)
        for event, end in zip(changes, ends, strict=False)
        if event.version is not None
    ]


@contextmanager
def _translated(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        where = engine.url.render_as_string(hide_password=True)
        raise StorageError(f"the ledger {where} cannot be used: {cause}") from error
