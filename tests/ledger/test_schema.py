"""Ledgers of older versions of Keepfit open, keep what they tell, and become append-only."""

import json
import sqlite3

import pytest

from keepfit.errors import DamagedLedgerError
from keepfit.ledger import open_ledger

SCHEMA_1 = """
CREATE TABLE events (
    id INTEGER NOT NULL, at VARCHAR(32) NOT NULL,
    kind VARCHAR(20) NOT NULL CHECK (kind IN ('started', 'promoted', 'rejected', 'rolled_back')),
    run VARCHAR(64), version BIGINT, reason TEXT NOT NULL, details JSON NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX ix_events_run ON events (run);
"""


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA_1)
    rows = [
        (1, "2026-03-01T02:00:00.000+00:00", "started", "a", None, "manual", "{}"),
        (4, "2026-03-01T02:01:00.000+00:00", "promoted", "a", 1, "ü ≥ 97 %", json.dumps({"seed": 7})),
    ]
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


def test_old_ledger_keeps_its_events_and_takes_new_kinds(old):
    with open_ledger(old) as ledger:
        ledger.append("overridden", "by a person", version=2)
        found = ledger.events()
    assert [(event.kind, event.run, event.version) for event in found] == [
        ("started", "a", None),
        ("promoted", "a", 1),
        ("overridden", None, 2),
    ]
    assert (found[1].reason, found[1].details, found[1].actor) == ("ü ≥ 97 %", {"seed": 7}, {})
    assert len({event.id for event in found}) == 3


def test_old_ledger_becomes_append_only(old):
    with open_ledger(old):
        pass
    connection = sqlite3.connect(old)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM events")
    connection.close()


def test_migration_that_fails_changes_nothing(old):
    connection = sqlite3.connect(old)
    connection.execute("UPDATE events SET details = 'no json' WHERE id = 4")
    connection.commit()
    connection.close()
    with pytest.raises(DamagedLedgerError, match="is damaged: Expecting value"), open_ledger(old):
        pass
    connection = sqlite3.connect(old)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ledger_schema'").fetchone() == (0,)
    connection.close()
