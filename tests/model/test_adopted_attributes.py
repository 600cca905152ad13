"""Whatever SQLAlchemy can map, a model can be asked for and given."""

import enum
import uuid
from dataclasses import dataclass
from typing import Any, Optional

import pytest
from sqlalchemy import (
    JSON,
    Computed,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    String,
    Text,
    event,
    func,
    select,
)
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    WriteOnlyMapped,
    column_property,
    composite,
    mapped_column,
    relationship,
    synonym,
    undefer,
    validates,
)

from activerow import ActiveRecord, Database
from activerow.errors import (
    NotLoadedError,
    NotNullViolationError,
    ReadOnlyFieldError,
    StaleRecordError,
    UniqueViolationError,
    UsageError,
)
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Colour(enum.Enum):
    """Stored by name."""

    RED = "r"
    BLUE = "b"


@dataclass
class Point:
    """A pair of columns."""

    x: int
    y: int


def _linked(tag: "Tag") -> "Link":
    return Link(tag=tag)


class Node(Base):
    """A tree of nodes with attributes of every kind."""

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    colour: Mapped[Colour] = mapped_column(default=Colour.RED)
    plain_colour: Mapped[Colour] = mapped_column(Enum(Colour, native_enum=False, length=10), default=Colour.BLUE)
    w: Mapped[int] = mapped_column(default=2)
    h: Mapped[int] = mapped_column(default=3)
    area: Mapped[int] = mapped_column(Computed("w * h", persisted=True))
    x: Mapped[int] = mapped_column(default=0)
    y: Mapped[int] = mapped_column(default=0)
    text: Mapped[str | None] = mapped_column(Text, deferred=True)

    half_round: Mapped[int] = column_property(w + h)
    at: Mapped[Point] = composite("x", "y")
    nick: Mapped[str] = synonym("name")
    parent: Mapped[Optional["Node"]] = relationship(back_populates="children", remote_side="Node.id")
    children: Mapped[list["Node"]] = relationship(back_populates="parent")
    links: Mapped[list["Link"]] = relationship(back_populates="node", cascade="all, delete-orphan")
    tags: AssociationProxy[list["Tag"]] = association_proxy("links", "tag", creator=_linked)

    @hybrid_property
    def label(self) -> str:
        """The name, as it is shown."""
        return self.name + "!"

    @label.inplace.setter
    def _label_set(self, shown: str) -> None:
        self.name = shown.rstrip("!")

    @validates("name")
    def _strip(self, _name: str, value: str) -> str:
        return value.strip()


class Tag(Base):
    """A word."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)


class Link(Base):
    """An association object: two rows, and how much they belong together."""

    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), primary_key=True)
    weight: Mapped[int] = mapped_column(default=1)
    node: Mapped[Node] = relationship(back_populates="links")
    tag: Mapped[Tag] = relationship()


class Shelf(Base):
    """Has more items than one wants to load."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    items: WriteOnlyMapped["Item"] = relationship(
        back_populates="shelf", cascade="all, delete-orphan", passive_deletes=True
    )


class Item(Base):
    """Stands on a shelf."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelfs.id", ondelete="CASCADE"))
    shelf: Mapped[Shelf] = relationship(back_populates="items")


class Odd(Base):
    """Names that have to be quoted, that are SQL's, or that are methods of a query."""

    __tablename__ = "Order"

    ID: Mapped[int] = mapped_column("ID", primary_key=True)
    group: Mapped[str] = mapped_column("group", String(20), unique=True)
    Select: Mapped[int] = mapped_column("Select All", default=1)
    count: Mapped[int] = mapped_column(default=0)
    title: Mapped[str | None] = mapped_column(String(20))
    query_: Mapped[str | None] = mapped_column("query", String(20))


class Country(Base):
    """A natural key."""

    iso: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(20))


class City(Base):
    """A composite key, with a foreign key in it."""

    country_iso: Mapped[str] = mapped_column(ForeignKey("countries.iso"), primary_key=True)
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    people: Mapped[int | None]
    country: Mapped[Country] = relationship()
    streets: Mapped[list["Street"]] = relationship(back_populates="city")


class Street(Base):
    """A composite foreign key, and a key made by the client."""

    __table_args__ = (ForeignKeyConstraint(["iso", "city_name"], ["cities.country_iso", "cities.name"]),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    iso: Mapped[str] = mapped_column(String(2))
    city_name: Mapped[str] = mapped_column(String(20))
    city: Mapped[City] = relationship(back_populates="streets")


class Draft(Base):
    """Counts its versions by a column of its own."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column()
    data: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSON), default=dict)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # the form that SQLAlchemy documents


class Animal(Base):
    """A table of its own for each class, with nothing shared."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))


class Bird(Animal):
    """The other table."""

    __tablename__ = "birds"
    __mapper_args__ = {"concrete": True}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    wings: Mapped[int] = mapped_column(default=2)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The tables of this page."""
    return await make_database(Base)


# --- attributes that are more than a column -------------------------------------------------------------------------


async def test_synonyms_composites_and_hybrids_are_set_by_their_names(db: Database) -> None:
    """By `create` and by `update`; an equal value is no change."""
    node = await Node.create(label="first!", at=Point(1, 2))
    assert (node.name, node.x, node.y) == ("first", 1, 2)

    await node.update(nick="second", at=Point(3, 4))

    assert await node.update(nick="second", at=Point(3, 4), label="second!") is None
    stored = await Node.filter_by(nick="second", at=Point(3, 4)).one()
    assert (stored.label, stored.x, stored.y) == ("second!", 3, 4)


async def test_what_the_database_computes_is_read_back_and_not_set(db: Database) -> None:
    """A computed column follows the write; expressions and computed columns are read-only and say why."""
    node = await Node.create(name="a")
    assert node.area == 6

    await node.update(w=4)

    assert node.area == 12
    assert (await Node.filter_by(half_round=7, area=12).one()).half_round == 7
    for name in ("area", "half_round"):
        with pytest.raises(ReadOnlyFieldError, match="the database computes it"):
            await node.update({name: 1})


async def test_a_column_property_is_read_with_the_row(db: Database) -> None:
    """A write does not compute it; reading it then is no hidden query."""
    node = await Node.create(name="a")

    with pytest.raises(NotLoadedError, match=r'refresh\("half_round"\)'):
        _ = node.half_round
    await node.refresh("half_round")
    assert node.half_round == 5
    assert (await Node.create(name="b", w=7, refresh=True)).half_round == 10


async def test_a_deferred_column_stays_away_until_asked_for(db: Database) -> None:
    """It can be written without being read."""
    await Node.create(name="a", text="long")
    node = await Node.get(name="a")

    with pytest.raises(NotLoadedError):
        _ = node.text
    assert "text" not in node.to_dict()
    await node.update(text="longer")
    await node.refresh("text")
    assert node.text == "longer"
    assert (await Node.query().options(undefer(Node.text)).one()).text == "longer"


async def test_enums_native_and_not(db: Database) -> None:
    """Compared and filtered as members."""
    node = await Node.create(name="a")

    assert await node.update(colour=Colour.RED) is None
    await node.update(colour=Colour.BLUE, plain_colour=Colour.RED)

    assert await Node.filter_by(colour=Colour.BLUE, plain_colour__in=[Colour.RED]).count() == 1


async def test_validators_and_events_see_every_value(db: Database) -> None:
    """`@validates` and mapper events run for activerow's calls as for the session's."""
    seen: list[str] = []

    def note(_mapper: object, _connection: object, node: Node) -> None:
        seen.append(node.name)

    event.listen(Node, "before_insert", note)
    event.listen(Node, "before_update", note)
    try:
        node = await Node.create(name="  a ")
        await node.update(name=" b")
    finally:
        event.remove(Node, "before_insert", note)
        event.remove(Node, "before_update", note)

    assert seen == ["a", "b"]


# --- relations ------------------------------------------------------------------------------------------------------


async def test_a_tree(db: Database) -> None:
    """A relation from a model to itself, upwards and downwards."""
    root = await Node.create(name="root")
    await Node.create(name="leaf", parent=await Node.create(name="twig", parent=root))

    leaf = await Node.filter_by(parent__parent__name="root").one()
    await leaf.load("parent.parent")
    read = await Node.query().include("children.children").filter_by(name="root").one()

    assert leaf.parent is not None
    assert leaf.parent.parent is not None
    assert leaf.parent.parent.id == root.id
    assert [twig.children[0].name for twig in read.children] == ["leaf"]


async def test_a_list_may_hold_other_copies_of_the_same_rows(db: Database) -> None:
    """A relation is replaced by rows that were read elsewhere: what stays is not written."""
    root = await Node.create(name="root", children=[Node(name="a"), Node(name="b")])
    await Node.create(name="c")
    found = await Node.filter_by(name__in=["b", "c"]).all()

    with statements(db) as sent:
        await root.update(children=found)

    assert sorted([node.name for node in root.children]) == ["b", "c"]
    assert await Node.filter_by(parent__name="root").order_by("name").pluck("name") == ["b", "c"]
    assert len([sql for sql in sent if sql.startswith("UPDATE")]) <= 2


async def test_association_objects_and_proxies(db: Database) -> None:
    """Rows between two models, made directly or through a proxy."""
    red, blue = await Tag.create(name="red"), await Tag.create(name="blue")
    node = await Node.create(name="a", tags=[red])
    await Link.create(node=node, tag=blue, weight=5)

    read = await Node.query().include("links.tag").one()
    assert sorted(tag.name for tag in read.tags) == ["blue", "red"]
    assert (await Link.get((node.id, blue.id))).weight == 5
    assert await Node.filter_by(links__tag__name="blue", links__weight__gt=4).count() == 1
    await read.update(tags=[blue])
    assert await Link.query().pluck("tag_id") == [blue.id]


async def test_a_write_only_relation_is_given_members(db: Database) -> None:
    """A list to a new row, one row at a time afterwards; its members are queried."""
    shelf = await Shelf.create(name="a", items=[Item(name="1"), Item(name="2")])
    await shelf.update(items=Item(name="3"))
    await Item.create(name="4", shelf=shelf)

    async with db.transaction() as session:
        inside = await Shelf.get(shelf.id)
        inside.items.add(Item(name="5"))
        await session.flush()
        names = (await session.scalars(inside.items.select().order_by(Item.name))).all()

    assert [item.name for item in names] == ["1", "2", "3", "4", "5"]
    assert await Shelf.filter_by(items__name="3").count() == 1
    await shelf.delete()
    assert not await Item.query().exists()


async def test_a_write_only_relation_cannot_be_replaced(db: Database) -> None:
    """Its members are not known; nothing is set."""
    shelf = await Shelf.create(name="a")

    with pytest.raises(UsageError, match=r"Shelf\.items is write_only, its members are not known"):
        await shelf.update(name="b", items=[Item(name="1")])

    assert shelf.name == "a"


async def test_a_row_that_was_refused_keeps_what_its_write_only_relation_was_given(db: Database) -> None:
    """Saved again, it brings its members along: after an error, and after a rollback."""
    shelf = Shelf(items=[Item(name="1")])
    with pytest.raises(NotNullViolationError):
        await shelf.save()
    shelf.name = "a"
    async with db.transaction():
        await shelf.save()
        db.rollback_only()

    await shelf.save()

    assert await Item.filter_by(shelf_id=shelf.id).pluck("name") == ["1"]


async def test_a_rollback_leaves_write_only_relations_usable(db: Database) -> None:
    """What was added in the undone transaction is forgotten, the columns are put back."""
    shelf = await Shelf.create(name="a")
    async with db.transaction():
        await shelf.update(name="b", items=Item(name="undone"))
        db.rollback_only()

    await shelf.update(items=Item(name="kept"))

    assert shelf.name == "a"
    assert await Item.query().pluck("name") == ["kept"]


# --- names and keys -------------------------------------------------------------------------------------------------


async def test_names_that_must_be_quoted(db: Database) -> None:
    """Upper case, SQL's own words, spaces, and columns that a query has as methods."""
    await Odd.create(group="g", Select=7, count=3, title="t", query_="q")
    odd = await Odd.get(group="g")

    await odd.update(Select=8, count=4, query_="r")

    assert await Odd.filter_by(Select__gt=7, count=4, query_="r").order_by("-Select", "ID").values(
        "ID", "query_", "title"
    ) == [{"ID": odd.ID, "query_": "r", "title": "t"}]
    with pytest.raises(UniqueViolationError) as caught:
        await Odd.create(group="g")
    assert caught.value.columns == ("group",)


async def test_natural_and_composite_keys(db: Database) -> None:
    """Given by the program, as values, a tuple, a mapping or names."""
    korea, made = await Country.get_or_create({"iso": "KR"}, {"name": "Korea"})
    seoul = await City.create(country=korea, name="Seoul")
    await Street.create(city=seoul)

    same, made_again = await Country.update_or_create({"iso": "KR"}, {"name": "South Korea"})
    for key in (("KR", "Seoul"), {"country_iso": "KR", "name": "Seoul"}):
        await (await City.get(key)).update(people=9)

    assert (made, made_again, same.name) == (True, False, "South Korea")
    assert (await City.get(country_iso="KR", name="Seoul")).people == 9
    assert await Street.filter_by(city__country__name="South Korea").count() == 1
    street = await Street.query().include("city.country").one()
    assert isinstance(street.id, uuid.UUID)
    assert repr(street.city) == "<City country_iso='KR' name='Seoul'>"
    with pytest.raises(ReadOnlyFieldError):
        await seoul.update(name="Busan")


async def test_a_version_column_of_the_models_own(db: Database) -> None:
    """SQLAlchemy's `version_id_col` makes a second writer fail, on update and on delete."""
    draft = await Draft.create(text="a")
    other = await Draft.get(draft.id)
    await draft.update(text="b")

    with pytest.raises(StaleRecordError):
        await other.update(text="c")
    with pytest.raises(StaleRecordError):
        await other.delete()

    assert draft.version == 2
    await draft.delete()


async def test_values_that_track_their_own_changes(db: Database) -> None:
    """`MutableDict`: a change inside is a change, and goes away with a rollback."""
    draft = await Draft.create(text="a", data={"one": 1})
    draft.data["two"] = 2
    assert list(draft.changes()) == ["data"]
    await draft.save()

    async with db.transaction():
        draft.data["three"] = 3
        await draft.save()
        db.rollback_only()

    assert draft.data == {"one": 1, "two": 2}
    draft.data["four"] = 4
    await draft.save()
    assert (await Draft.get(draft.id)).data == {"one": 1, "two": 2, "four": 4}


async def test_concrete_inheritance(db: Database) -> None:
    """Two tables without a connection; each class knows its own."""
    await Animal.create(name="cat")
    wren = await Bird.create(name="wren")

    await wren.update(wings=1)

    assert await Animal.query().pluck("name") == ["cat"]
    assert (await Bird.get(wren.id)).wings == 1
    assert Bird.fields.columns == ("id", "name", "wings")
    await wren.delete()
    assert not await Bird.query().exists()


async def test_plain_sqlalchemy_works_beside(db: Database) -> None:
    """Rows of a `select` in a unit's session are the same objects, and plain `add` is committed with the unit."""
    async with db.transaction() as session:
        session.add(Node(name="plain"))
        node = (await session.scalars(select(Node).where(func.length(Node.name) == 5))).one()
        assert await Node.get(name="plain") is node
        await node.update(name="active")

    assert await Node.query().pluck("name") == ["active"]
