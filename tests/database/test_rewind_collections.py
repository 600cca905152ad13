"""Every kind of collection holds its members again after a rollback, and ordered lists save the places of theirs."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Any, Final

import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import DeclarativeBase, Mapped, attribute_keyed_dict, mapped_column, relationship
from sqlalchemy.orm.collections import keyfunc_mapping

from activerow import ActiveRecord, Database
from activerow.errors import UniqueViolationError
from activerow.mixins import AutoTableName
from tests.models.bookshop import Undo, undone
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Bag(Collection[Any]):
    """A collection of the program's own, which takes no member without a name, and none when it is closed."""

    __emulates__ = set
    closed = False

    def __init__(self) -> None:
        self.members: list[tuple[str, Any]] = []

    def add(self, member: Any) -> None:
        """Take a member in."""
        if self.closed:
            raise LookupError
        self.members.append((member.name, member))

    def remove(self, member: Any) -> None:
        """Let a member go."""
        self.members = [pair for pair in self.members if pair[1] is not member]

    def __iter__(self) -> Iterator[Any]:
        return (member for _, member in self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, member: object) -> bool:
        return any(each is member for each in self)


class Part(Base):
    """A member of one of the collections."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    place: Mapped[int | None]
    listed_id: Mapped[int | None] = mapped_column(ForeignKey("wholes.id"))
    chosen_id: Mapped[int | None] = mapped_column(ForeignKey("wholes.id"))
    named_id: Mapped[int | None] = mapped_column(ForeignKey("wholes.id"))
    placed_id: Mapped[int | None] = mapped_column(ForeignKey("wholes.id"))
    ordered_id: Mapped[int | None] = mapped_column(ForeignKey("wholes.id"))
    bagged_id: Mapped[int | None] = mapped_column(ForeignKey("wholes.id"))


def place_of(part: Part) -> int | None:
    return part.place


def parts(column: Any, **options: Any) -> Any:
    return relationship(foreign_keys=column, cascade="all, delete-orphan", order_by=Part.place, **options)


class Whole(Base):
    """Has a collection of each kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20), unique=True)
    listed: Mapped[list[Part]] = parts(Part.listed_id)
    chosen: Mapped[set[Part]] = parts(Part.chosen_id)
    named: Mapped[dict[str, Part]] = parts(Part.named_id, collection_class=attribute_keyed_dict("name"))
    placed: Mapped[dict[int, Part]] = parts(Part.placed_id, collection_class=keyfunc_mapping(place_of))
    ordered: Mapped[list[Part]] = parts(Part.ordered_id, collection_class=ordering_list("place"))
    bagged: Mapped[set[Part]] = parts(Part.bagged_id, collection_class=Bag)


KINDS: Final = ("listed", "chosen", "named", "placed", "ordered", "bagged")


def collected(kind: str, members: Iterable[Part]) -> Any:
    """The members, in a collection that the relation takes."""
    if kind in {"named", "placed"}:
        return {member.name if kind == "named" else member.place: member for member in members}
    return set(members) if kind == "chosen" else list(members)


def new_parts(names: str) -> list[Part]:
    return [Part(name=name, place=place) for place, name in enumerate(names)]


def shown(whole: Whole, kind: str) -> Any:
    """What a collection shows: its members' names and places, and the keys they stand under."""
    held: Any = getattr(whole, kind)
    if kind in {"named", "placed"}:
        return {key: (member.name, member.place) for key, member in held.items()}
    members = [(member.name, member.place) for member in held]
    return members if kind == "ordered" else sorted(members)


async def rename(whole: Whole, kind: str) -> None:
    """Change every member."""
    for member in members_of(whole, kind):
        await member.update(name=member.name * 2, place=(member.place or 0) + 10)


def members_of(whole: Whole, kind: str) -> list[Part]:
    held: Any = getattr(whole, kind)
    return list(held.values() if kind in {"named", "placed"} else held)


Change = Callable[[Whole, str], Awaitable[object]]
CHANGES: Final[dict[str, Change]] = {
    "replaced": lambda whole, kind: whole.update({kind: collected(kind, new_parts("xy"))}),
    "emptied": lambda whole, kind: whole.update({kind: collected(kind, [])}),
    "reversed": lambda whole, kind: whole.update({kind: collected(kind, members_of(whole, kind)[::-1])}),
    "one more": lambda whole, kind: whole.update({kind: Part(name="z", place=9)}),
    "one deleted": lambda whole, kind: members_of(whole, kind)[0].delete(),
    "all deleted": lambda whole, kind: whole.delete(),
    "renamed": rename,
}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A whole with the parts a, b, c in each of its collections."""
    db = await make_database(Base)
    await Whole.create({"id": 1} | {kind: collected(kind, new_parts("abc")) for kind in KINDS})
    await Whole.create(id=2, name="taken")
    return db


async def read(*kinds: str) -> Whole:
    """The whole as it is stored, with collections of these kinds."""
    return await Whole.query().include(*kinds).get(1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_collection_holds_its_members_again(db: Database, kind: str) -> None:
    """Whatever was done to it in a unit, after the rollback it shows what is stored, and so do its members."""
    before = shown(await read(kind), kind)
    for name, change in CHANGES.items():
        whole = await read(kind)

        async with undone(db):
            await change(whole, kind)

        assert shown(whole, kind) == before == shown(await read(kind), kind), name
        await whole.update(name=name)


async def test_one_savepoint_undoes_all_collections_of_a_row(db: Database) -> None:
    """The unit goes on with them."""
    whole = await read(*KINDS)
    before = {kind: shown(whole, kind) for kind in KINDS}

    async with db.transaction():
        async with undone(db):
            await whole.delete()
        assert {kind: shown(whole, kind) for kind in KINDS} == before
        await whole.update(named={"d": Part(name="d", place=3)})

    assert shown(await read("named"), "named") == {"d": ("d", 3)}


class Machine(Base):
    """Has a collection that may refuse its members."""

    id: Mapped[int] = mapped_column(primary_key=True)
    parts: Mapped[set["Screw"]] = relationship(collection_class=Bag)


class Screw(Base):
    """A member of it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))


async def test_a_collection_that_refuses_its_members_does_not_stop_the_others(
    db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as not loaded, and the log says so; every other row and relation goes back."""
    machine = await Machine.create(parts=[Screw(name="a")])
    screw, whole = next(iter(machine.parts)), await read("named")

    with pytest.raises(Undo):
        async with db.transaction():
            await machine.update(parts=[])
            await whole.update(named={}, name="new")
            monkeypatch.setattr(Bag, "closed", True)
            raise Undo

    assert (screw.machine_id, whole.name, [*whole.named]) == (machine.id, None, ["a", "b", "c"])
    assert "parts counts as not loaded: LookupError" in caplog.text


# --- the places of an ordering_list ---------------------------------------------------------------------------------


def rotate(whole: Whole) -> None:
    whole.ordered.insert(2, whole.ordered.pop(0))


def insert_first(whole: Whole) -> None:
    whole.ordered.insert(0, Part(name="z"))


def sort_anew(whole: Whole) -> None:
    whole.ordered.sort(key=lambda part: part.name, reverse=True)
    whole.ordered.reorder()  # type: ignore[attr-defined]  # the list is an OrderingList, which annotations do not say


def drop_first(whole: Whole) -> None:
    whole.ordered.pop(0)


PLACES: Final[dict[str, tuple[Callable[[Whole], None], str]]] = {
    "rotated": (rotate, "bca"),
    "inserted": (insert_first, "zabc"),
    "sorted": (sort_anew, "cba"),
    "dropped": (drop_first, "bc"),
}


@pytest.mark.parametrize("change", PLACES)
@pytest.mark.parametrize("in_a_unit", [False, True])
async def test_save_writes_the_places_of_an_ordered_list(db: Database, change: str, in_a_unit: bool) -> None:
    """The members that have moved are saved with the row that orders them, though they are stored and detached."""
    act, expected = PLACES[change]
    whole = await read("ordered")
    act(whole)

    if in_a_unit:
        async with db.transaction():
            await whole.save()
    else:
        await whole.save()

    assert shown(await read("ordered"), "ordered") == [(name, place) for place, name in enumerate(expected)]


async def test_places_that_could_not_be_saved_are_saved_by_the_next_try(db: Database) -> None:
    """The members that came along are unsaved again, as the row is."""
    whole = await read("ordered")
    rotate(whole)
    whole.name = "taken"
    with pytest.raises(UniqueViolationError):
        await whole.save()

    whole.name = "free"
    await whole.save()

    assert shown(await read("ordered"), "ordered") == [("b", 0), ("c", 1), ("a", 2)]
