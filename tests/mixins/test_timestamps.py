"""A new row was last changed when it was made, however it is written."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName, Timestamps
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Note(Timestamps, Base):
    """A row with both moments."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(20))


async def _added(db: Database) -> None:
    async with db.transaction() as session:
        session.add_all([Note(text="new"), Note(text="other")])


WAYS: Final[dict[str, Callable[[Database], Awaitable[Any]]]] = {
    "create": lambda _: Note.create(text="new"),
    "save": lambda _: Note(text="new").save(),
    "get_or_create": lambda _: Note.get_or_create({"id": 1}, {"text": "new"}),
    "create_many": lambda _: Note.create_many([{"text": "new"}, {"text": "other"}]),
    "upsert_many": lambda _: Note.upsert_many([{"id": 1, "text": "new"}], by="id"),
    "session.add_all": _added,
}


@pytest.fixture(params=[True, False], ids=["direct", "by a session"])
async def db(make_database: MakeDatabase, request: pytest.FixtureRequest) -> Database:
    """No rows yet."""
    return await make_database(Base, direct=request.param)


@pytest.mark.parametrize("way", WAYS)
async def test_both_moments_of_a_new_row_are_one(db: Database, way: str) -> None:
    """In memory and in the database."""
    made = await WAYS[way](db)

    rows = await Note.query().all()
    assert rows
    assert {row.created_at == row.updated_at for row in rows} == {True}
    if isinstance(made, Note):
        assert made.created_at == made.updated_at == rows[0].created_at


async def test_a_moment_that_is_given_counts(db: Database) -> None:
    """A row that is brought along from elsewhere; and a change moves the second alone."""
    moment = datetime(2020, 1, 2, tzinfo=UTC)

    row = await Note.create(text="old", created_at=moment)
    assert (row.created_at, row.updated_at) == (moment, moment)
    await row.update(text="changed")
    stored = await Note.get(row.id)

    assert stored.created_at == moment
    assert stored.updated_at == row.updated_at > moment
    assert db.url is not None
