"""Appending and reading, on SQLite and on a real PostgreSQL alike."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from keepfit.errors import StorageError
from keepfit.ledger import Event, LedgerPlace, open_ledger, record
from keepfit.ledger.pending import Pending

START = datetime(2026, 3, 1, 2, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """An empty ledger in each kind of database."""
    path = tmp_path / "state" / "ledger.sqlite3"
    if request.param == "sqlite":
        return LedgerPlace(path, wait_s=0.3)
    return LedgerPlace(path, request.getfixturevalue("postgres").new_database(), "keepfit", wait_s=0.3)


def test_events_are_there_again_in_order(place):
    with open_ledger(place) as ledger:
        ledger.append("started", "manual", run="a")
        ledger.append("promoted", "97.5 % ≥ 97 %", run="a", version=1, details={"seed": 7, "x": [1.5, None]}, at=START)
    with open_ledger(place) as ledger:
        ledger.append("rolled_back", "by hand")
        found = ledger.events()
        assert ledger.count() == len(found)
    assert [(e.kind, e.run, e.version) for e in found] == [
        ("started", "a", None),
        ("promoted", "a", 1),
        ("rolled_back", None, None),
    ]
    assert found[1].details == {"seed": 7, "x": [1.5, None]}
    assert found[1].reason == "97.5 % ≥ 97 %"
    assert found[1].at == START
    assert abs(found[0].at - datetime.now(UTC)) < timedelta(minutes=1)
    assert set(found[0].actor) == {"user", "host"}


def test_time_is_kept_as_utc(place):
    with open_ledger(place) as ledger:
        ledger.append("started", "x", at=datetime.fromisoformat("2026-03-01T04:00:00+02:00"))
        assert ledger.events()[0].at == START


@pytest.mark.parametrize("verb", ["update", "delete", "wipe"])
def test_nothing_that_is_recorded_can_be_changed_or_removed(place, verb):
    wipe = "INSERT OR REPLACE INTO events SELECT * FROM events" if place.is_file else "TRUNCATE events"
    statements = {"update": "UPDATE events SET reason = 'y'", "delete": "DELETE FROM events", "wipe": wipe}
    with open_ledger(place) as ledger:
        ledger.append("started", "x")
        engine = place.engine()
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
            connection.exec_driver_sql(statements[verb])
        engine.dispose()
        assert [event.reason for event in ledger.events()] == ["x"]


def test_same_event_is_recorded_once(place):
    event = Event(START, "failed", "a", None, "x", {})
    with open_ledger(place) as ledger:
        ledger.add([event, Event(START, "started", "b", None, "y", {})])
        ledger.add([event])
        assert [found.reason for found in ledger.events()] == ["x", "y"]
        assert ledger.events()[0] == event


def test_asking_whether_it_can_be_written_records_nothing(place):
    with open_ledger(place) as ledger:
        ledger.require_writable()
        assert ledger.events() == []


def test_several_processes_may_write_at_once(place):
    if place.is_file:
        place = LedgerPlace(place.path, wait_s=30)

    def write(name):
        with open_ledger(place) as ledger:
            for number in range(20):
                ledger.append("started", str(number), run=name)

    # all begin with no ledger there, so that its making is raced for as well
    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_ledger(place) as ledger:
        found = ledger.events()
    for name in "abc":
        assert [e.reason for e in found if e.run == name] == [str(number) for number in range(20)]


def test_ledger_of_a_newer_keepfit_is_left_alone(place):
    with open_ledger(place):
        engine = place.engine()
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO ledger_schema VALUES (99)")
        engine.dispose()
    newer = pytest.raises(StorageError, match=r"written by a newer Keepfit \(schema 99, known: 2\): update")
    with newer, open_ledger(place):
        pass


@pytest.mark.parametrize("name", ["per%20cent", "what?", "a#b", "with space", "ü"])
def test_folder_may_have_any_name(tmp_path, name):
    path = tmp_path / name / "ledger.sqlite3"
    with open_ledger(path) as ledger:
        ledger.append("started", "x")
    assert path.is_file()


def test_sqlite_is_in_wal_mode(tmp_path):
    with open_ledger(tmp_path / "ledger.sqlite3"):
        connection = sqlite3.connect(tmp_path / "ledger.sqlite3")
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def test_file_that_is_no_database_is_told(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError) as caught, open_ledger(path):
        pass
    assert str(caught.value) == f"the ledger sqlite:///{path} is damaged: file is not a database"


def test_folder_in_place_of_the_database_is_told(tmp_path):
    with pytest.raises(StorageError, match="cannot be used: unable to open database file"), open_ledger(tmp_path):
        pass


class TestLocked:
    """Somebody else holds the lock of the table."""

    @pytest.fixture
    def locked(self, place):
        with open_ledger(place):
            pass
        engine = place.engine()
        connection = engine.connect()
        connection.exec_driver_sql("BEGIN EXCLUSIVE" if place.is_file else "LOCK TABLE events IN EXCLUSIVE MODE")
        yield connection
        connection.close()
        engine.dispose()

    @pytest.mark.usefixtures("locked")
    def test_it_is_waited_for_and_then_told(self, place):
        told = pytest.raises(StorageError, match=r"lock.*, and stayed so for 0.3 s: see which process holds it")
        with told, open_ledger(place) as ledger:
            ledger.append("started", "x")

    def test_record_waits_in_a_file_and_is_taken_in_later(self, place, locked):
        note = record(place, "rolled_back", "by hand", version=1)
        assert note.endswith("the record of 'rolled_back' waits in a file beside it, and the next run takes it in")
        (waiting,) = Pending(place.pending_path).events()
        locked.rollback()
        with open_ledger(place) as ledger:
            assert ledger.events() == [waiting]
        assert (waiting.kind, waiting.version, waiting.reason) == ("rolled_back", 1, "by hand")
        assert not place.pending_path.exists()


class TestPostgres:
    """What only a server can do: go away, share a database, refuse a password."""

    def test_models_that_share_a_database_do_not_see_each_other(self, postgres, tmp_path):
        url = postgres.new_database()
        for model in ("one", "two"):
            with open_ledger(LedgerPlace(tmp_path / "ledger", url, model)) as ledger:
                ledger.append("started", model)
        with open_ledger(LedgerPlace(tmp_path / "ledger", url, "one")) as ledger:
            assert [event.reason for event in ledger.events()] == ["one"]

    def test_server_that_goes_away_and_comes_back_loses_nothing(self, postgres, tmp_path):
        place = LedgerPlace(tmp_path / "ledger.sqlite3", postgres.new_database(), "keepfit")
        with open_ledger(place) as ledger:
            ledger.append("started", "manual", run="a")
            postgres.stop()
            try:
                with pytest.raises(StorageError, match="cannot be used: "):
                    ledger.require_writable()
                assert "waits in a file" in ledger.record("failed", "no ledger", run="a")
                assert "waits in a file" in record(place, "rolled_back", "by hand", version=1)
            finally:
                postgres.start()
            ledger.append("started", "manual", run="b")
        with open_ledger(place) as ledger:
            kinds = [event.kind for event in ledger.events()]
        assert sorted(kinds) == ["failed", "rolled_back", "started", "started"]

    def test_wrong_password_is_told_and_not_shown(self, postgres, tmp_path, monkeypatch):
        monkeypatch.setenv("KEEPFIT_TEST_PASSWORD", "wr0ng")
        with pytest.raises(StorageError) as caught, open_ledger(LedgerPlace(tmp_path / "x", postgres.new_database())):
            pass
        assert "password authentication failed" in str(caught.value)
        assert "wr0ng" not in str(caught.value)
        assert str(caught.value).startswith(f"the ledger postgresql://127.0.0.1:{postgres.port}/")
