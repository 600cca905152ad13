"""Tables for the tests of bulk writes: every kind of column and default, keys of all sorts."""

import enum
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Computed,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord
from activerow.errors import UsageError
from activerow.mapping.write_rules import SetOperation, WriteRule
from activerow.mixins import AutoTableName, Timestamps
from activerow.types import UTCDateTime


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the warehouse."""


class Colour(enum.Enum):
    """An enum whose names are not its values."""

    RED = "r"
    BLUE = "b"


class Words(TypeDecorator[tuple[str, ...]]):
    """Several words in one text."""

    impl = String(200)
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        return None if value is None else "|".join(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        return None if value is None else tuple(value.split("|"))


class Parcel(Base):
    """A column of every type."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    label: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(Text)
    pieces: Mapped[int | None] = mapped_column(SmallInteger)
    grams: Mapped[int | None] = mapped_column(BigInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    ratio: Mapped[float | None] = mapped_column(Double)
    fragile: Mapped[bool | None]
    colour: Mapped[Colour | None]
    plain_colour: Mapped[Colour | None] = mapped_column(Enum(Colour, native_enum=False, length=10))
    packed_on: Mapped[date | None]
    packed_at: Mapped[time | None]
    local: Mapped[datetime | None]
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    took: Mapped[timedelta | None] = mapped_column(Interval)
    scan: Mapped[bytes | None] = mapped_column(LargeBinary)
    owner: Mapped[uuid.UUID | None] = mapped_column(Uuid(as_uuid=True))
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    tags: Mapped[tuple[str, ...] | None] = mapped_column(Words)
    codes: Mapped[list[int] | None] = mapped_column(JSON().with_variant(ARRAY(Integer), "postgresql"))
    words: Mapped[list[str] | None] = mapped_column(JSON().with_variant(postgresql.ARRAY(Text), "postgresql"))
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON().with_variant(postgresql.JSONB(), "postgresql"))


def initials(context: Any) -> str:
    """A default that depends on another column."""
    return "".join(word[0] for word in context.get_current_parameters()["name"].split())


class Shelf(Timestamps, Base):
    """Defaults of every kind, and a column under another name."""

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column("shelf_code", String(20), unique=True)
    name: Mapped[str] = mapped_column(String(50), default="no name")
    short: Mapped[str] = mapped_column(String(50), default=initials)
    token: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    room: Mapped[int] = mapped_column(server_default="7")
    height: Mapped[int] = mapped_column(default=func.abs(-3))
    width: Mapped[int | None]
    area: Mapped[int | None] = mapped_column(Computed("width * 2", persisted=True))
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    boxes: Mapped[list["Box"]] = relationship(back_populates="shelf")

    @hybrid_property
    def wide(self) -> bool:
        """Wider than most."""
        return self.width is not None and self.width > 100


class Box(Base):
    """Stands on a shelf, or in another box; has a check and a limit."""

    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelfs.id"))
    inside_id: Mapped[int | None] = mapped_column(ForeignKey("boxes.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="boxes")


class Stock(Timestamps, Base):
    """How many of a thing are where: a composite key, and no other."""

    place: Mapped[str] = mapped_column(String(20), primary_key=True)
    thing: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int]
    note: Mapped[str | None] = mapped_column(String(50))


class Price(Timestamps, Base):
    """A key made by the database, and one unique key."""

    __table_args__ = (UniqueConstraint("shop", "item"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    shop: Mapped[str] = mapped_column(String(20))
    item: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    note: Mapped[str | None] = mapped_column(String(50))


class Badge(Base):
    """Two unique keys beside the primary one."""

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    holder: Mapped[str] = mapped_column(String(50))

    __table_args__ = (Index("ix_badges_holder", "holder", unique=True),)


told: list[tuple[SetOperation, type]] = []
refused: set[str] = set()


class _Watch(WriteRule):
    """Notes every set-based write, and refuses those in `refused`."""

    def check(self, model: type, operation: SetOperation) -> None:
        told.append((operation, model))
        if operation in refused:
            raise UsageError("not like this")


class Watched:
    """Wants to know of writes that pass its rows by."""

    __write_rules__ = (_Watch(),)


class Animal(Watched, Base):
    """One table for several classes."""

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012


class Dog(Animal):
    """In the table of animals."""

    tricks: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012


class Horse(Animal):
    """In a table of its own besides."""

    id: Mapped[int] = mapped_column(ForeignKey("animals.id"), primary_key=True)
    races: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "horse"}  # noqa: RUF012


class Door(Base):
    """Counts its versions."""

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, nullable=False)
    open: Mapped[bool]
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
