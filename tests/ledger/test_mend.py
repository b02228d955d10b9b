"""A damaged ledger is moved aside, and what can be read of it is in the new one."""

import sqlite3

import pytest

from keepfit.errors import StorageError
from keepfit.ledger import LedgerPlace, mend, open_ledger


@pytest.fixture
def place(tmp_path):
    return LedgerPlace(tmp_path / "ledger.sqlite3", wait_s=0.2)


def fill(place, rows=300):
    with open_ledger(place) as ledger:
        for number in range(rows):
            ledger.append("started", f"{number} " + "x" * 200, run=str(number))


def aside(place):
    return list(place.path.parent.glob("ledger.damaged-*.sqlite3"))


def test_sound_ledger_is_left_alone(place):
    fill(place, 3)
    assert mend(place) == ""
    assert aside(place) == []


def test_missing_ledger_is_begun(place):
    assert mend(place) == ""
    assert place.path.is_file()


def test_file_that_is_no_database_is_moved_aside(place):
    place.path.write_bytes(b"rubbish" * 1000)
    note = mend(place)
    assert (
        f"the ledger sqlite:///{place.path} is damaged: file is not a database; it was moved to ledger.damaged-" in note
    )
    assert "with its 0 readable records" in note
    (old,) = aside(place)
    assert old.read_bytes() == b"rubbish" * 1000
    with open_ledger(place) as ledger:
        assert ledger.events() == []


def test_what_can_be_read_of_a_ledger_cut_short_is_kept(place):
    fill(place)
    whole = place.path.read_bytes()
    place.path.write_bytes(whole[: len(whole) // 2])
    assert "is damaged" in mend(place)
    with open_ledger(place) as ledger:
        kept = [int(event.run) for event in ledger.events()]
    assert 50 < len(kept) < 300
    assert kept == sorted(kept)


def test_both_sides_of_a_damaged_page_are_kept(place):
    fill(place)
    with sqlite3.connect(place.path) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    content = bytearray(place.path.read_bytes())
    content[(pages // 2) * size : (pages // 2 + 1) * size] = b"\xff" * size
    place.path.write_bytes(content)
    assert "is damaged" in mend(place)
    with open_ledger(place) as ledger:
        kept = [int(event.run) for event in ledger.events()]
    assert 200 < len(kept) < 300
    assert {0, 299} <= set(kept)


def test_locked_ledger_is_not_taken_for_a_damaged_one(place):
    fill(place, 1)
    other = sqlite3.connect(place.path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="locked"), open_ledger(place) as ledger:
        ledger.append("started", "x")
    other.close()
    assert mend(place) == ""
    assert aside(place) == []
