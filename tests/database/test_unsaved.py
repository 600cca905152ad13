"""A lone call that fails leaves the row as the program had it: what was not saved is unsaved still, and not lost."""

import asyncio
import pickle
from collections.abc import Callable
from typing import Any, Final

import pytest
from sqlalchemy import JSON, Column, ForeignKey, String, Table, UniqueConstraint
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, WriteOnlyMapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import ForeignKeyViolationError, RecordNotFoundError, UniqueViolationError
from activerow.mixins import AutoTableName, Timestamps
from tests.models.units import Cancelled
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


desk_labels = Table(
    "desk_labels",
    Base.metadata,
    Column[int]("desk_id", ForeignKey("desks.id"), primary_key=True),
    Column[str]("label_name", ForeignKey("labels.name"), primary_key=True),
)


class Room(Base):
    """What desks stand in."""

    id: Mapped[int] = mapped_column(primary_key=True)
    desks: Mapped[list["Desk"]] = relationship(back_populates="room")


class Label(Base):
    """What desks may share."""

    name: Mapped[str] = mapped_column(String(20), primary_key=True)


class Desk(Timestamps, Base):
    """Has one of everything that can be unsaved."""

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(20), unique=True)
    title: Mapped[str] = mapped_column(String(20), default="old")
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    tracked: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSON()), default=dict)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    room: Mapped[Room] = relationship(back_populates="desks")
    drawers: Mapped[list["Drawer"]] = relationship(back_populates="desk", order_by="Drawer.id")
    labels: Mapped[set[Label]] = relationship(secondary=desk_labels)
    visits: WriteOnlyMapped["Visit"] = relationship()


class Drawer(Base):
    """Belongs to a desk, or to none."""

    __table_args__ = (UniqueConstraint("desk_id", "colour", name="one_of_each"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    colour: Mapped[str] = mapped_column(String(20))
    desk_id: Mapped[int | None] = mapped_column(ForeignKey("desks.id"))
    desk: Mapped[Desk | None] = relationship(back_populates="drawers")


class Visit(Base):
    """Noted only."""

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(String(20))
    desk_id: Mapped[int] = mapped_column(ForeignKey("desks.id"))


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Two desks in a room, the first with two drawers and a label, and another room."""
    db = await make_database(Base)
    room, _, red = await Room.create(id=1), await Room.create(id=2), await Label.create(name="red")
    await Label.create(name="blue")
    drawers = [Drawer(colour="green"), Drawer(colour="black")]
    await Desk.create(id=1, slug="mine", room=room, drawers=drawers, labels={red})
    await Desk.create(id=2, slug="taken", room=room)
    return db


async def whole(desk_id: int = 1) -> Desk:
    """A desk with all that can be loaded of it."""
    return await Desk.query().include("room", "drawers", "labels").get(desk_id)


async def shown() -> dict[str, Any]:
    """What the database holds of the first desk."""
    desk = await whole()
    return {
        **desk.to_dict(only=("title", "facts", "tracked", "room_id")),
        "drawers": [drawer.colour for drawer in desk.drawers],
        "labels": sorted(label.name for label in desk.labels),
        "visits": await Visit.query().pluck("who"),
    }


BEFORE: Final[dict[str, Any]] = {
    "title": "old",
    "facts": {},
    "tracked": {},
    "room_id": 1,
    "drawers": ["green", "black"],
    "labels": ["red"],
    "visits": [],
}

Change = Callable[[Desk, Room, Label], object]
CHANGES: Final[dict[str, tuple[Change, dict[str, Any]]]] = {
    "column": (lambda desk, _, __: desk.fill(title="new"), {"title": "new"}),
    "JSON": (lambda desk, _, __: desk.facts.update(a=1), {"facts": {"a": 1}}),
    "tracked JSON": (lambda desk, _, __: desk.tracked.update(a=1), {"tracked": {"a": 1}}),
    "foreign key": (lambda desk, room, _: desk.fill(room_id=room.id), {"room_id": 2}),
    "relation": (lambda desk, room, _: desk.fill(room=room), {"room_id": 2}),
    "relation set by hand": (lambda desk, room, _: setattr(desk, "room", room), {"room_id": 2}),
    "member added": (
        lambda desk, _, __: desk.drawers.append(Drawer(colour="white")),
        {"drawers": ["green", "black", "white"]},
    ),
    "member removed": (lambda desk, _, __: desk.drawers.pop(0), {"drawers": ["black"]}),
    "members replaced": (lambda desk, _, __: desk.fill(drawers=[Drawer(colour="white")]), {"drawers": ["white"]}),
    "label added": (lambda desk, _, blue: desk.labels.add(blue), {"labels": ["blue", "red"]}),
    "label given": (lambda desk, _, blue: desk.fill(labels=blue), {"labels": ["blue", "red"]}),
    "label removed": (lambda desk, _, __: desk.labels.clear(), {"labels": []}),
    "write-only": (lambda desk, _, __: desk.visits.add(Visit(who="ada")), {"visits": ["ada"]}),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_a_refused_save_was_to_write_is_written_by_the_next(db: Database, name: str) -> None:
    """One bad value is mended, and the rest is saved."""
    change, expected = CHANGES[name]
    desk = await whole()
    change(desk, await Room.get(2), await Label.get("blue"))
    desk.slug = "taken"

    with pytest.raises(UniqueViolationError):
        await desk.save()

    assert await shown() == BEFORE
    desk.slug = "mended"
    await desk.save()
    assert await shown() == {**BEFORE, **expected}


@pytest.mark.parametrize("value", ["drawers", "labels", "visits"])
async def test_what_was_added_unseen_is_written_by_the_next_save(db: Database, value: str) -> None:
    """The same for collections that are not loaded."""
    values = {"drawers": Drawer(colour="white"), "labels": await Label.get("blue"), "visits": Visit(who="ada")}
    desk = await Desk.get(1)
    desk.fill({value: values[value]}, slug="taken")

    with pytest.raises(UniqueViolationError):
        await desk.save()

    desk.slug = "mended"
    await desk.save()
    assert await shown() != BEFORE


async def test_a_refused_save_says_what_is_unsaved(db: Database) -> None:
    """`changes` tells the old values and the new, and nothing that the server or a default would have filled in."""
    desk = await whole()
    updated_at = desk.updated_at
    desk.fill(title="new", slug="taken")

    with pytest.raises(UniqueViolationError):
        await desk.save()

    assert desk.changes() == {"slug": ("mine", "taken"), "title": ("old", "new")}
    assert desk.updated_at == updated_at
    assert pickle.loads(pickle.dumps(desk)).changes() == desk.changes()


async def test_a_refused_update_takes_back_what_it_was_given_alone(db: Database) -> None:
    """The values of the call go, what was unsaved before stays so."""
    desk = await whole()
    desk.title = "new"

    with pytest.raises(UniqueViolationError):
        await desk.update(slug="taken", drawers=[])

    assert desk.changes() == {"title": ("old", "new")}
    assert [drawer.colour for drawer in desk.drawers] == ["green", "black"]


async def test_a_member_that_made_the_save_fail_is_mended(db: Database) -> None:
    """A new row that came along is as new as before, and the change of the stored one is not lost."""
    desk = await whole()
    twice = Drawer(colour="black")
    desk.title = "new"
    desk.drawers.append(twice)

    with pytest.raises(UniqueViolationError):
        await desk.save()

    twice.colour = "white"
    await desk.save()
    assert await shown() == {**BEFORE, "title": "new", "drawers": ["green", "black", "white"]}


async def test_a_cancelled_save_leaves_the_row_unsaved(db: Database) -> None:
    """Whatever was sent is undone, and nothing is forgotten."""
    desk = await whole()
    desk.fill(title="new", drawers=[Drawer(colour="white")])
    task = asyncio.ensure_future(Cancelled(desk.save(), 1))

    await asyncio.wait({task})

    assert task.cancelled()
    assert desk.changes() == {"title": ("old", "new")}
    await desk.save()
    assert await shown() == {**BEFORE, "title": "new", "drawers": ["white"]}


async def test_a_refused_delete_leaves_the_row_unsaved(db: Database) -> None:
    """A foreign key that stands against it changes nothing about the row."""
    label = await Label.get("red")
    label.name = "pink"

    with pytest.raises(ForeignKeyViolationError):
        await label.delete()

    assert label.changes() == {"name": ("red", "pink")}


async def test_a_refresh_that_finds_no_row_leaves_the_row_unsaved(db: Database) -> None:
    """What was to be read is not there; what was to be written still is."""
    desk = await Desk.get(2)
    desk.title = "new"
    await Desk.filter_by(slug="taken").delete()

    with pytest.raises(RecordNotFoundError):
        await desk.refresh("slug")

    assert desk.changes() == {"title": ("old", "new")}
