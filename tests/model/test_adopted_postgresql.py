"""What only PostgreSQL has works in models too: its types, schemas, and keys made by the server."""

import enum
import uuid
from typing import Any

import pytest
from sqlalchemy import ForeignKey, Identity, Integer, MetaData, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY, INT4RANGE, JSONB, TSVECTOR, Range
from sqlalchemy.ext.mutable import MutableDict, MutableList
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import UniqueViolationError
from tests.tools.backends.active import MakeDatabase

pytestmark = pytest.mark.backends("postgresql")


class Base(ActiveRecord, DeclarativeBase):
    """Tables in a schema."""

    metadata = MetaData(schema="shop")


class State(enum.Enum):
    """A type of the server."""

    NEW = "new"
    SOLD = "sold"


class Product(Base):
    """Columns of PostgreSQL's own types."""

    __tablename__ = "products"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    code: Mapped[str] = mapped_column(unique=True)
    state: Mapped[State] = mapped_column(default=State.NEW)
    words: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    tracked: Mapped[list[int]] = mapped_column(MutableList.as_mutable(ARRAY(Integer)), default=list)
    data: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSONB), default=dict)
    span: Mapped[Range[int] | None] = mapped_column(INT4RANGE)
    found_by: Mapped[str | None] = mapped_column(TSVECTOR)
    parts: Mapped[list["Part"]] = relationship(back_populates="product")


class Part(Base):
    """Refers to a row in the same schema; its number always comes from the server."""

    __tablename__ = "parts"

    number: Mapped[int] = mapped_column(Identity(always=True, start=100), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.products.id"))
    product: Mapped[Product] = relationship(back_populates="parts")


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The tables of this page, in their schema."""
    db = await make_database(Base, create=False)
    async with db.engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA IF EXISTS shop CASCADE"))
        await connection.execute(text("CREATE SCHEMA shop"))
    await db.create_all()
    return db


async def test_keys_made_by_the_server(db: Database) -> None:
    """Read back with the INSERT, used by relations, gone after a rollback."""
    product = await Product.create(code="a", parts=[Part()])
    async with db.transaction():
        undone = await Product.create(code="b")
        assert isinstance(undone.id, uuid.UUID)
        db.rollback_only()

    assert undone.id is None
    part = await Part.query().include("product").one()
    assert (part.number, part.product.id) == (100, product.id)
    assert Part.fields.settable_columns == ("product_id",)


async def test_arrays_json_and_ranges(db: Database) -> None:
    """Changed in place, tracked or not, they are written; equal values are no change."""
    product = await Product.create(code="a", words=["x"], data={"one": 1}, span=Range(1, 5))
    assert await product.update(span=Range(1, 5), tracked=[]) is None

    product.words.append("y")
    product.tracked.append(3)
    product.data["two"] = 2
    await product.save()

    stored = await Product.where(Product.words.contains(["y"]), Product.data["two"].as_integer() == 2).one()
    assert (stored.words, stored.tracked, stored.data) == (["x", "y"], [3], {"one": 1, "two": 2})
    assert stored.span == Range(1, 5)


async def test_a_rollback_puts_contents_back(db: Database) -> None:
    """Also of values that track their own changes."""
    product = await Product.create(code="a", tracked=[1], data={"one": 1})

    async with db.transaction():
        product.tracked.append(2)
        product.data["two"] = 2
        await product.update(state=State.SOLD, found_by="word")
        db.rollback_only()

    assert (product.tracked, product.data, product.state) == ([1], {"one": 1}, State.NEW)


async def test_errors_know_tables_in_a_schema(db: Database) -> None:
    """The model, the columns and the values are those of the row."""
    await Product.create(code="a")

    with pytest.raises(UniqueViolationError) as caught:
        await Product.create(code="a", state=State.SOLD)

    assert (caught.value.model, caught.value.columns, caught.value.values) == ("Product", ("code",), {"code": "a"})
    product, made = await Product.get_or_create({"code": "a"})
    assert not made
    assert await Product.filter_by(state=State.NEW).count() == 1
    await product.delete()
