"""Existing models become active records by one more parent, whichever way they are mapped."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, String, Table
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import (
    DeclarativeBase,
    DeclarativeBaseNoMeta,
    Mapped,
    MappedAsDataclass,
    declarative_base,
    mapped_column,
    registry,
    relationship,
)

from activerow import ActiveRecord, Database
from activerow.errors import NotLoadedError, RecordNotFoundError, ReservedNameError, UsageError
from tests.tools.backends.active import MakeDatabase

Model = Any
"""The models are made in functions; no checker can follow them there."""


class Columns:
    """What the models of this page have."""

    __tablename__ = "members"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str | None] = mapped_column(String(50))


def beside_the_declarative_base() -> tuple[Any, Model]:
    """The one line: `ActiveRecord` in front of `DeclarativeBase`."""

    class Base(ActiveRecord, DeclarativeBase): ...

    class Member(Columns, Base): ...

    return Base, Member


def behind_the_declarative_base() -> tuple[Any, Model]:
    """The order of the parents does not matter."""

    class Base(DeclarativeBase, ActiveRecord): ...

    class Member(Columns, Base): ...

    return Base, Member


def below_a_base_that_is_not_ours() -> tuple[Any, Model]:
    """An abstract class between a base that must stay as it is and its models."""

    class Theirs(DeclarativeBase): ...

    class Base(ActiveRecord, Theirs):
        __abstract__ = True

    class Member(Columns, Base): ...

    return Base, Member


def one_model_alone() -> tuple[Any, Model]:
    """A single model of a base whose other models stay plain."""

    class Theirs(DeclarativeBase): ...

    class Member(ActiveRecord, Columns, Theirs): ...

    return Member, Member


def without_a_metaclass() -> tuple[Any, Model]:
    """`DeclarativeBaseNoMeta`."""

    class Base(ActiveRecord, DeclarativeBaseNoMeta): ...

    class Member(Columns, Base): ...

    return Base, Member


def with_awaitable_attributes() -> tuple[Any, Model]:
    """`AsyncAttrs` on the same base."""

    class Base(AsyncAttrs, ActiveRecord, DeclarativeBase): ...

    class Member(Columns, Base): ...

    return Base, Member


def by_the_old_function() -> tuple[Any, Model]:
    """`declarative_base(cls=ActiveRecord)`, with plain columns."""
    base: Any = declarative_base(cls=ActiveRecord)

    class Member(base):  # type: ignore[misc]  # made by a function
        __tablename__ = "members"
        id = Column(Integer, primary_key=True)
        email = Column(String(50), unique=True)
        name = Column(String(50))

    return base, Member


def by_a_decorator() -> tuple[Any, Model]:
    """`@registry.mapped`; `metadata` tells `create_all` where the tables are."""
    known = registry()

    class Base(ActiveRecord):
        metadata = known.metadata

    @known.mapped
    class Member(Columns, Base): ...

    return Base, Member


def imperatively() -> tuple[Any, Model]:
    """`registry.map_imperatively`, with a constructor of the class's own."""
    known = registry()
    table = Table(
        "members",
        known.metadata,
        Column("id", Integer, primary_key=True),
        Column("email", String(50), unique=True),
        Column("name", String(50)),
    )

    class Member(ActiveRecord):
        metadata = known.metadata

        def __init__(self, email: str, name: str | None = None) -> None:
            self.email = email
            self.name = name

    known.map_imperatively(Member, table)
    return Member, Member


def as_dataclasses() -> tuple[Any, Model]:
    """`MappedAsDataclass`, with fields that the constructor does not take."""

    class Base(ActiveRecord, MappedAsDataclass, DeclarativeBase, kw_only=True): ...

    class Member(Base):
        __tablename__ = "members"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        email: Mapped[str] = mapped_column(String(50), unique=True)
        name: Mapped[str | None] = mapped_column(String(50), default_factory=lambda: None)
        note: Mapped[str] = mapped_column(String(50), init=False, insert_default="-")

    return Base, Member


def as_dataclasses_by_a_decorator() -> tuple[Any, Model]:
    """`@registry.mapped_as_dataclass`."""
    known = registry()

    class Base(ActiveRecord):
        metadata = known.metadata

    @known.mapped_as_dataclass
    class Member(Base):
        __tablename__ = "members"
        id: Mapped[int] = mapped_column(init=False, primary_key=True)
        email: Mapped[str] = mapped_column(String(50), unique=True)
        name: Mapped[str | None] = mapped_column(String(50), default=None)

    return Base, Member


def with_another_constructor() -> tuple[Any, Model]:
    """A base whose registry brings a constructor."""

    def construct(self: Any, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    class Base(ActiveRecord, DeclarativeBase):
        registry = registry(constructor=construct)

    class Member(Columns, Base): ...

    return Base, Member


BASES = [
    beside_the_declarative_base,
    behind_the_declarative_base,
    below_a_base_that_is_not_ours,
    one_model_alone,
    without_a_metaclass,
    with_awaitable_attributes,
    by_the_old_function,
    by_a_decorator,
    imperatively,
    as_dataclasses,
    as_dataclasses_by_a_decorator,
    with_another_constructor,
]


@pytest.mark.parametrize("made", BASES, ids=lambda made: made.__name__)
async def test_a_row_lives_its_life(made: Callable[[], tuple[Any, Model]], make_database: MakeDatabase) -> None:
    """Made, found, changed, read again, saved and deleted."""
    base, member = made()
    await make_database(base)

    ada = await member.create(email="ada@example.com", name="Ada")
    assert repr(ada) == f"<Member id={ada.id}>"
    found = await member.get(email="ada@example.com")
    assert await found.update(name="Lovelace") is found
    assert await found.update(name="Lovelace") is None
    await ada.refresh()
    assert ada.to_dict(only=["email", "name"]) == {"email": "ada@example.com", "name": "Lovelace"}
    ada.name = "Byron"
    assert (await ada.save()).changes() == {}
    await ada.delete()
    with pytest.raises(RecordNotFoundError):
        await found.refresh()


@pytest.mark.parametrize("made", BASES, ids=lambda made: made.__name__)
async def test_rows_are_found_or_made(made: Callable[[], tuple[Any, Model]], make_database: MakeDatabase) -> None:
    """The combined calls, alone and in a transaction; an undone row is new again."""
    base, member = made()
    db = await make_database(base)

    ada, was_made = await member.get_or_create({"email": "ada@example.com"}, {"name": "Ada"})
    same, was_made_again = await member.update_or_create({"email": "ada@example.com"}, {"name": "Lovelace"})
    async with db.transaction():
        new = member(email="new@example.com")
        assert repr(new) == "<Member new>"
        await new.save()
        inside = await member.filter_by(email__startswith="new").one()
        db.rollback_only()

    assert (was_made, was_made_again, same.id, same.name) == (True, False, ada.id, "Lovelace")
    assert inside is new
    assert repr(new) == "<Member new>"
    assert await member.query().pluck("email") == ["ada@example.com"]
    assert member.fields.columns[:3] == ("id", "email", "name")


# --- tables that are there already ----------------------------------------------------------------------------------


class Tables(DeclarativeBase):
    """What somebody else has created."""


Table(
    "authors",
    Tables.metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), nullable=False, unique=True),
)
Table("oddities", Tables.metadata, Column("id", Integer, primary_key=True), Column("query", String(50)))


@pytest.fixture
async def there(make_database: MakeDatabase) -> Database:
    """A database with tables and no models."""
    return await make_database(Tables)


async def test_automap(there: Database) -> None:
    """Classes made from the tables themselves, with the columns that clash given another name by a class."""
    base: Any = automap_base(cls=ActiveRecord)

    class Oddity(base):  # type: ignore[misc]  # made by a function
        __tablename__ = "oddities"
        query_ = Column("query", String(50))

    async with there.engine.connect() as connection:
        await connection.run_sync(lambda sync: base.prepare(autoload_with=sync))
    there.bind(base)

    author = await base.classes.authors.create(name="Ada")
    odd = await Oddity.create(query_="why")

    assert (await base.classes.authors.filter_by(name="Ada").one()).id == author.id
    assert (await Oddity.filter_by(query_="why").one()).id == odd.id


async def test_automap_refuses_a_column_that_hides_a_method(there: Database) -> None:
    """A table is as it is, and the error says what to do."""
    base: Any = automap_base(cls=ActiveRecord)

    with pytest.raises(ReservedNameError, match=r"query_: Mapped\[...\] = mapped_column\(\"query\"\)"):
        async with there.engine.connect() as connection:
            await connection.run_sync(lambda sync: base.prepare(autoload_with=sync))


async def test_deferred_reflection(there: Database) -> None:
    """Classes that get their columns later."""

    class Base(ActiveRecord, DeferredReflection, DeclarativeBase): ...

    class Author(Base):
        __tablename__ = "authors"

    async with there.engine.connect() as connection:
        await connection.run_sync(lambda sync: Base.prepare(bind=sync))
    there.bind(Base)

    ada: Any = await Author.create(name="Ada")
    await ada.update(name="Lovelace")

    assert await Author.query().values("id", "name") == [{"id": ada.id, "name": "Lovelace"}]


async def test_reflected_tables(there: Database) -> None:
    """Classes on tables that were reflected into the metadata."""

    class Base(ActiveRecord, DeclarativeBase): ...

    async with there.engine.connect() as connection:
        await connection.run_sync(Base.metadata.reflect)

    class Author(Base):
        __table__ = Base.metadata.tables["authors"]

    there.bind(Base)

    ada: Any = await Author.create(name="Ada")
    assert (await Author.get(name="Ada")) is not ada
    await ada.delete()
    assert not await Author.query().exists()


# --- what is refused ------------------------------------------------------------------------------------------------


def test_an_imperative_mapping_cannot_hide_a_method() -> None:
    """Reserved names are refused where the class body shows nothing."""
    known = registry()
    table = Table("refused", known.metadata, Column("id", Integer, primary_key=True), Column("load", Integer))

    class Refused(ActiveRecord): ...

    with pytest.raises(ReservedNameError, match=r"Refused\.load cannot be mapped"):
        known.map_imperatively(Refused, table)


def test_a_back_reference_cannot_hide_a_method() -> None:
    """A `backref` adds its name to the other model only when mappers are configured."""

    class Base(ActiveRecord, DeclarativeBase): ...

    class Parent(Base):
        __tablename__ = "parents"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Child(Base):  # pyright: ignore[reportUnusedClass]  # what it adds to the other counts
        __tablename__ = "children"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
        parent: Mapped[Parent] = relationship(backref="fields")

    with pytest.raises(ReservedNameError, match=r"Parent\.fields cannot be mapped"):
        Base.registry.configure()
    Base.registry.dispose()


def test_a_class_without_a_table_says_so() -> None:
    """A base, or a class that somebody forgot to map, has methods, but nothing to ask."""

    class Base(ActiveRecord, DeclarativeBase): ...

    with pytest.raises(UsageError, match="Base is not mapped to a table"):
        Base.filter_by(id=1)
    assert not hasattr(Base, "fields")  # tools that walk attributes meet no other error


# --- what is particular ---------------------------------------------------------------------------------------------


async def test_a_dataclass_base_in_any_order_has_our_repr(make_database: MakeDatabase) -> None:
    """A dataclass's own would read every relation, loaded or not; one that the program wrote stays."""

    class Base(MappedAsDataclass, ActiveRecord, DeclarativeBase): ...

    class Team(Base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        members: Mapped[list["Player"]] = relationship(back_populates="team", default_factory=list)

    class Player(Base):
        __tablename__ = "players"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), default=None)
        team: Mapped[Team | None] = relationship(back_populates="members", default=None)

        def __repr__(self) -> str:
            return "a player"

    await make_database(Base)
    team = await Team.create()
    found = await Team.get(team.id)
    assert repr(found) == f"<Team id={team.id}>"
    assert (repr(Team()), repr(Player())) == ("<Team new>", "a player")


async def test_awaitable_attributes_load_inside_a_unit(make_database: MakeDatabase) -> None:
    """Outside of one they have no session to load with, and `load` does it."""

    class Base(AsyncAttrs, ActiveRecord, DeclarativeBase): ...

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
        children: Mapped[list["Node"]] = relationship()

    db = await make_database(Base)
    await Node.create(id=1)
    await Node.create(id=2, parent_id=1)

    async with db.transaction():
        inside = await Node.get(1)
        assert [node.id for node in await inside.awaitable_attrs.children] == [2]
    fresh = await Node.get(1)
    with pytest.raises(NotLoadedError):
        _ = fresh.children
    await fresh.load("children")
    assert [node.id for node in fresh.children] == [2]


async def test_two_bases_with_models_of_one_name(make_database: MakeDatabase) -> None:
    """Each base has its Database; a unit of one is not a unit of the other."""
    (first, member), (second, other_member) = beside_the_declarative_base(), as_dataclasses()
    db, other = await make_database(first), await make_database(second)

    async with db.transaction():
        await member.create(email="one@example.com")
        async with other.transaction():
            await other_member.create(email="two@example.com")
            await member.create(email="three@example.com")
        db.rollback_only()

    assert await member.query().count() == 0
    assert await other_member.query().pluck("email") == ["two@example.com"]
