"""What is derived from the events, and that an event is the same after it was written down."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from keepfit.ledger import ENDINGS, Event, deployments, unfinished_runs
from keepfit.ledger.event import actor

START = datetime(2026, 3, 1, 2, tzinfo=UTC)


def event(minute, kind, version=None, run=None):
    return Event(START + timedelta(minutes=minute), kind, run, version, f"because {minute}", {})


def test_deployments_follow_promotions_overrides_rollbacks_and_restores():
    events = [
        event(0, "started", run="a"),
        event(1, "promoted", 1),
        event(2, "rejected"),
        event(3, "promoted", 2),
        event(4, "rolled_back", 1),
        event(5, "restored", 2),
        event(6, "overridden", 3),
    ]
    found = [(d.version, d.since.minute, d.until and d.until.minute) for d in deployments(events)]
    assert found == [(1, 1, 3), (2, 3, 4), (1, 4, 5), (2, 5, 6), (3, 6, None)]


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


def test_event_survives_json():
    before = Event(START, "promoted", "a", 1, "ü ≥ 97 %", {"x": [1.5, None]}, {"user": "anna", "host": "box"})
    assert Event.from_dict(json.loads(json.dumps(before.to_dict()))) == before


def test_two_events_are_never_the_same():
    assert event(1, "started").id != event(1, "started").id


def test_actor_names_user_and_host_and_who_called_sudo(monkeypatch):
    monkeypatch.setenv("LOGNAME", "root")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert actor()["user"] == "root"
    assert actor()["host"]
    monkeypatch.setenv("SUDO_USER", "anna")
    assert actor()["user"] == "anna as root"
