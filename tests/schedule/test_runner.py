"""The schedule as the loop asks it: due when a time has come, once; a time missed while down is caught up once."""

from datetime import UTC, datetime, timedelta

import pytest

from keepfit.config import ScheduleConfig
from keepfit.errors import ConfigError
from keepfit.schedule.runner import Runner

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
SUNDAY = datetime(2026, 3, 15, 2, tzinfo=UTC)


@pytest.fixture
def runner(tmp_path):
    """Make runners that share the note of the last look, as one process after another does."""
    return lambda cron="0 2 * * sun": Runner(ScheduleConfig(cron=cron), tmp_path / "state" / "looked_at")


def test_first_start_has_missed_nothing(runner):
    assert not runner().start(NOW)


def test_time_missed_while_down_is_caught_up_once(runner):
    runner().start(NOW - timedelta(days=4))
    assert runner().start(NOW)
    assert not runner().start(NOW + timedelta(minutes=1))


def test_several_missed_times_are_caught_up_by_one_run(runner):
    runner().start(NOW - timedelta(days=100))
    found = runner()
    assert found.start(NOW)
    assert not found.is_due(NOW)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff"])
def test_unreadable_note_of_the_last_look_stops_nothing(tmp_path, runner, content):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "looked_at").write_bytes(content)
    assert not runner().start(NOW)


def test_schedule_is_due_once_when_its_time_has_come(runner):
    found = runner()
    found.start(NOW)
    assert not found.is_due(SUNDAY - timedelta(seconds=1))
    assert found.is_due(SUNDAY)
    assert not found.is_due(SUNDAY + timedelta(seconds=1))
    assert found.is_due(SUNDAY + timedelta(days=7))


def test_machine_that_slept_over_several_times_is_due_once(runner):
    found = runner()
    found.start(NOW)
    assert found.is_due(SUNDAY + timedelta(days=30))
    assert not found.is_due(SUNDAY + timedelta(days=30, minutes=1))


def test_time_that_was_due_is_not_caught_up_again_at_the_next_start(runner):
    found = runner()
    found.start(NOW)
    assert found.is_due(SUNDAY)
    assert not runner().start(SUNDAY + timedelta(hours=1))


def test_schedule_that_was_not_started_is_never_due(runner):
    assert not runner().is_due(SUNDAY)


def test_folder_that_takes_no_note_does_not_stop_the_schedule(tmp_path, runner):
    (tmp_path / "state" / "looked_at").mkdir(parents=True)
    found = runner()
    assert not found.start(NOW)
    assert found.is_due(SUNDAY)


def test_next_time_is_told(runner):
    assert runner().next_time(NOW) == SUNDAY


def test_schedule_that_never_comes_is_told_as_none_and_never_due(runner):
    found = runner("0 2 31 2 *")
    assert not found.start(NOW)
    assert found.next_time(NOW) is None
    assert not found.is_due(NOW + timedelta(days=4000))


def test_wrong_cron_is_told_before_anything_runs(runner):
    with pytest.raises(ConfigError):
        runner("never")
