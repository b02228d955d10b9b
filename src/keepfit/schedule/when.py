"""The times of the schedule. Pure: times in, times out."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from keepfit.config import ScheduleConfig
from keepfit.errors import ConfigError

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def trigger(config: ScheduleConfig) -> CronTrigger:
    """The schedule's times; raises ConfigError if cron cannot be read.

    Numbers of weekdays count from Sunday as in crontab(5), where APScheduler would count from Monday.
    """
    fields = config.cron.split()
    if len(fields) != 5:
        raise ConfigError(f"schedule.cron is {config.cron!r}: expected five fields, such as '0 2 * * sun'")
    minute, hour, day, month, weekday = fields
    try:
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_named_weekdays(weekday),
            timezone=ZoneInfo(config.timezone),
        )
    except ValueError as error:
        raise ConfigError(f"schedule.cron is {config.cron!r}: {error}") from error


def next_time(config: ScheduleConfig, after: datetime) -> datetime | None:
    """The first time of the schedule after `after`, in the schedule's zone; None if there is none."""
    found: datetime | None = trigger(config).get_next_fire_time(None, after + timedelta(microseconds=1))
    return found


def is_missed(config: ScheduleConfig, last: datetime, now: datetime) -> bool:
    """Whether a time of the schedule went by between `last`, when somebody last looked, and `now`."""
    due = next_time(config, last)
    return due is not None and due <= now


def _named_weekdays(field: str) -> str:
    """Replace crontab's weekdays (0 and 7 are Sunday) by lists of names, which APScheduler reads alike."""
    return ",".join(_named_part(part) for part in field.lower().split(","))


def _named_part(part: str) -> str:
    days, slash, step = part.partition("/")
    if days == "*" and not slash:
        return "*"
    first, dash, last = ("0", "-", "6") if days == "*" else days.partition("-")
    start = _weekday(first, part)
    end = _weekday(last, part) if dash else start
    end = 7 if dash and end == 0 else end  # fri-sun
    numbers = range(start, end + 1, int(step) if slash else 1)
    if not numbers:
        raise ConfigError(f"schedule.cron names the weekdays {part!r}: the first must not come after the last")
    return ",".join(dict.fromkeys(_WEEKDAYS[number] for number in numbers))


def _weekday(text: str, part: str) -> int:
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if text in "01234567" and len(text) == 1:
        return int(text)
    raise ConfigError(f"schedule.cron names the weekday {part!r}: expected 0 to 7 or sun to sat")
