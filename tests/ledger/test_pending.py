"""The file of waiting records: nothing is lost between it and the database."""

from datetime import UTC, datetime

import pytest

from keepfit.errors import StorageError
from keepfit.ledger import Event
from keepfit.ledger.pending import Pending


def event(reason):
    return Event(datetime(2026, 3, 1, tzinfo=UTC), "failed", "a", None, reason, {"x": 1})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "ledger.pending.jsonl"


def test_what_waits_is_handed_over_in_order_once(path):
    pending, taken = Pending(path), []
    first, second = event("first\nline"), event("second")
    pending.add(first)
    pending.add(second)
    pending.hand_over(taken.extend)
    assert taken == [first, second]
    pending.hand_over(taken.extend)
    assert taken == [first, second]


def test_what_is_not_taken_goes_on_waiting(path):
    pending = Pending(path)
    pending.add(event("x"))

    def refuse(events):
        raise StorageError("full")

    with pytest.raises(StorageError, match="full"):
        pending.hand_over(refuse)
    assert [found.reason for found in pending.events()] == ["x"]


def test_what_is_dropped_waits_no_longer_and_the_rest_does(path):
    pending = Pending(path)
    first, second = event("first"), event("second")
    pending.add(first)
    pending.add(second)
    pending.drop([first.id])
    assert pending.events() == [second]
    pending.drop([second.id, "unknown"])
    assert pending.events() == []
    assert not path.exists()


def test_line_that_was_cut_off_hides_no_other_and_is_kept_aside(path):
    pending, taken = Pending(path), []
    pending.add(event("x"))
    with path.open("a") as file:
        file.write('{"id": "cut o\n')
    pending.add(event("y"))
    pending.hand_over(taken.extend)
    assert [found.reason for found in taken] == ["x", "y"]
    assert path.with_suffix(".unreadable").read_text() == '{"id": "cut o\n'


def test_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder is expected"):
        Pending(tmp_path / "state" / "x.jsonl").add(event("x"))
