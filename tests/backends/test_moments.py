"""Moments and durations are read back as they were written: the zone, and what is less than a second."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import TIMESTAMP, DateTime, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from activerow import ActiveRecord, Database
from activerow.errors import InvalidDataError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Own(TypeDecorator[dt.datetime]):
    """A type of the program's own."""

    impl = DateTime
    cache_ok = True


class Happening(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    zoned: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    stamp: Mapped[dt.datetime] = mapped_column(TIMESTAMP(timezone=True))
    naive: Mapped[dt.datetime]
    own: Mapped[dt.datetime] = mapped_column(Own)
    took: Mapped[dt.timedelta]
    clock: Mapped[dt.time]
    noted: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


NAIVE = dt.datetime.fromisoformat("2024-05-06T07:08:09.123456")
SEOUL = NAIVE.replace(tzinfo=dt.timezone(dt.timedelta(hours=9)))
STAMP = SEOUL.replace(microsecond=0)  # MySQL's TIMESTAMP
VALUES: dict[str, Any] = {
    "zoned": SEOUL,
    "stamp": STAMP,
    "naive": NAIVE,
    "own": NAIVE,
    "took": dt.timedelta(days=1, seconds=2, microseconds=345678),
    "clock": NAIVE.time(),
}


async def _update(row: dict[str, Any]) -> None:
    other = {name: value for name, value in VALUES.items() if name != "zoned"}
    await Happening.create(other, id=row["id"], zoned=dt.datetime.now(dt.UTC))
    await Happening.filter_by(id=row["id"]).update(zoned=SEOUL)


WAYS: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
    "create": Happening.create,
    "save": lambda row: Happening(**row).save(),
    "create_many": lambda row: Happening.create_many([row]),
    "upsert_many": lambda row: Happening.upsert_many([row]),
    "get_or_create": lambda row: Happening.get_or_create({"id": row["id"]}, row),
    "query.update": _update,
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_written_is_what_is_read(db: Database, way: str) -> None:
    """By the driver, in a session, as values; found again by the same moment in another zone, and in order."""
    await WAYS[way]({"id": 1, **VALUES})
    await Happening.create(VALUES, id=2, zoned=SEOUL + dt.timedelta(minutes=1))
    alone = await Happening.get(1)
    async with db.transaction():
        together = await Happening.get(1)
        assert together.to_dict() == alone.to_dict()

    assert alone.to_dict(only=list(VALUES)) == VALUES
    assert alone.zoned.utcoffset() is not None
    assert await Happening.filter_by(zoned=SEOUL.astimezone(dt.UTC)).pluck("id") == [1]
    assert await Happening.filter_by(zoned__gt=SEOUL).pluck("id") == [2]
    assert await Happening.query().max("zoned") == SEOUL + dt.timedelta(minutes=1)


async def test_the_servers_clock_is_read_as_utc(db: Database) -> None:
    """A default of the server's in a column with a zone is a moment like any other."""
    row = await Happening.create(VALUES)

    stored = await Happening.get(row.id)
    assert abs(stored.noted - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert row.noted == stored.noted


async def test_a_moment_without_a_zone_is_refused_where_the_column_has_one(db: Database) -> None:
    """Nobody can know which moment it means."""
    needed = r"Happening\.zoned .* a datetime with a time zone is needed"

    with pytest.raises(InvalidDataError, match=needed):
        await Happening.create(VALUES, zoned=NAIVE)
    with pytest.raises(InvalidDataError, match=needed):
        await Happening.filter_by(zoned__lt=NAIVE).all()
