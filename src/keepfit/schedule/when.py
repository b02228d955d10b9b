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
    """Replace crontab's weekday numbers (0 and 7 are Sunday) by names; a range over Sunday becomes a list."""
    return ",".join(_named_part(part) for part in field.lower().split(","))


def _named_part(part: str) -> str:
    days, slash, step = part.partition("/")
    first, dash, last = days.partition("-")
    if not (first.isdigit() and (not dash or last.isdigit())):
        return part
    numbers = range(int(first), int(last if dash else first) + 1, int(step) if slash and step.isdigit() else 1)
    if not numbers or numbers[-1] >= len(_WEEKDAYS):
        raise ConfigError(f"schedule.cron names the weekday {part!r}: expected 0 to 7 or sun to sat")
    return ",".join(dict.fromkeys(_WEEKDAYS[number] for number in numbers))
