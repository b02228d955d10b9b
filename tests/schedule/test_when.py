"""When the schedule calls: crontab's forms and weekdays, clock changes, and what was missed."""

from datetime import UTC, datetime, timedelta

import pytest

from keepfit.config import ScheduleConfig
from keepfit.errors import ConfigError
from keepfit.schedule.when import is_missed, next_time, trigger

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def times(cron, count, after=MONDAY, timezone="UTC"):
    config, found = ScheduleConfig(cron=cron, timezone=timezone), []
    for _ in range(count):
        after = next_time(config, after)
        found.append(after)
    return found


def test_default_is_sunday_at_two():
    (found,) = times(ScheduleConfig().cron, 1)
    assert found == datetime(2026, 3, 8, 2, tzinfo=UTC)
    assert found.weekday() == 6


@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("*/15 * * * *", "2026-03-02T12:15"),
        ("0 3 * * *", "2026-03-03T03:00"),
        ("30 2 1 * *", "2026-04-01T02:30"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("5,35 13-14 * 3 *", "2026-03-02T13:05"),
        (" 0  3 * * * ", "2026-03-03T03:00"),
    ],
)
def test_forms_of_the_five_fields(cron, first):
    assert times(cron, 1) == [datetime.fromisoformat(first).replace(tzinfo=UTC)]


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", DAYS),
        ("0", ["sun"]),
        ("7", ["sun"]),
        ("1", ["mon"]),
        ("6", ["sat"]),
        ("1-5", DAYS[:5]),
        ("5-7", ["fri", "sat", "sun"]),
        ("5-0", ["fri", "sat", "sun"]),
        ("0-2", ["mon", "tue", "sun"]),
        ("0-7", DAYS),
        ("*/2", ["tue", "thu", "sat", "sun"]),
        ("1-5/2", ["mon", "wed", "fri"]),
        ("0,3", ["wed", "sun"]),
        ("sun", ["sun"]),
        ("SUN", ["sun"]),
        ("sun-tue", ["mon", "tue", "sun"]),
        ("fri-sun", ["fri", "sat", "sun"]),
        ("mon,5", ["mon", "fri"]),
    ],
)
def test_weekdays_are_counted_as_crontab_does(field, days):
    found = {DAYS[when.weekday()] for when in times(f"0 2 * * {field}", 14)}
    assert found == set(days)


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("", r"expected five fields, such as '0 2 \* \* sun'"),
        ("* * * *", "expected five fields"),
        ("* * * * * *", "expected five fields"),
        ("@weekly", "expected five fields"),
        ("60 * * * *", r"schedule.cron is '60 \* \* \* \*': "),
        ("* 24 * * *", "schedule.cron is "),
        ("x * * * *", "schedule.cron is "),
        ("* * * * 8", "names the weekday '8': expected 0 to 7 or sun to sat"),
        ("* * * * someday", "names the weekday 'someday'"),
        ("* * * * 1-", "names the weekday '1-'"),
        ("* * * * ²", "names the weekday '²'"),
        ("* * * * 5-3", "names the weekdays '5-3': the first must not come after the last"),
        ("* * * * 1-5/0", "schedule.cron is "),
        ("* * * * */x", "schedule.cron is "),
        ("* * * * ,", "names the weekday ''"),
    ],
)
def test_other_forms_are_refused(cron, message):
    with pytest.raises(ConfigError, match=message):
        trigger(ScheduleConfig(cron=cron))


def test_time_is_that_of_the_zone_in_winter_and_summer():
    found = times("0 3 * * sun", 5, timezone="Europe/Berlin")
    assert [when.astimezone(UTC).hour for when in found] == [2, 2, 2, 1, 1]
    assert {when.hour for when in found} == {3}


def test_hour_that_a_clock_change_skips_still_runs_once_that_day():
    # 29 March 2026: 02:00 to 03:00 does not exist in Berlin
    found = times("30 2 * * *", 3, datetime(2026, 3, 27, 12, tzinfo=UTC), "Europe/Berlin")
    assert [when.astimezone(UTC).day for when in found] == [28, 29, 30]


def test_hour_that_a_clock_change_repeats_runs_each_time_it_comes():
    # 25 October 2026: 02:00 to 03:00 comes twice in Berlin
    found = times("30 2 * * *", 3, datetime(2026, 10, 23, 12, tzinfo=UTC), "Europe/Berlin")
    assert [when.astimezone(UTC).isoformat()[8:16] for when in found] == ["24T00:30", "25T00:30", "25T01:30"]


def test_next_time_is_never_now():
    sunday = datetime(2026, 3, 8, 2, tzinfo=UTC)
    assert next_time(ScheduleConfig(), sunday) == sunday + timedelta(days=7)


def test_date_that_never_comes_has_no_next_time():
    assert next_time(ScheduleConfig(cron="0 0 30 2 *"), MONDAY) is None
    assert not is_missed(ScheduleConfig(cron="0 0 30 2 *"), MONDAY, MONDAY + timedelta(days=900))


@pytest.mark.parametrize(
    ("last", "now", "missed"),
    [
        ("2026-03-02T12:00", "2026-03-08T01:59", False),
        ("2026-03-02T12:00", "2026-03-08T02:00", True),
        ("2026-03-02T12:00", "2026-05-01T00:00", True),
        ("2026-03-08T02:00", "2026-03-08T12:00", False),
        ("2026-03-08T02:00:01", "2026-03-15T01:00", False),
        ("2026-03-09T00:00", "2026-03-02T00:00", False),
    ],
)
def test_missed_is_what_went_by_since_the_last_look(last, now, missed):
    last, now = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last, now))
    assert is_missed(ScheduleConfig(), last, now) is missed
