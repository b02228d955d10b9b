"""The account that every scrape reads: as new as the ledger, and patient with one that is out of reach."""

import pytest
from tests.monitor.events import event

from keepfit import project
from keepfit.ledger import LedgerPlace, open_ledger
from keepfit.monitor.records import ASK_AGAIN_S, Records


class Watched:
    def __init__(self, folder):
        (folder / "config.json").write_text("{}", encoding="utf-8")
        self.project = project.load(folder / "config.json", {})
        self.now = 0.0
        self.records = Records(self.project, lambda: self.now)
        self.ledger = self.project.ledger_path

    def record(self, *events):
        with open_ledger(LedgerPlace.of(self.project)) as ledger:
            ledger.add(events)

    def kinds(self):
        return [event.kind for event in self.records.read().events]


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_what_is_added_is_seen_and_nothing_is_read_twice(watched):
    first = watched.records.read()
    assert watched.records.read() is first
    watched.record(event("started", "a"))
    assert watched.kinds() == ["started"]
    watched.record(event("rejected", "a"))
    first = watched.records.read()
    assert watched.records.read() is first
    assert watched.kinds() == ["started", "rejected"]


def test_a_version_that_only_its_folder_tells_of_is_seen(watched):
    watched.record(event("started", "a"))
    assert watched.kinds() == ["started"]
    (watched.project.models_dir / "1").mkdir(parents=True)
    assert "promoted" in watched.kinds()


def test_a_ledger_in_trouble_takes_nothing_of_what_was_known_and_is_left_alone_for_a_while(watched):
    watched.record(event("started", "a"), event("rejected", "a"))
    assert watched.kinds() == ["started", "rejected"]
    whole = watched.ledger.read_bytes()
    watched.ledger.write_bytes(b"rubbish" * 1000)
    account = watched.records.read()
    assert [event.kind for event in account.events] == ["started", "rejected"]
    assert "damaged" in account.notes[0]
    watched.ledger.write_bytes(whole)
    watched.now += ASK_AGAIN_S / 2
    assert watched.records.read().notes == account.notes
    watched.now += ASK_AGAIN_S
    assert watched.records.read().notes == []
    assert watched.kinds() == ["started", "rejected"]


def test_a_ledger_in_trouble_from_the_start_is_asked_again_as_well(watched):
    watched.record(event("started", "a"))
    whole = watched.ledger.read_bytes()
    watched.ledger.write_bytes(b"rubbish" * 1000)
    assert watched.records.read().notes
    watched.ledger.write_bytes(whole)
    assert watched.records.read().notes
    watched.now += ASK_AGAIN_S
    assert watched.kinds() == ["started"]
    assert watched.records.read().notes == []
