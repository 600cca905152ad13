"""Days, months and years of a time zone, and the lookup `within`."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activerow import Database
from activerow.errors import InvalidDataError, UnknownLookupError, UsageError
from activerow.periods import between_days, day, month, year
from tests.models.blog import Base, User
from tests.tools.backends.active import MakeDatabase

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """One author seen at each hour around midnight in Seoul of 22 November 2026, which is 15:00 in UTC."""
    db = await make_database(Base)
    midnight = datetime(2026, 11, 21, 15, tzinfo=UTC)
    async with db.transaction():
        for id_, hours in enumerate([-1, 0, 23, 24], start=1):
            await User.create(id=id_, email=f"{id_}@x.org", seen_at=midnight + timedelta(hours=hours))
        await User.create(id=5, email="5@x.org", seen_at=midnight + timedelta(hours=24, microseconds=-1))
        await User.create(id=6, email="6@x.org")
    return db


async def test_a_day_in_a_zone_finds_its_moments(db: Database) -> None:
    """From its first moment up to, and without, the first of the next; in UTC the day is another."""
    in_seoul = User.filter_by(seen_at__within=day(date(2026, 11, 22), "Asia/Seoul"))

    assert await in_seoul.order_by("id").pluck("id") == [2, 3, 5]
    assert await User.filter_by(seen_at__date=date(2026, 11, 22)).order_by("id").pluck("id") == [3, 4, 5]
    assert await User.filter_by(seen_at__within=month(2026, 11, SEOUL)).count() == 5
    assert await User.filter_by(seen_at__within=year(2025, SEOUL)).count() == 0
    weekend = between_days(date(2026, 11, 21), date(2026, 11, 23), SEOUL)
    assert await User.filter_by(seen_at__within=weekend).count() == 4


@pytest.mark.parametrize(
    ("when", "zone", "hours"),
    [
        (date(2026, 11, 22), "Asia/Seoul", 24),
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2018, 11, 4), "America/Sao_Paulo", 23),  # there was no midnight
        (date(2026, 11, 1), "America/Havana", 25),  # midnight came twice
    ],
)
def test_days_are_as_long_as_the_zone_says(when: date, zone: str, hours: int) -> None:
    """Also where the clock is put forward or back, at midnight itself too."""
    start, end = day(when, zone)

    assert end - start == timedelta(hours=hours)
    assert start.astimezone(ZoneInfo(zone)).date() == when
    assert (start - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() == when - timedelta(days=1)


@given(st.dates(date(2, 1, 1), date(9998, 12, 30)), st.sampled_from(["UTC", "Asia/Seoul", "America/New_York"]))
def test_periods_follow_each_other(when: date, zone: str) -> None:
    """Each one ends where the next begins."""
    tomorrow = when + timedelta(days=1)

    assert day(when, zone).end == day(tomorrow, zone).start
    assert year(when.year, zone).end == year(when.year + 1, zone).start == month(when.year + 1, 1, zone).start
    assert month(when.year, 12, zone).end == year(when.year, zone).end


def test_wrong_periods_are_refused() -> None:
    """A moment has no day without a zone; an end comes after its beginning; `within` is for moments."""
    with pytest.raises(UsageError, match="astimezone"):
        day(datetime(2026, 11, 22, tzinfo=UTC), SEOUL)
    with pytest.raises(UsageError, match="not after"):
        between_days(date(2026, 1, 2), date(2026, 1, 2), SEOUL)
    with pytest.raises(UnknownLookupError):
        User.filter_by(born__within=day(date(2026, 11, 22), SEOUL))
    with pytest.raises(UsageError, match="two values"):
        User.filter_by(seen_at__within=date(2026, 11, 22))
    with pytest.raises(InvalidDataError):
        User.filter_by(seen_at__within=(datetime(2026, 1, 1), datetime(2026, 1, 2)))  # noqa: DTZ001


async def test_minutes(db: Database) -> None:
    """The minute is a part of a moment as the hour is."""
    assert await User.filter_by(seen_at__hour=14, seen_at__minute=59).pluck("id") == [5]
