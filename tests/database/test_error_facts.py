"""What errors know does not depend on the server, on the writing call, or on the way that the call has taken."""

from collections.abc import Awaitable, Callable
from datetime import date
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import JSON, ForeignKey, UniqueConstraint, select
from sqlalchemy import Enum as Choice
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import (
    CheckViolationError,
    DatabaseError,
    ForeignKeyViolationError,
    InvalidDataError,
    SaveError,
    UniqueViolationError,
    UsageError,
)
from activerow.mixins import AutoTableName, SoftDelete
from activerow.query import Query
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Member(Base):
    __table_args__ = (UniqueConstraint("street", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    street: Mapped[str]
    number: Mapped[int]


class Guest(SoftDelete, Base):
    __table_args__ = (SoftDelete.unique("email"), SoftDelete.unique("street", "number"))

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    street: Mapped[str]
    number: Mapped[int]


class Author(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    documents: Mapped[list["Document"]] = relationship(back_populates="author", passive_deletes="all")


class Document(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id", ondelete="RESTRICT"))
    author: Mapped[Author] = relationship(back_populates="documents")


class Mood(Enum):
    HAPPY = "happy"


class Diary(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood | None] = mapped_column(Choice(Mood, native_enum=False, length=10))
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    day: Mapped[date | None]


class Node(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    above_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    above: Mapped["Node | None"] = relationship(remote_side="Node.id")


_NAMES: Any = select(Author.__table__.c.id, Author.__table__.c.name).subquery("names")


class Name(Base):
    """What authors are called."""

    __table__ = _NAMES
    __mapper_args__ = {"primary_key": [_NAMES.c.id]}  # noqa: RUF012  # the form that SQLAlchemy documents
    id: Mapped[int]
    name: Mapped[str]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


# --- values that are taken ------------------------------------------------------------------------------------------

# MariaDB shows 64 letters of a key, and joins its parts by hyphens.
TAKEN = "eve-1"
LONG = "eve-1" * 20

WRITES: dict[str, Callable[[Any, dict[str, Any]], Awaitable[Any]]] = {
    "create": lambda model, row: model.create(row),
    "save": lambda model, row: model(**row).save(),
    "create_many": lambda model, row: model.create_many([row]),
    "query.update": lambda model, row: model.filter_by(id=2).update(**row),
}


async def _update(model: Any, row: dict[str, Any]) -> None:
    await (await model.get(2)).update(row)


@pytest.mark.parametrize("inside", [False, True], ids=["lone", "in a unit"])
@pytest.mark.parametrize("email", [TAKEN, LONG], ids=["short", "long"])
@pytest.mark.parametrize("model", [Member, Guest])
async def test_a_taken_value_is_in_the_error_as_it_was_given(
    db: Database, model: Any, email: str, inside: bool
) -> None:
    """Whatever the server repeats of it, and however the row is written; of a key of several columns too."""
    await model.create_many(
        [
            {"id": 1, "email": email, "street": "x-1", "number": 1},
            {"id": 2, "email": "bob", "street": "y", "number": 2},
        ]
    )
    keys: tuple[dict[str, Any], ...] = ({"email": email}, {"street": "x-1", "number": 1})

    for write in (*WRITES.values(), _update):
        for key in keys:
            with pytest.raises(UniqueViolationError) as caught:
                row = {"email": "new", "street": "z", "number": 3, **key}
                if inside:
                    async with db.transaction():
                        await write(model, row)
                else:
                    await write(model, row)
            assert (caught.value.columns, caught.value.values) == (tuple(key), key)


async def test_a_taken_value_of_one_of_many_rows_is_in_the_error(db: Database) -> None:
    """What the server says of it, without the column that MariaDB has beside the key."""
    await Guest.create(email=TAKEN, street="x", number=1)

    with pytest.raises(UniqueViolationError) as caught:
        await Guest.create_many({"email": email, "street": email, "number": 1} for email in ("a", TAKEN, "b"))

    assert caught.value.values == {"email": TAKEN}


# --- what cannot be written -----------------------------------------------------------------------------------------


async def test_a_row_that_refers_to_itself_says_what_to_do(db: Database) -> None:
    """SQLAlchemy can write neither row of a circle first, unless the relationship says so."""
    node = await Node.create(id=1)

    with pytest.raises(UsageError, match=r"rows of Node refer to each other.*post_update=True"):
        await node.update(above=node)

    await (await Node.get(1)).update(above_id=1)
    assert (await Node.get(1)).above_id == 1


async def test_rows_of_a_select_cannot_be_changed(db: Database) -> None:
    """A model may be mapped to a SELECT; it is read like any other."""
    await Author.create(id=1, name="Ada")

    assert await Name.query().pluck("name") == ["Ada"]
    with pytest.raises(UsageError, match="Name is mapped to a SELECT"):
        await Name.filter_by(id=1).update(name="x")
    with pytest.raises(UsageError, match="Name is mapped to a SELECT"):
        await Name.filter_by(id=1).delete()


# --- what the server alone can judge --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["name", "documents__title", "data__name"])
async def test_a_bad_regular_expression_is_invalid_data_of_its_column(db: Database, path: str) -> None:
    """Whatever the server says of it, and whose function finds it out; in conditions of writes, too."""
    author = await Author.create(id=1, name="Ada", data={"name": "Ada"})
    await Document.create(id=1, title="first", author=author)
    query = Author.filter_by({f"{path}__regex": "("})

    calls: list[Callable[[], Awaitable[Any]]] = [
        query.all,
        query.count,
        *([lambda: query.update(name="x")] if "documents" not in path else []),
    ]
    for call in calls:
        with pytest.raises(InvalidDataError, match="not a regular expression") as caught:
            await call()
        expected = ("Document", ("title",)) if "documents" in path else ("Author", (path.partition("__")[0],))
        assert (caught.value.model, caught.value.columns) == expected


TRIGGERS = {
    "sqlite": [
        """CREATE TRIGGER poor BEFORE INSERT ON authors WHEN NEW.name = 'Tom'
        BEGIN SELECT RAISE(ABORT, 'no Toms here'); END"""
    ],
    "postgresql": [
        """CREATE FUNCTION poor() RETURNS trigger AS $$ BEGIN IF NEW.name = 'Tom' THEN
        RAISE EXCEPTION 'no Toms here' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql""",
        "CREATE TRIGGER poor BEFORE INSERT ON authors FOR EACH ROW EXECUTE FUNCTION poor()",
    ],
    "mysql": [
        """CREATE TRIGGER poor BEFORE INSERT ON authors FOR EACH ROW BEGIN IF NEW.name = 'Tom' THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no Toms here'; END IF; END"""
    ],
}


async def _install(db: Database, backend: Backend, state: str) -> None:
    async with db.engine.begin() as connection:
        for statement in TRIGGERS[backend.dialect]:
            await connection.exec_driver_sql(statement.replace("{state}", state))


async def test_what_a_trigger_says_is_in_the_error(db: Database, backend: Backend) -> None:
    """Its own words are what the program can show."""
    await _install(db, backend, "P0001")

    for call in (lambda: Author.create(name="Tom"), lambda: Author.create_many([{"name": "Tom"}])):
        with pytest.raises(SaveError, match="no Toms here") as caught:
            await call()
        assert caught.value.reason == "no Toms here"

    assert await Author.query().count() == 0


@pytest.mark.backends("postgresql")
@pytest.mark.parametrize(("state", "kind"), [("23514", CheckViolationError), ("TM001", SaveError)])
async def test_a_function_may_choose_what_it_refuses_as(
    db: Database, backend: Backend, state: str, kind: type[SaveError]
) -> None:
    """A code of the server's means what it means elsewhere; one of the program's own is there to be read."""
    await _install(db, backend, state)

    with pytest.raises(SaveError) as caught:
        await Author.create(name="Tom")

    assert (type(caught.value), caught.value.sqlstate, caught.value.reason) == (kind, state, "no Toms here")


async def test_rows_that_restrict_a_deletion_are_named(db: Database) -> None:
    """`ondelete="RESTRICT"` is a foreign key like any other, on SQLite too, where a trigger carries it out."""
    author = await Author.create(id=1, name="Ada")
    await Document.create(id=1, title="first", author=author)
    fresh = await Author.get(1)

    for call in (fresh.delete, lambda: Author.filter_by(id=1).delete(), lambda: _deleted_in_unit(db)):
        with pytest.raises(ForeignKeyViolationError) as caught:
            await call()
        error = caught.value
        assert (error.model, error.referencing_model, error.on_delete) == ("Author", "Document", True)


async def _deleted_in_unit(db: Database) -> None:
    async with db.transaction():
        await (await Author.get(1)).delete()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "no JSON: NaN or an infinity"),
        ([-float("inf")], "no JSON: NaN or an infinity"),
        ({"a": {1, 2}}, "no JSON: Object of type set is not JSON serializable"),
        ({"a": "\ud800"}, "half of a surrogate pair, which is no character"),
    ],
    ids=["nan", "infinity", "set", "surrogate"],
)
async def test_what_json_does_not_have_is_invalid_data_of_its_column(db: Database, value: Any, reason: str) -> None:
    """SQLite would store it, and not read it; PostgreSQL and MariaDB refuse it each in their own way."""
    row = await Author.create(id=1, name="Ada", data={"smile": "\N{GRINNING FACE}"})

    async def save() -> None:
        row.data = value
        await row.save()

    async def save_in_unit() -> None:
        async with db.transaction():
            await Author(name="Tom", data=value).save()

    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: Author.create(name="Tom", data=value),
        lambda: Author.create_many([{"name": "Tom", "data": value}]),
        lambda: Author.filter_by(id=1).update(data=value),
        save,
        save_in_unit,
    ]
    for call in calls:
        with pytest.raises(InvalidDataError) as caught:
            await call()
        assert (caught.value.columns, caught.value.reason) == (("data",), reason)
    assert (await Author.get(1)).data == {"smile": "\N{GRINNING FACE}"}


BROKEN: dict[str, str] = {"mood": "'sad'", "data": "'{broken'", "day": "'yesterday'"}


@pytest.mark.parametrize("direct", [True, False])
async def test_what_a_type_cannot_read_names_its_column(
    make_database: MakeDatabase, backend: Backend, direct: bool
) -> None:
    """A word that the enum no longer has, and on SQLite, which stores anything, broken JSON and dates."""
    db = await make_database(Base, direct=direct)
    for column in BROKEN if backend.dialect == "sqlite" else ("mood",):
        async with db.engine.begin() as connection:
            await connection.exec_driver_sql("DELETE FROM diaries")
            await connection.exec_driver_sql(f"INSERT INTO diaries (id, {column}) VALUES (1, {BROKEN[column]})")
        await _cannot_be_read(db, column)


async def _cannot_be_read(db: Database, column: str) -> None:
    reads: list[Callable[[], Awaitable[Any]]] = [
        Diary.query().all,
        Diary.query().values,
        lambda: Diary.query().pluck(column),
        lambda: _streamed(Diary.query()),
        lambda: _read_in_unit(db),
    ]
    for read in reads:
        with pytest.raises(DatabaseError, match="is no value of the column's type") as caught:
            await read()
        assert (type(caught.value), caught.value.model, caught.value.columns) == (DatabaseError, "Diary", (column,))


async def _streamed(query: Query[Any]) -> list[Any]:
    return [row async for row in query.stream()]


async def _read_in_unit(db: Database) -> Any:
    async with db.transaction():
        return await Diary.get(1)
