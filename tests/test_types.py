"""UTCDateTime and the server's clock: the same moment on every backend."""

import datetime as dt
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, make_url, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow.database.failures.translation import translating
from activerow.errors import InvalidDataError
from activerow.types import UTCDateTime, utcnow
from tests.tools.backends.backend import Backend
from tests.tools.plain import plain_engine

SEOUL = ZoneInfo("Asia/Seoul")
MOMENT = datetime(2026, 11, 21, 21, 9, 0, 123456, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    made: Mapped[datetime] = mapped_column(UTCDateTime(), server_default=utcnow())


@pytest.fixture
async def engine(backend: Backend) -> AsyncIterator[AsyncEngine]:
    async with plain_engine(backend, Base.metadata) as engine:
        yield engine


async def stored(engine: AsyncEngine, at: datetime | None) -> datetime | None:
    """What comes back of a value."""
    async with AsyncSession(engine) as session:
        session.add(Event(id=1, at=at))
        await session.commit()
        return await session.scalar(select(Event.at).where(Event.id == 1))


@pytest.mark.parametrize(
    "at",
    [
        MOMENT,
        MOMENT.astimezone(SEOUL),
        MOMENT.astimezone(timezone(timedelta(hours=-3, minutes=-30))),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ],
)
async def test_a_moment_comes_back_equal_and_in_utc(engine: AsyncEngine, at: datetime) -> None:
    """To the microsecond, whatever the zone it was given in."""
    loaded = await stored(engine, at)

    assert loaded == at
    assert loaded is not None
    assert loaded.tzinfo is UTC


async def test_none_stays_none(engine: AsyncEngine) -> None:
    """No value is not a moment."""
    assert await stored(engine, None) is None


async def test_moments_of_different_zones_compare_and_sort_as_moments(engine: AsyncEngine) -> None:
    """08:00 in Seoul is before 00:30 in UTC, on text columns too."""
    early = datetime(2026, 1, 1, 8, 0, tzinfo=SEOUL)
    late = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)

    async with AsyncSession(engine) as session:
        session.add_all([Event(id=1, at=late), Event(id=2, at=early)])
        await session.commit()

        assert list(await session.scalars(select(Event.id).order_by(Event.at))) == [2, 1]
        assert list(await session.scalars(select(Event.id).where(Event.at < late.astimezone(SEOUL)))) == [2]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (datetime(2026, 1, 1), "time zone"),  # noqa: DTZ001
        ("2026-01-01", "not str"),
        (dt.date(2026, 1, 1), "not date"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "in UTC too"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "in UTC too"),
    ],
)
async def test_what_is_no_moment_is_refused(engine: AsyncEngine, value: object, reason: str) -> None:
    """Nobody knows which moment a naive datetime means, and no backend stores the year 0 or 10000."""
    async with AsyncSession(engine) as session:
        session.add(Event(at=value))

        with pytest.raises(InvalidDataError, match=reason), translating("insert", Event):
            await session.flush()


async def test_a_naive_datetime_in_a_condition_is_refused_too(engine: AsyncEngine) -> None:
    """A query that compares with one would compare with another moment."""
    statement = select(Event).where(Event.at > datetime(2026, 1, 1))  # noqa: DTZ001

    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidDataError, match="time zone"), translating("select", Event):
            await session.execute(statement)


async def test_the_server_clock_is_utc_in_any_session_time_zone(backend: Backend, engine: AsyncEngine) -> None:
    """A default of the server is the same moment as the program's clock, wherever the server thinks it is."""
    zone = {"postgresql": "SET TIME ZONE 'Asia/Seoul'", "mysql": "SET time_zone = '+09:00'"}.get(backend.dialect)

    async with AsyncSession(engine) as session:
        if zone:
            await session.execute(text(zone))
        before = datetime.now(UTC)
        await session.execute(insert(Event).values(id=1))
        after = datetime.now(UTC)
        made = await session.scalar(select(Event.made))

    # SQLite's clock has milliseconds.
    assert made is not None
    assert before - timedelta(milliseconds=1) <= made <= after


async def test_the_server_clock_can_be_asked(engine: AsyncEngine) -> None:
    """`utcnow()` is an expression like any other, and comes back as an aware datetime."""
    async with engine.connect() as connection:
        now = await connection.scalar(select(utcnow()))

    assert now is not None
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.backends("postgresql")
async def test_a_duration_is_added_to_a_moment(engine: AsyncEngine) -> None:
    """What is added is an interval, not another moment."""
    await stored(engine, MOMENT)

    async with AsyncSession(engine) as session:
        later = await session.scalar(select(Event.at + timedelta(hours=1)))

    assert later == MOMENT + timedelta(hours=1)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+asyncpg://", "TIMESTAMP WITH TIME ZONE"),
        ("mysql+asyncmy://", "DATETIME(6)"),
        ("mariadb+aiomysql://", "DATETIME(6)"),
        ("sqlite+aiosqlite://", "DATETIME"),
    ],
)
def test_the_column_type_of_each_backend(url: str, expected: str) -> None:
    """Microseconds everywhere, a time zone where the server has a type for it."""
    assert UTCDateTime().compile(dialect=make_url(url).get_dialect()()) == expected


def test_a_migration_can_write_the_type_down() -> None:
    """Its repr is the call that makes it."""
    assert repr(UTCDateTime()) == "UTCDateTime()"


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))  # noqa: DTZ001
def test_binding_and_loading_are_inverse(moment: datetime) -> None:
    """Every moment survives the way through a column without a time zone."""
    kind, dialect = UTCDateTime(), sqlite.dialect()

    bound = kind.process_bind_param(moment, dialect)

    assert bound is not None
    assert bound.tzinfo is None
    assert kind.process_result_value(bound, dialect) == moment.astimezone(UTC)
