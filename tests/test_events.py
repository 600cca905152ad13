"""Subscriptions: what code outside of a model hears of its rows."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database, events
from activerow.errors import UniqueViolationError, UsageError
from activerow.mixins import AutoTableName
from tests.models.units import held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the tests about events."""


class Named:
    """A mixin that can be subscribed like a model."""


class Animal(Named, Base):
    """A model and its subclass share a table."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(default="animal")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012


class Dog(Animal):
    """Hears what its parent hears."""

    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012

    def after_create(self) -> None:
        heard.append(f"own {self.name}")


class Stone(Base):
    """Another model."""

    id: Mapped[int] = mapped_column(primary_key=True)
    weight: Mapped[int] = mapped_column(default=0)


heard: list[Any] = []

Listen = Callable[[type, str, Callable[[Any], Any]], None]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    heard.clear()
    return await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=2)


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`events.listen` for the length of a test."""
    given: list[tuple[type, str, Callable[[Any], Any]]] = []

    def subscribe(model: type, moment: str, function: Callable[[Any], Any]) -> None:
        events.listen(model, moment, function)
        given.append((model, moment, function))

    yield subscribe
    for one in given:
        events.unlisten(*one)


def told(changes: list[events.Change]) -> list[str]:
    return [f"{change.operation} {getattr(change.row, 'name', change.model.__name__)}" for change in changes]


# --- of a row -------------------------------------------------------------------------------------------------------


async def test_a_listener_hears_of_a_model_and_its_subclasses(db: Database, listen: Listen) -> None:
    """Sync and async functions, after the hooks of the model itself; of other models nothing."""

    async def made(row: Animal) -> None:
        heard.append(f"made {row.name}")

    listen(Animal, "after_create", made)
    await Animal.create(name="cat")
    await Dog.create(name="rex")
    await Stone.create()

    assert heard == ["made cat", "own rex", "made rex"]


async def test_a_listener_hears_of_every_model_of_a_mixin(db: Database, listen: Listen) -> None:
    """A class that is not mapped stands for all that inherit from it, and `object` for all there are."""
    listen(Named, "before_save", lambda row: heard.append(type(row).__name__))
    listen(object, "before_delete", lambda row: heard.append(f"goes {type(row).__name__}"))

    animal, stone = await Animal.create(name="cat"), await Stone.create()
    await animal.delete()
    await stone.delete()

    assert heard == ["Animal", "goes Animal", "goes Stone"]


async def test_a_listener_with_two_parameters_hears_what_changed(db: Database) -> None:
    """Column to (old, new)."""
    animal = await Animal.create(name="cat")

    @events.after_update(Animal)
    def note(row: Animal, changes: dict[str, tuple[object, object]]) -> None:
        heard.append(changes)

    await animal.update(name="lion")
    events.unlisten(Animal, "after_update", note)

    assert heard == [{"name": ("cat", "lion")}]


async def test_a_listener_sets_columns_and_refuses(db: Database, listen: Listen) -> None:
    """Before the write it may do what a hook of the model may."""

    def before(row: Animal) -> None:
        if row.name == "x":
            raise LookupError
        row.name = row.name.upper()

    listen(Animal, "before_create", before)

    assert (await Animal.create(name="cat")).name == "CAT"
    with pytest.raises(LookupError):
        await Animal.create(name="x")
    assert await Animal.query().pluck(Animal.name) == ["CAT"]


async def test_a_listener_can_leave(db: Database, listen: Listen) -> None:
    """It hears no more; twice subscribed is once."""

    def note(row: object) -> None:
        heard.append(row)

    events.listen(Stone, "after_create", note)
    events.listen(Stone, "after_create", note)
    await Stone.create()
    events.unlisten(Stone, "after_create", note)
    await Stone.create()

    assert len(heard) == 1
    with pytest.raises(UsageError, match="does not listen to after_create of Stone"):
        events.unlisten(Stone, "after_create", note)


async def test_the_decorators(db: Database) -> None:
    """They give the function back, and take several models."""

    @events.after_delete(Stone, Animal)
    async def gone(row: object) -> None:
        heard.append(type(row).__name__)

    await (await Stone.create()).delete()
    await (await Animal.create(name="cat")).delete()
    for model in (Stone, Animal):
        events.unlisten(model, "after_delete", gone)

    assert heard == ["Stone", "Animal"]


def test_what_cannot_be_subscribed() -> None:
    """An unknown moment, and a function that takes no row."""
    with pytest.raises(UsageError, match=r"no moment 'after_creation'.*choices: before_save"):
        events.listen(Stone, "after_creation", print)
    with pytest.raises(UsageError, match="called with the row"):
        events.listen(Stone, "after_create", lambda: None)  # pyright: ignore[reportUnknownLambdaType]


async def test_a_subscription_before_the_model_is_made(make_database: MakeDatabase, listen: Listen) -> None:
    """A base is subscribed first, its models come later."""

    class Later(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    listen(Later, "after_create", lambda row: heard.append("later"))

    class Thing(Later):
        id: Mapped[int] = mapped_column(primary_key=True)

    heard.clear()
    await make_database(Later)
    await Thing.create()

    assert heard == ["later"]


# --- of a commit ----------------------------------------------------------------------------------------------------


async def test_commits_are_told_once_with_everything_in_order(db: Database, listen: Listen) -> None:
    """One list for the unit, savepoints included; the rows, their keys and what changed are in it."""
    listen(object, "committed", heard.append)
    async with db.transaction():
        cat = await Animal.create(name="cat")
        async with db.transaction():
            await cat.update(name="lion")
        stone = await Stone.create()
        await cat.delete()
        assert heard == []

    (changes,) = heard
    assert [f"{c.operation} {c.model.__name__}" for c in changes] == [
        *("create Animal", "update Animal", "create Stone", "delete Animal")
    ]
    assert [change.key for change in changes] == [(cat.id,), (cat.id,), (stone.id,), (cat.id,)]
    assert changes[1].changes == {"name": ("cat", "lion")}
    assert changes[0].changes["name"] == (None, "cat")
    assert changes[3].changes["name"] == ("lion", None)


async def test_a_listener_hears_only_of_its_models(db: Database, listen: Listen) -> None:
    """Of a commit without them it hears nothing; several models are one call."""

    def note(changes: list[events.Change]) -> None:
        heard.append(told(changes))

    listen(Dog, "committed", note)
    await Stone.create()
    await Animal.create(name="cat")
    assert heard == []

    listen(Animal, "committed", note)
    async with db.transaction():
        await Dog.create(name="rex")
        await Stone.create()

    assert heard == ["own rex", ["create rex"]]


async def test_what_is_rolled_back_is_not_told(db: Database, listen: Listen) -> None:
    """A unit, a savepoint, a call that fails."""
    listen(Animal, "committed", lambda changes: heard.append(told(changes)))

    with pytest.raises(LookupError):
        async with db.transaction():
            await Animal.create(name="undone")
            raise LookupError
    async with db.transaction():
        await Animal.create(name="kept")
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await Animal.create(name="savepoint")
                await Animal.create(name="kept")

    assert heard == [["create kept"]]


async def test_a_listener_finds_the_work_committed(
    db: Database, listen: Listen, other_connection: OtherConnection
) -> None:
    """It runs outside any unit, its connection is free, and its own calls are told in turn."""

    async def follow(changes: list[events.Change]) -> None:
        heard.append((told(changes), held(db), await other_connection.scalar("SELECT count(*) FROM animals")))
        if len(heard) == 1:
            await Animal.create(name="second")

    listen(Animal, "committed", follow)
    await Animal.create(name="first")

    assert heard == [(["create first"], 0, 1), (["create second"], 0, 2)]


async def test_a_listener_that_fails_hinders_nobody(
    db: Database, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the others hear, and the call succeeds."""

    def fail(changes: list[events.Change]) -> None:
        raise LookupError

    listen(Animal, "committed", fail)
    listen(Animal, "committed", lambda changes: heard.append(told(changes)))
    with caplog.at_level(logging.ERROR, "activerow"):
        await Animal.create(name="cat")

    assert heard == [["create cat"]]
    assert "a listener to commits failed" in caplog.text


async def test_each_commit_of_a_unit_tells_its_own(db: Database, listen: Listen) -> None:
    """`auto_commit=True` in a pending unit, and the calls of a scoped session."""
    listen(Animal, "committed", lambda changes: heard.append(told(changes)))

    await Animal.create(name="a", auto_commit=False)
    await Animal.create(name="b", auto_commit=True)
    async with db.scoped_session():
        await Animal.create(name="c")
        await Animal.create(name="d")

    assert heard == [["create a", "create b"], ["create c"], ["create d"]]


async def test_gather_in_a_unit_is_told_once(db: Database, listen: Listen) -> None:
    """Tasks of a unit are one piece of work."""
    listen(Animal, "committed", lambda changes: heard.append(sorted(told(changes))))

    async with db.transaction():
        await asyncio.gather(*(Animal.create(name=str(n)) for n in range(3)))

    assert heard == [["create 0", "create 1", "create 2"]]


async def test_a_session_of_the_program_tells_nobody_of_its_commit(db: Database, listen: Listen) -> None:
    """activerow does not see it; hooks of the rows run."""
    listen(Animal, "committed", lambda changes: heard.append("committed"))
    listen(Animal, "after_create", lambda row: heard.append("created"))

    async with AsyncSession(db.engine) as session:
        await Animal.create(name="cat", session=session, auto_commit=True)

    assert heard == ["created"]
