"""Rows that count their versions without the mixin: an UPDATE of many of them makes a new version of each."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import StaleRecordError, UsageError
from activerow.mixins import AutoTableName, SoftDelete
from activerow.types import UTCDateTime
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


def versioned(generator: Callable[[Any], Any] | None) -> Any:
    """The mapper options of a model with a column `etag`."""

    def options(cls: Any) -> dict[str, Any]:
        made = {} if generator is None else {"version_id_generator": generator}
        return {"version_id_col": cls.etag, **made}

    return declared_attr.directive(options)


class Page:
    """What the models have in common."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))


class Random(Page, Base):
    """Gets another word with each change."""

    etag: Mapped[str] = mapped_column(String(32))
    __mapper_args__ = versioned(lambda _version: uuid.uuid4().hex)


class Moment(Page, SoftDelete, Base):
    """Knows when it was changed."""

    etag: Mapped[datetime] = mapped_column(UTCDateTime())
    __mapper_args__ = versioned(lambda _version: datetime.now(UTC))


class Counted(Page, Base):
    """Counts as SQLAlchemy does."""

    etag: Mapped[int] = mapped_column()
    __mapper_args__ = versioned(None)


class ByTens(Page, Base):
    """Counts in its own way."""

    etag: Mapped[int] = mapped_column()
    __mapper_args__ = versioned(lambda version: (version or 0) + 10)


class Lettered(Page, Base):
    """Makes a version from the one before."""

    etag: Mapped[str] = mapped_column(String(32))
    __mapper_args__ = versioned(lambda version: (version or "") + "x")


class Unnamed(Page, Base):
    """Cannot make a version without the one before."""

    etag: Mapped[str] = mapped_column(String(32))
    __mapper_args__ = versioned(lambda version: version + "x" if version is not None else 1 / 0)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


@pytest.mark.parametrize("model", [Random, Moment, Counted, ByTens])
async def test_an_update_of_many_rows_makes_a_new_version(db: Database, model: Any) -> None:
    """Who has read a row before is refused; rows that the unit holds show their new version, and can be saved."""
    before = await model.create(name="a")
    async with db.transaction():
        held = await model.get(before.id)
        await model.filter_by(name="a").update(name="b")
        assert held.etag != before.etag
        await held.update(name="c")

    with pytest.raises(StaleRecordError):
        await before.update(name="lost")
    assert (await model.get(before.id)).name == "c"


async def test_a_mark_is_a_change_too(db: Database) -> None:
    """The soft deletion of a query's rows makes a new version of them."""
    before = await Moment.create(name="a")

    await Moment.filter_by(name="a").delete()

    with pytest.raises(StaleRecordError):
        await before.update(name="lost")


@pytest.mark.parametrize("model", [Lettered, pytest.param(Unnamed, id="Unnamed")])
async def test_a_version_that_needs_the_one_before(db: Database, model: Any) -> None:
    """It cannot be made for rows that nobody has read: refused, and no version goes back to an older one."""
    if model is Lettered:
        await model.create(name="a")
    with pytest.raises(UsageError, match="needs the version before"):
        await model.filter_by(name="a").update(name="b")

    assert await model.filter_by(name="b").count() == 0
