"""Days, months and years as they are counted in a time zone, for the lookup `within`.

`created_at__within=day(date(2026, 11, 22), "Asia/Seoul")` compares moments with moments. So it needs no time zone
tables on the server, means the same on every backend, knows days of 23 and 25 hours, and an index serves it.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from activerow.errors import UsageError


class Period(NamedTuple):
    """From `start` on, up to and without `end`."""

    start: datetime
    end: datetime


def day(of: date, zone: tzinfo | str) -> Period:
    """The day `of`, from midnight to midnight in the zone."""
    return between_days(_date(of), _date(of) + timedelta(days=1), zone)


def month(year: int, month: int, zone: tzinfo | str) -> Period:
    """A month, from 1 to 12, as the zone counts it."""
    first = date(year, month, 1)
    return between_days(first, (first + timedelta(days=31)).replace(day=1), zone)


def year(year: int, zone: tzinfo | str) -> Period:
    """A year as the zone counts it."""
    return between_days(date(year, 1, 1), date(year + 1, 1, 1), zone)


def between_days(first: date, end: date, zone: tzinfo | str) -> Period:
    """From midnight of `first` up to midnight of `end`, which does not belong to it: weeks, quarters, any range.

    Raises:
        UsageError: `end` is not after `first`.
        zoneinfo.ZoneInfoNotFoundError: There is no such zone.
    """
    if _date(end) <= _date(first):
        raise UsageError(
            f"a period ends after it begins, and {end} is not after {first}; its end does not belong to it"
        )
    where = ZoneInfo(zone) if isinstance(zone, str) else zone
    return Period(_midnight(first, where), _midnight(end, where))


def _midnight(of: date, zone: tzinfo) -> datetime:
    # Where the clock skips midnight this is the moment it does so; where midnight comes twice, the first.
    return datetime.combine(of, time(), zone).astimezone(UTC)


def _date(of: date) -> date:
    if isinstance(of, datetime):
        raise UsageError("a day is a date, not a datetime: say whose day with moment.astimezone(zone).date()")
    return of
