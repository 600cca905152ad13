"""`ActiveRecord`: what a declarative base gains by one line, and what its models may be."""

import pickle
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import Dialect, ForeignKey, Integer, MetaData, String, Text, inspect, literal, text
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    column_property,
    declared_attr,
    deferred,
    mapped_column,
    registry,
    relationship,
    synonym,
)
from sqlalchemy.schema import CreateTable

from activerow import ActiveRecord, Database
from activerow.errors import NotBoundError, NotLoadedError, ReservedNameError, UnknownFieldError
from activerow.mixins import AutoTableName, Timestamps
from tests.models.bookshop import Author, sent
from tests.models.bookshop import Base as Bookshop
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Models of every kind."""


class Staff(Base):
    """The parent of a joined and of a single-table child."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "staff"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(20))


class Manager(Staff):
    """Has a table of its own."""

    __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(ForeignKey("staffs.id"), primary_key=True)
    bonus: Mapped[int] = mapped_column(server_default=text("3"))


class Clerk(Staff):
    """Lives in its parent's table."""

    __mapper_args__ = {"polymorphic_identity": "clerk"}  # noqa: RUF012  # the form that SQLAlchemy documents

    desk: Mapped[str | None] = mapped_column(use_existing_column=True)


class Told(Base):
    """Shows more than its key."""

    __repr_attrs__ = ("name", "text")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    text: Mapped[str | None] = deferred(mapped_column(String(20)))


class Stamped(Timestamps, Base):
    """Has the columns of a mixin."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))


class Page(Base):
    """Has a column that is not loaded with the others."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = deferred(mapped_column(Text))


class Data(ActiveRecord, AutoTableName, MappedAsDataclass, DeclarativeBase):
    """Models that are dataclasses."""


class Point(Data):
    """A dataclass with fields of every kind."""

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    x: Mapped[int]
    y: Mapped[int] = mapped_column(default=5)
    key: Mapped[uuid.UUID] = mapped_column(default_factory=uuid.uuid4, kw_only=True)
    note: Mapped[str | None] = mapped_column(default=None, init=False)
    marks: Mapped[list["Mark"]] = relationship(default_factory=list, back_populates="point")


class Mark(Data):
    """Refers to a point."""

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    point_id: Mapped[int] = mapped_column(ForeignKey("points.id"), init=False)
    point: Mapped[Point] = relationship(back_populates="marks")


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_model_gets_at_most_twenty_one_public_names() -> None:
    """So that columns can be called `count`, `title`, `id`, `values` or `name`."""
    names = {name for name in dir(ActiveRecord) if not name.startswith("_")}

    assert len(names) <= 21
    assert not names & {"count", "title", "name", "values", "first", "all", "exists", "id", "status", "key", "data"}


@pytest.mark.parametrize("name", ["query", "update", "fields", "session", "auto_commit", "refresh", "defaults", "get"])
@pytest.mark.parametrize("how", ["annotation", "column", "relation", "property", "synonym"])
def test_a_mapped_name_that_hides_one_of_ours_is_refused(name: str, how: str) -> None:
    """The class is not made, and the error prints the cure."""
    attributes: dict[str, dict[str, Any]] = {
        "annotation": {"__annotations__": {name: Mapped[str]}},
        "column": {name: mapped_column(String(20))},
        "relation": {name: relationship(Author)},
        "property": {name: column_property(literal(1))},
        "synonym": {name: synonym("id")},
    }
    body = {"__tablename__": f"bad_{name}_{how}", "id": mapped_column(primary_key=True), **attributes[how]}

    with pytest.raises(ReservedNameError) as caught:
        type("Bad", (Base,), body)

    assert f'{name}_: Mapped[...] = mapped_column("{name}")' in str(caught.value)
    assert "Bad" not in {mapper.class_.__name__ for mapper in Base.registry.mappers}


def test_a_name_of_ours_that_comes_from_a_mixin_is_refused() -> None:
    """Wherever it is declared."""

    class Queried:
        query: Mapped[str] = mapped_column(String(20))

    with pytest.raises(ReservedNameError, match="query"):
        type("Bad", (Queried, Base), {"id": mapped_column(Integer, primary_key=True)})


def test_the_cure_works() -> None:
    """A column named like a method is mapped under another attribute."""

    class Local(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    class Search(Local):
        id: Mapped[int] = mapped_column(primary_key=True)
        query_: Mapped[str] = mapped_column("query", String(20))

    assert Search.fields.columns == ("id", "query_")
    assert "query" in Search.__table__.c


def test_a_method_may_be_overridden() -> None:
    """Only mapped attributes are refused: plain Python is the program's own business."""

    class Local(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    class Careful(Local):
        id: Mapped[int] = mapped_column(primary_key=True)

        def to_dict(self, **options: Any) -> dict[str, Any]:
            """Show nothing."""
            return {}

    assert Careful(id=1).to_dict() == {}


# --- the base -------------------------------------------------------------------------------------------------------


def test_an_existing_base_is_adopted_by_one_line() -> None:
    """Its registry, type map and metadata stay as they are."""

    class Existing(ActiveRecord, DeclarativeBase):
        metadata = MetaData(schema="shop")
        type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text(), int: String(5)}

    class Item(Existing):
        __tablename__ = "items"

        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    assert isinstance(Item.__table__.c.name.type, Text)
    assert Item.__table__.c.id.type.length == 5  # type: ignore[attr-defined]
    assert Item.metadata.schema == "shop"
    assert set(Item.metadata.tables) == {"shop.items"}


def test_a_base_made_by_a_registry_is_adopted_too() -> None:
    """`registry.generate_base(cls=ActiveRecord)` is the older way to write it."""
    known = registry()
    generated: Any = known.generate_base(cls=ActiveRecord)

    class Item(generated):  # type: ignore[misc]  # SQLAlchemy makes the base, typed as Any
        __tablename__ = "items"

        id: Mapped[int] = mapped_column(primary_key=True)

    assert Item.fields.columns == ("id",)


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [(mysql.dialect, "VARCHAR(255)"), (postgresql.dialect, "VARCHAR"), (sqlite.dialect, "VARCHAR")],
)
def test_text_without_a_length_has_one_only_where_it_must(dialect: Callable[[], Dialect], kind: str) -> None:
    """`Mapped[str]` is VARCHAR(255) on MySQL and MariaDB, and unlimited elsewhere."""
    ddl = str(CreateTable(Author.__table__).compile(dialect=dialect()))  # type: ignore[arg-type]

    assert f"nick {kind}," in ddl


@pytest.mark.backends("sqlite", "postgresql")
async def test_a_long_text_is_stored_where_there_is_no_limit(make_database: MakeDatabase) -> None:
    """300 characters fit into `Mapped[str]` on SQLite and PostgreSQL."""
    await make_database(Bookshop)

    author = await Author.create(email="x" * 300)

    assert (await Author.get(author.id)).email == "x" * 300


async def test_a_model_without_a_database_says_so() -> None:
    """The error names the model and what to write."""

    class Lonely(ActiveRecord, DeclarativeBase):
        pass

    class Item(Lonely):
        __tablename__ = "items"

        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(NotBoundError, match=r"Item.*Database\(url, base=Base\)"):
        await Item.create()


def test_abstract_bases_and_mixins_are_no_models() -> None:
    """They may be declared as SQLAlchemy allows, and their models bring them along."""

    class Local(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    class Common(Local):
        __abstract__ = True

        @declared_attr
        def label(self) -> Mapped[str | None]:
            return mapped_column(String(20))

    class Named:
        title: Mapped[str] = mapped_column(String(20))

    class Thing(Named, Common):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert set(Thing.fields.columns) == {"id", "title", "label"}
    assert Thing.__tablename__ == "things"


# --- repr -----------------------------------------------------------------------------------------------------------


async def test_repr_shows_the_key_only(make_database: MakeDatabase) -> None:
    """No other column is shown, before and after the INSERT, and no session is needed."""
    db = await make_database(Bookshop)
    author = Author(email="secret@example.com")
    new = repr(author)

    await author.save()
    with sent(db) as statements:
        stored = repr(author)

    assert (new, stored) == ("<Author new>", f"<Author id={author.id}>")
    assert statements == []


async def test_repr_shows_what_the_model_names(make_database: MakeDatabase) -> None:
    """`__repr_attrs__` adds columns, as far as they are loaded."""
    await make_database(Base)
    told = Told(name="a")

    assert repr(told) == "<Told new name='a'>"
    await told.save()
    assert repr(await Told.get(told.id)) == f"<Told id={told.id} name='a'>"
    assert repr(Told(name="a" * 99)) == f"<Told new name='{'a' * 59}...>"


def test_a_name_to_show_that_the_model_does_not_have_is_refused() -> None:
    """When the class is made, with the name that was meant."""
    base: Any = type("Apart", (ActiveRecord, DeclarativeBase), {})
    body: dict[str, Any] = {
        "__annotations__": {"id": Mapped[int], "title": Mapped[str]},
        "__tablename__": "misspelt",
        "__repr_attrs__": ("tilte",),
        "id": mapped_column(primary_key=True),
    }

    with pytest.raises(UnknownFieldError, match="Misspelt has no field 'tilte'; did you mean 'title'"):
        type("Misspelt", (base,), body)


async def test_repr_of_an_expired_row_needs_nothing(make_database: MakeDatabase) -> None:
    """Of a row in a session of the user, whose values a commit has expired."""
    db = await make_database(Bookshop)
    async with AsyncSession(db.engine) as session:
        author = Author(email="ada@example.com")
        session.add(author)
        await session.commit()

        shown = repr(author)

    assert shown.startswith("<Author id=")


# --- kinds of models ------------------------------------------------------------------------------------------------


async def test_a_joined_child_is_written_and_read(make_database: MakeDatabase) -> None:
    """Both tables are written, and the parent's query gives the child's class."""
    await make_database(Base)

    ada = await Manager.create(name="Ada")
    await ada.update(name="Ada L.", bonus=9)
    found = await Staff.get(ada.id)

    assert isinstance(found, Manager)
    assert (found.name, (await Manager.get(ada.id)).bonus) == ("Ada L.", 9)
    await ada.delete()
    assert not await Staff.query().exists()


async def test_a_server_default_of_a_joined_child_is_read_back(make_database: MakeDatabase) -> None:
    """It comes with the INSERT, from the child's table."""
    await make_database(Base)

    ada = await Manager.create(name="Ada")

    assert (ada.bonus, ada.kind) == (3, "manager")


async def test_a_single_table_child_is_written_and_read(make_database: MakeDatabase) -> None:
    """It shares its parent's table and has columns of its own."""
    await make_database(Base)
    await Manager.create(name="Ada")

    bob = await Clerk.create(name="Bob", desk="a")

    assert (await Clerk.query().one()).desk == "a"
    assert [type(row) for row in await Staff.query().order_by("name").all()] == [Manager, Clerk]
    assert await bob.update(desk="a") is None


async def test_a_dataclass_model_is_created_with_its_fields(make_database: MakeDatabase) -> None:
    """Fields without `init` are set after the constructor, its defaults are its own."""
    await make_database(Data)

    point = await Point.create(x=1, note="n", id=7)

    stored = await Point.get(7)
    assert (stored.x, stored.y, stored.note, stored.key) == (1, 5, "n", point.key)


async def test_a_dataclass_model_has_relations(make_database: MakeDatabase) -> None:
    """A stored row as a value, a member of a collection, and a change."""
    await make_database(Data)
    point = await Point.create(x=1, marks=[])

    mark = await Mark.create(point=point)
    await point.update(y=6, marks=Mark(point=point))

    assert mark.point_id == point.id
    assert await Mark.filter_by(point_id=point.id).count() == 2
    assert (await Point.get(point.id)).y == 6


async def test_a_dataclass_model_has_the_same_repr(make_database: MakeDatabase) -> None:
    """The one that dataclasses make would read what is not loaded."""
    await make_database(Data)
    point = await Point.get((await Point.create(x=1)).id)

    assert repr(point) == f"<Point id={point.id}>"


def test_a_repr_of_the_model_is_kept() -> None:
    """In a dataclass or not."""

    class Local(ActiveRecord, MappedAsDataclass, DeclarativeBase):
        pass

    class Named(Local):
        __tablename__ = "named"

        id: Mapped[int] = mapped_column(primary_key=True)

        def __repr__(self) -> str:
            return "mine"

    assert repr(Named(id=1)) == "mine"


async def test_timestamps_go_into_any_model(make_database: MakeDatabase) -> None:
    """The mixin adds its columns behind the model's own."""
    await make_database(Base)

    stamped = await Stamped.create(name="a")

    assert Stamped.fields.columns == ("id", "name", "created_at", "updated_at")
    assert isinstance(stamped.created_at, datetime)


async def test_a_row_survives_pickling(make_database: MakeDatabase) -> None:
    """For caches and task queues: it comes back detached, with its values, and can be saved."""
    await make_database(Bookshop)
    author = await Author.create(email="ada@example.com")

    copy: Author = pickle.loads(pickle.dumps(author))
    await copy.update(nick="a")

    assert copy.to_dict()["email"] == "ada@example.com"
    assert (await Author.get(author.id)).nick == "a"


async def test_a_deferred_column_is_not_read_by_accident(make_database: MakeDatabase) -> None:
    """It raises until it is asked for, and a save does not touch it."""
    await make_database(Base)
    page = await Page.get((await Page.create(name="a", body="long")).id)

    with pytest.raises(NotLoadedError, match=r"Page\.body.*refresh"):
        page.body  # noqa: B018
    await page.update(name="b")
    await page.refresh("body")

    assert (page.name, page.body) == ("b", "long")


def test_the_original_sqlalchemy_is_still_there() -> None:
    """A model is an ordinary mapped class."""
    mapper = inspect(Author)

    assert mapper.local_table is Author.__table__
    assert str(Author.email == "a") == "authors.email = :email_1"


async def test_a_model_of_one_base_does_not_know_the_other(make_database: MakeDatabase) -> None:
    """Binding a base binds its models alone."""
    first = await make_database(Bookshop)
    second = await make_database(Base)

    await Author.create(email="ada@example.com")

    assert isinstance(first, Database)
    assert await Author.query().count() == 1
    with sent(second) as statements:
        await Author.query().count()
    assert statements == []
