"""A workshop: models with every kind of column, key, default and mixin, for tests that compare two ways."""

import enum
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Dialect, ForeignKey, Numeric, String, UniqueConstraint, text
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from activerow import ActiveRecord
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete, Timestamps, Versioned
from activerow.types import UTCDateTime


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the workshop."""


class Log(AuditLog, Base):
    """The history of audited rows."""


class Loud(TypeDecorator[str]):
    """Stored in capitals, read with a mark; refuses what has an `x`."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and "x" in value:
            raise ValueError("no x")
        return None if value is None else value.upper()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else f"{value}!"


class Grade(enum.Enum):
    """How good a part is."""

    GOOD = "good"
    BAD = "bad"


_made: list[Iterator[int]] = [count(1)]


def start_anew() -> None:
    """Let the defaults make what they made at first."""
    _made[0] = count(1)


def next_number() -> int:
    """What a default makes: 1, 2, 3..."""
    return next(_made[0])


def next_token() -> uuid.UUID:
    """The same as a UUID."""
    return uuid.UUID(int=next_number())


class Maker(Base):
    """A row with a natural key."""

    code: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))
    parts: Mapped[list["Part"]] = relationship(back_populates="maker", order_by="Part.id")


class Part(Base):
    """A row with a counted key and columns of many types, which can be written without a session."""

    __table_args__ = (CheckConstraint("number >= 0", name="ck_parts_number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(10), unique=True)
    name: Mapped[str | None] = mapped_column("title", String(20))
    number: Mapped[int] = mapped_column(default=0)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    weight: Mapped[float | None]
    checked: Mapped[bool] = mapped_column(default=False)
    day: Mapped[date | None]
    local: Mapped[datetime | None]
    moment: Mapped[datetime | None] = mapped_column(UTCDateTime())
    token: Mapped[uuid.UUID] = mapped_column(default=next_token)
    grade: Mapped[Grade] = mapped_column(default=Grade.GOOD)
    loud: Mapped[str | None] = mapped_column(Loud())
    raw: Mapped[bytes | None]
    given: Mapped[int] = mapped_column(server_default=text("7"))
    turns: Mapped[int] = mapped_column(default=0, onupdate=next_number)
    maker_code: Mapped[str | None] = mapped_column(ForeignKey("makers.code"))

    maker: Mapped[Maker | None] = relationship(back_populates="parts")
    uses: Mapped[list["Use"]] = relationship(back_populates="part", order_by="Use.id", cascade="all, delete-orphan")


class Use(Base):
    """A row whose parent takes it along."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))
    part_id: Mapped[int] = mapped_column(ForeignKey("parts.id"))
    part: Mapped[Part] = relationship(back_populates="uses")


class Place(Base):
    """A row with a composite key, and values that are unique together."""

    __table_args__ = (UniqueConstraint("hall", "label", name="uq_places"),)

    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hall: Mapped[str | None] = mapped_column(String(8))
    label: Mapped[str] = mapped_column(String(8), default="a")


class Box(Base):
    """A row whose key the program makes, with JSON that knows of its changes, and tells NULL from None."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=next_token)
    name: Mapped[str | None] = mapped_column(String(20))
    content: Mapped[dict[str, Any] | None] = mapped_column(MutableDict.as_mutable(JSON()))


class Sheet(Base):
    """A row with JSON that may change unseen."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))
    noted: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)


class Remark(SoftDelete, Timestamps, Base):
    """A row that is hidden when it is deleted, and knows when it was changed."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))


class Stamped(Timestamps, Base):
    """A row that knows when it was changed."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))


class Counted(Versioned, Base):
    """A row whose changes are counted."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))


class Kept(Audited, Base):
    """A row with a history."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))


heard: list[tuple[str, object]] = []
"""What the hooks of `Told` have heard."""


class Told(Base):
    """A row with hooks."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))

    def before_save(self) -> None:
        """Refuse one name, and change another."""
        heard.append(("before_save", self.name))
        if self.name == "never":
            raise ValueError("never")
        if self.name == "small":
            self.name = "SMALL"

    def after_create(self) -> None:
        """Note it."""
        heard.append(("after_create", self.id))

    def after_delete(self) -> None:
        """Note it."""
        heard.append(("after_delete", self.id))


MODELS: tuple[type[Any], ...] = (Maker, Part, Use, Place, Box, Sheet, Remark, Stamped, Counted, Kept, Told)
