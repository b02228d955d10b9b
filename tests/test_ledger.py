"""The record of runs, verdicts and deployments, and what is derived from it."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from keepfit.errors import StorageError
from keepfit.ledger import ENDINGS, Event, deployments, open_ledger, unfinished_runs

START = datetime(2026, 3, 1, 2, tzinfo=UTC)


def event(minute, kind, version=None, run=None):
    return Event(START + timedelta(minutes=minute), kind, run, version, f"because {minute}", {})


def test_events_are_there_again_in_order(tmp_path):
    path = tmp_path / "state" / "ledger.sqlite3"
    with open_ledger(path) as ledger:
        ledger.append("started", "manual", run="a")
        ledger.append("promoted", "97.5 % ≥ 97 %", run="a", version=1, details={"seed": 7, "x": [1.5, None]}, at=START)
    with open_ledger(path) as ledger:
        ledger.append("rolled_back", "by hand")
        found = ledger.events()
    assert [(e.kind, e.run, e.version) for e in found] == [
        ("started", "a", None),
        ("promoted", "a", 1),
        ("rolled_back", None, None),
    ]
    assert found[1].details == {"seed": 7, "x": [1.5, None]}
    assert found[1].at == START
    assert abs(found[0].at - datetime.now(UTC)) < timedelta(minutes=1)


def test_time_is_kept_as_utc(tmp_path):
    with open_ledger(tmp_path / "ledger") as ledger:
        ledger.append("started", "x", at=datetime.fromisoformat("2026-03-01T04:00:00+02:00"))
        assert ledger.events()[0].at == START


@pytest.mark.parametrize("name", ["per%20cent", "what?", "a#b", "with space", "ü"])
def test_folder_may_have_any_name(tmp_path, name):
    path = tmp_path / name / "ledger.sqlite3"
    with open_ledger(path) as ledger:
        ledger.append("started", "x")
    assert path.is_file()


def test_deployments_follow_promotions_rollbacks_and_restores():
    events = [
        event(0, "started", run="a"),
        event(1, "promoted", 1),
        event(2, "rejected"),
        event(3, "promoted", 2),
        event(4, "rolled_back", 1),
        event(5, "restored", 2),
    ]
    found = [(d.version, d.since.minute, d.until and d.until.minute) for d in deployments(events)]
    assert found == [(1, 1, 3), (2, 3, 4), (1, 4, 5), (2, 5, None)]


def test_first_version_that_was_taken_back_is_served_no_more():
    found = deployments([event(1, "promoted", 1), event(2, "rolled_back", None), event(9, "promoted", 2)])
    assert [(d.version, d.since.minute, d.until and d.until.minute) for d in found] == [(1, 1, 2), (2, 9, None)]


def test_no_events_are_no_deployments():
    assert deployments([]) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_run_is_unfinished_until_any_ending(ending):
    events = [event(0, "started", run="a"), event(1, "started", run="b")]
    assert unfinished_runs(events) == ["a", "b"]
    assert unfinished_runs([*events, event(2, ending, run="a")]) == ["b"]


def test_rollback_within_a_run_does_not_end_it():
    assert unfinished_runs([event(0, "started", run="a"), event(1, "rolled_back", 1, run="a")]) == ["a"]


def test_file_that_is_no_database_is_told(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError) as caught, open_ledger(path):
        pass
    assert str(caught.value) == f"the ledger sqlite:///{path} cannot be used: file is not a database"


def test_database_cut_short_is_told(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with open_ledger(path) as ledger:
        for _ in range(200):
            ledger.append("started", "x" * 100)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(StorageError, match=r"the ledger .* cannot be used: "), open_ledger(path) as ledger:
        ledger.events()


def test_folder_in_place_of_the_database_is_told(tmp_path):
    with pytest.raises(StorageError, match="cannot be used: unable to open database file"), open_ledger(tmp_path):
        pass


@pytest.mark.slow
def test_database_locked_by_somebody_is_told(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with open_ledger(path) as ledger:
        other = sqlite3.connect(path)
        other.execute("BEGIN EXCLUSIVE")
        try:
            with pytest.raises(StorageError, match="cannot be used: database is locked"):
                ledger.append("started", "x")
        finally:
            other.close()
        ledger.append("started", "y")
        assert [found.reason for found in ledger.events()] == ["y"]


def test_several_processes_may_write_at_once(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with open_ledger(path):
        pass

    def write(name):
        with open_ledger(path) as ledger:
            for number in range(20):
                ledger.append("started", str(number), run=name)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_ledger(path) as ledger:
        found = ledger.events()
    for name in "abc":
        assert [e.reason for e in found if e.run == name] == [str(number) for number in range(20)]
