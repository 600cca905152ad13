"""A member that is refused before anything is sent: which error comes out, and what the row shows and writes later."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import ActiveRowError, InvalidDataError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class VetoError(ActiveRowError):
    """What a hook of the program raises."""


class Order(Base):
    """Has lines that are nothing without it, notes that stay, and tags it shares."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(5))
    lines: Mapped[list["Line"]] = relationship(back_populates="order", cascade="all, delete-orphan", order_by="Line.id")
    notes: Mapped[list["Note"]] = relationship(back_populates="order", order_by="Note.id")
    remarks: Mapped[list["Remark"]] = relationship(cascade="all", order_by="Remark.id")

    def before_update(self) -> None:
        """Refuse a name."""
        if self.name == "veto":
            raise VetoError("no")


class Line(Base):
    """A part of an order."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(5))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    order: Mapped[Order] = relationship(back_populates="lines")


class Note(Base):
    """May belong to an order."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(5))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    order: Mapped[Order | None] = relationship(back_populates="notes")


class Remark(Base):
    """Does not know its order."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(5))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))


MEMBERS: Final[dict[str, type[Any]]] = {"lines": Line, "notes": Note, "remarks": Remark}
RELATIONS: Final = tuple(MEMBERS)
BAD: Final[dict[str, object]] = {"too long": "too long", "wrong type": 5}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """An order with a member of each kind, and another one."""
    db = await make_database(Base)
    members = {name: [kind(text="a"), kind(text="b")] for name, kind in MEMBERS.items()}
    await Order.create({"name": "one", **members})
    await Order.create(name="two", notes=[Note(text="c")])
    return db


async def stored(relation: str, name: str = "one") -> list[str]:
    """The texts of the members that an order has in the database."""
    order = await Order.query().include(relation).filter_by(name=name).one()
    return [member.text for member in getattr(order, relation)]


async def read(relation: str) -> Order:
    return await Order.query().include(relation).filter_by(name="one").one()


async def created(relation: str, bad: Any) -> None:
    await Order.create({"name": "new", relation: [bad]})


async def saved(relation: str, bad: Any) -> None:
    await Order(**{"name": "new", relation: [bad]}).save()


async def replaced(relation: str, bad: Any) -> None:
    await (await read(relation)).update({relation: [bad]})


async def appended(relation: str, bad: Any) -> None:
    await (await read(relation)).update({relation: bad})


Way = Callable[[str, Any], Awaitable[None]]
WAYS: Final[tuple[Way, ...]] = (created, saved, replaced, appended)


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("way", WAYS)
async def test_the_error_names_the_members_column(db: Database, relation: str, way: Way) -> None:
    """Alone and in a unit, whatever the cascade of the relation; and nothing is kept."""
    kind = MEMBERS[relation]
    for reason, text in BAD.items():
        with pytest.raises(InvalidDataError, match=rf"{kind.__name__}\.text does not fit its column: {reason}"):
            await way(relation, kind(text=text))
        async with db.transaction():
            with pytest.raises(InvalidDataError, match=rf"{kind.__name__}\.text does not fit its column: {reason}"):
                await way(relation, kind(text=text))

    assert await stored(relation) == ["a", "b"]
    assert not await Order.filter_by(name="new").exists()


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("in_a_unit", [False, True])
async def test_an_update_that_is_refused_leaves_the_relation(db: Database, relation: str, in_a_unit: bool) -> None:
    """The members that it was to replace are there, in memory too, and no later write takes them away."""
    order, bad = await read(relation), MEMBERS[relation](text="too long")

    async def refused() -> None:
        with suppress(InvalidDataError):
            await order.update({relation: [bad], "name": "three"})
        assert [member.text for member in getattr(order, relation)] == ["a", "b"]
        assert order.changes() == {}
        await order.update(name="one!")

    if in_a_unit:
        async with db.transaction():
            await refused()
    else:
        await refused()

    assert await stored(relation, "one!") == ["a", "b"]


async def test_an_update_that_a_hook_refuses_leaves_the_relation(db: Database) -> None:
    """The same, where the values are good."""
    async with db.transaction():
        order = await read("lines")
        with pytest.raises(VetoError):
            await order.update(lines=[Line(text="new")], name="veto")
        await order.update(name="one!")

    assert await stored("lines", "one!") == ["a", "b"]


async def test_a_member_that_was_to_be_moved_stays_where_it_was(db: Database) -> None:
    """The one that had it has it again."""
    two = await Order.query().include("notes").filter_by(name="two").one()
    moved = two.notes[0]
    async with db.transaction():
        order = await read("notes")
        with pytest.raises(InvalidDataError):
            await order.update(notes=[moved, Note(text="too long")])

    assert (two.notes, moved.order_id, moved.changes()) == ([moved], two.id, {})
    assert await stored("notes", "two") == ["c"]


async def test_what_was_unsaved_before_a_refused_update_stays_so(db: Database) -> None:
    """Only what the call has set is taken back."""
    order = await read("lines")
    order.lines[0].text, order.name = "A", "1"

    with pytest.raises(InvalidDataError):
        await order.update(lines=[Line(text="too long")])

    assert order.changes() == {"name": ("one", "1")}
    assert [line.text for line in order.lines] == ["A", "b"]


async def test_a_save_that_is_refused_is_refused_again_at_the_end(db: Database) -> None:
    """What the program has set by hand cannot be half saved: the unit does not end as if nothing had happened."""
    with pytest.raises(InvalidDataError, match=r"Line\.text"):
        async with db.transaction():
            order = await read("lines")
            order.lines = [Line(text="too long")]
            with suppress(InvalidDataError):
                await order.save()

    assert await stored("lines") == ["a", "b"]
