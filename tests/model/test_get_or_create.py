"""`get_or_create` and `update_or_create`: a unique key decides, or the call is refused."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import UniqueViolationError, UnknownFieldError, UsageError
from activerow.mixins import AutoTableName, SoftDelete
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Reader(Base):
    """Found by an e-mail address, and not by a name."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(String(50), unique=True)
    name: Mapped[str | None] = mapped_column(String(50))


class Loan(Base):
    """One for each reader and title."""

    __table_args__ = (
        UniqueConstraint("reader_id", "title"),
        Index("uq_open_loans", "place", unique=True, postgresql_where=text("days > 0"), sqlite_where=text("days > 0")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id"))
    title: Mapped[str] = mapped_column(String(50))
    place: Mapped[int | None]
    days: Mapped[int] = mapped_column(default=14)
    reader: Mapped[Reader] = relationship()


class Card(SoftDelete, Base):
    """Its number can be used again once it is deleted."""

    __table_args__ = (SoftDelete.unique("number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """An empty library."""
    return await make_database(Base, pool_size=5)


@pytest.mark.parametrize("call", ["get_or_create", "update_or_create"])
async def test_without_a_unique_key_it_is_refused(db: Database, call: str) -> None:
    """Several callers at once would make a row each; the error lists the keys, and nothing is sent."""
    with statements(db) as sent:
        for unique in ({"name": "Tom"}, {}):
            with pytest.raises(UsageError, match=r"Reader has no unique key of .* \(it has id, email\)"):
                await getattr(Reader, call)(unique)
        with pytest.raises(UsageError, match=r"it has id, reader_id \+ title"):
            await getattr(Loan, call)({"title": "Ulysses"}, {"reader_id": 1})
        with pytest.raises(UnknownFieldError, match="did you mean 'email'"):
            await getattr(Reader, call)({"emial": "a"})

    assert sent == []


async def test_null_decides_nothing(db: Database) -> None:
    """A unique key takes any number of NULLs: such a row could be made again and again."""
    with pytest.raises(UsageError, match=r"NULL singles out no row of Reader.*\(email\)"):
        await Reader.get_or_create({"email": None}, {"name": "Tom"})

    assert await Reader.query().count() == 0


async def test_more_than_a_key_decides_too(db: Database) -> None:
    """Values that hold a whole key are enough; a row that differs in the others is in the way."""
    tom, made = await Reader.get_or_create({"email": "tom@x.org", "name": "Tom"})
    same, made_again = await Reader.get_or_create({"email": "tom@x.org", "name": "Tom"})

    assert (made, made_again, same.id) == (True, False, tom.id)
    with pytest.raises(UniqueViolationError):
        await Reader.get_or_create({"email": "tom@x.org", "name": "Tim"})


async def test_a_relation_stands_for_its_columns(db: Database) -> None:
    """A row given for a relation is its foreign key; callers at once make one row."""
    tom = await Reader.create(email="tom@x.org")
    unique = {"reader": tom, "title": "Ulysses"}

    answers = await asyncio.gather(*(Loan.get_or_create(unique, {"days": n}) for n in range(5)))

    assert sum(made for _, made in answers) == 1
    assert len({loan.id for loan, _ in answers}) == await Loan.query().count() == 1


async def test_a_key_of_a_part_of_the_rows(db: Database) -> None:
    """The key of the rows that are not deleted decides; one of some other part does not, where the server has such."""
    card, _ = await Card.get_or_create({"number": 1})
    await card.delete()
    other, made = await Card.get_or_create({"number": 1})
    assert (made, other.id != card.id) == (True, True)

    if db.dialect == "mysql":
        assert (await Loan.get_or_create({"place": 1}, {"reader": await Reader.create(), "title": "a"}))[1]
    else:
        with pytest.raises(UsageError, match="no unique key of place"):
            await Loan.get_or_create({"place": 1}, {"title": "a"})


@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
async def test_update_or_create_may_change_the_key(db: Database, there: bool) -> None:
    """Found by one value and given another, the row ends with the second one, whether it was there or not."""
    if there:
        await Reader.create(email="old@x.org")

    row, made = await Reader.update_or_create({"email": "old@x.org"}, {"email": "new@x.org"})

    assert (made, row.email) == (not there, "new@x.org")
    assert await Reader.query().pluck("email") == ["new@x.org"]


@pytest.mark.parametrize("call", ["get_or_create", "update_or_create"])
async def test_two_values_for_one_name(db: Database, call: str) -> None:
    """No value is dropped: `get_or_create` changes nothing, and nobody changes a primary key."""
    with pytest.raises(UsageError, match=r"Reader.id is given two values"):
        await getattr(Reader, call)({"id": 1}, {"id": 2})
    with pytest.raises(UsageError, match=r"Reader.email is given two values"):
        await Reader.get_or_create({"email": "a"}, {"email": "b"})

    assert await Reader.query().count() == 0


async def test_the_same_value_twice(db: Database) -> None:
    """What the defaults repeat of the key is no change: a body can be given as it is."""
    body: dict[str, Any] = {"id": 1, "email": "a@x.org", "name": "A"}
    await Reader.update_or_create({"id": 1}, body)

    row, made = await Reader.update_or_create({"id": 1}, {**body, "name": "B"})

    assert (made, row.name, row.email) == (False, "B", "a@x.org")
