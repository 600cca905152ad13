"""A server of another kind needs one object: tried with one that PostgreSQL plays under another name.

CockroachDB is like that: PostgreSQL's protocol and drivers, a dialect of another name, and differences here and there.
"""

from dataclasses import replace
from typing import Any, Final

import pytest
from sqlalchemy import JSON, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.backends import known
from activerow.backends.postgresql import POSTGRESQL
from activerow.errors import UniqueViolationError, UsageError
from activerow.mixins import AutoTableName, Timestamps
from activerow.testing import rolled_back
from tests.tools.backends.active import MakeDatabase

OTHER: Final = replace(
    POSTGRESQL,
    name="other",
    title="Other",
    dialects=("other",),
    aliases=("another",),
    drivers=("asyncpg",),
    copies=False,
    measures=False,
)


class OtherDialect(PGDialect_asyncpg):
    """What its makers would give to SQLAlchemy."""

    name = "other"
    supports_statement_cache = True


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Note(Timestamps, Base):
    """Has something for every kind of SQL."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)
    stars: Mapped[int | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


pytestmark = pytest.mark.backends("asyncpg")


@pytest.fixture
async def db(make_database: MakeDatabase, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database on the other server, with three notes."""
    monkeypatch.setitem(registry.impls, "other.asyncpg", lambda: OtherDialect)
    for name in OTHER.dialects + OTHER.aliases:
        monkeypatch.setitem(known.BY_NAME, name, OTHER)
    url = make_url(database_url).set(drivername="another").render_as_string(hide_password=False)
    db = await make_database(Base, url=url)
    notes: list[tuple[str, int | None, dict[str, Any]]] = [
        ("a", 1, {"tags": ["x", 7]}),
        ("B", None, {"size": 2.5}),
        ("c", 3, {}),
    ]
    await Note.create_many([{"title": title, "stars": count, "data": data} for title, count, data in notes])
    return db


async def titles(**lookups: object) -> list[str]:
    """Which notes are found."""
    return await Note.filter_by(lookups).order_by("title").pluck("title")


async def test_lookups(db: Database) -> None:
    """Of text, of moments and of what stands in documents."""
    year = (await Note.filter_by(title="a").one()).created_at.year

    assert await titles(title__startswith="b") == []
    assert await titles(title__istartswith="b") == await titles(title__iexact="b") == ["B"]
    assert await titles(title__regex="^[ac]$", created_at__year=year) == ["a", "c"]
    assert await titles(data__tags__contains="x", data__tags__1=7) == ["a"]
    assert await titles(data__size__gt=2) == ["B"]


async def test_pages(db: Database) -> None:
    """NULL stands where the server sorts it."""
    first = await Note.order_by("-stars").after(size=2)
    second = await Note.order_by("-stars").after(first.next, size=2)

    assert [note.title for note in (*first.items, *second.items)] == ["B", "c", "a"]


async def test_writes(db: Database) -> None:
    """Errors are read, rows are met again, and many are written without COPY."""
    with pytest.raises(UniqueViolationError) as refused:
        await Note.create(title="a")
    await Note.upsert_many([{"title": "a", "stars": 9}, {"title": "d", "stars": 9}], by="title")
    await Note.create_many({"title": f"n{number}"} for number in range(500))
    changed = await Note.order_by("-id").limit(2).update(stars=0)

    assert refused.value.columns == ("title",)
    assert await titles(stars=9) == ["a", "d"]
    assert (changed, await Note.query().count()) == (2, 504)


async def test_units(db: Database) -> None:
    """Streams, read-only transactions and the transaction of a test."""
    async with rolled_back(db):
        await Note.query().delete(all_rows=True)
        assert not await Note.query().exists()

    assert [note.title async for note in Note.order_by("id").stream(batch=1)] == ["a", "B", "c"]
    with pytest.raises(UsageError, match="read-only"):
        async with db.transaction(read_only=True):
            await Note.create(title="d")


async def test_its_own_words(db: Database) -> None:
    """Messages name it, and what it cannot do is refused."""
    assert db.dialect == "other"
    assert "notes" in await Note.query().explain()
    with pytest.raises(UsageError, match="Other only plans"):
        await Note.query().explain(analyze=True)
