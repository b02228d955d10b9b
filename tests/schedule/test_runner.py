"""The schedule's clock: calls when it is time, catches a missed time up once, and can always be stopped."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from keepfit.config import ScheduleConfig
from keepfit.errors import ConfigError
from keepfit.schedule.runner import Runner

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.fixture
def calls():
    return []


@pytest.fixture
def runner(tmp_path, calls):
    """Make runners of a schedule; all are stopped in the end."""
    made = []

    def make(cron="0 2 * * sun"):
        found = Runner(ScheduleConfig(cron=cron), tmp_path / "state" / "looked_at", lambda: calls.append("due"))
        made.append(found)
        return found

    yield make
    for found in made:
        found.stop()


def test_first_start_has_missed_nothing(runner, calls):
    assert not runner().start(NOW)
    assert calls == []


def test_time_missed_while_down_is_caught_up_once(runner, calls):
    runner().start(NOW - timedelta(days=4))
    assert runner().start(NOW)
    assert calls == ["due"]
    assert not runner().start(NOW + timedelta(minutes=1))
    assert calls == ["due"]


def test_several_missed_times_are_caught_up_by_one_run(runner, calls):
    runner().start(NOW - timedelta(days=100))
    assert runner().start(NOW)
    assert calls == ["due"]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff"])
def test_unreadable_note_of_the_last_look_stops_nothing(tmp_path, runner, calls, content):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "looked_at").write_bytes(content)
    assert not runner().start(NOW)
    assert calls == []


def test_clock_calls_when_it_is_time(tmp_path):
    called = threading.Event()
    # the shortest period of cron is a minute: the clock's own thread is asked to fire at once
    runner = Runner(ScheduleConfig(cron="* * * * *"), tmp_path / "looked_at", called.set)
    runner.start(datetime.now(UTC))
    try:
        (job,) = runner._scheduler.get_jobs()
        job.modify(next_run_time=datetime.now(UTC))
        assert called.wait(10)
    finally:
        runner.stop()


def test_folder_that_takes_no_note_does_not_stop_the_schedule(tmp_path, calls):
    runner = Runner(ScheduleConfig(), tmp_path / "state" / "looked_at", lambda: calls.append("due"))
    runner.start(NOW)
    try:
        (tmp_path / "state" / "looked_at").unlink()
        (tmp_path / "state" / "looked_at").mkdir()
        (job,) = runner._scheduler.get_jobs()
        job.modify(next_run_time=datetime.now(UTC))
        deadline = time.monotonic() + 10
        while not calls:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        runner.stop()


def test_next_time_is_told(runner):
    assert runner().next_time(NOW) == datetime(2026, 3, 15, 2, tzinfo=UTC)


def test_wrong_cron_is_told_before_anything_runs(runner):
    with pytest.raises(ConfigError):
        runner("never")


def test_runner_that_was_not_started_can_be_stopped(runner):
    runner().stop()


def test_stopped_runner_leaves_no_thread(runner):
    before = threading.active_count()
    found = runner()
    found.start(NOW)
    assert threading.active_count() > before
    found.stop()
    assert threading.active_count() == before
