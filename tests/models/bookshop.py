"""The models that tests of rows use: authors with books, and one of each kind of key, default and relation."""

import uuid
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Computed,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    String,
    Table,
    event,
    func,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName, Timestamps


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the bookshop."""


book_tags = Table(
    "book_tags",
    Base.metadata,
    Column[int]("book_id", ForeignKey("books.id", ondelete="CASCADE"), primary_key=True),
    Column[str]("tag_name", ForeignKey("tags.name"), primary_key=True),
)


class Author(Timestamps, Base):
    """Has a generated key, a unique column, and defaults of both kinds."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    first: Mapped[str] = mapped_column("first_name", default="")
    last: Mapped[str] = mapped_column("last_name", default="")
    balance: Mapped[int] = mapped_column(default=0)
    rank: Mapped[int] = mapped_column(server_default=text("7"))
    nick: Mapped[str | None]
    books: Mapped[list["Book"]] = relationship(back_populates="author")
    sold_books: Mapped[list["Book"]] = relationship(viewonly=True, overlaps="books")
    profile: Mapped["Profile | None"] = relationship(back_populates="author")

    @hybrid_property
    def name(self) -> str:
        """First and last name; settable."""
        return self.first + " " + self.last

    @name.inplace.setter
    def _set_name(self, value: str) -> None:
        self.first, _, self.last = value.partition(" ")

    @hybrid_property
    def is_rich(self) -> bool:
        """Has no setter."""
        return self.balance > 1000

    @property
    def secret(self) -> str:
        """Can be set, not read."""
        raise AttributeError("write-only")

    @secret.setter
    def secret(self, value: str) -> None:
        self.nick = value[::-1]


class Profile(Base):
    """The other side of a one-to-one relation."""

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), unique=True)
    text: Mapped[str] = mapped_column(default="")
    author: Mapped[Author] = relationship(back_populates="profile")


class Book(Base):
    """Belongs to an author, and may be about another one."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    country_code: Mapped[str | None] = mapped_column(ForeignKey("countries.code"))
    author: Mapped[Author] = relationship(back_populates="books")
    country: Mapped["Country | None"] = relationship()
    tags: Mapped[set["Tag"]] = relationship(secondary=book_tags, back_populates="books")


class Tag(Base):
    """Has a natural key."""

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    colour: Mapped[str | None]
    books: Mapped[list[Book]] = relationship(secondary=book_tags, back_populates="tags")


class Country(Base):
    """Has a natural key that other rows refer to."""

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str | None]


class Voucher(Base):
    """Has a key that the program makes."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    amount: Mapped[int] = mapped_column(default=5)


class Seat(Base):
    """Has a composite key."""

    row: Mapped[str] = mapped_column(String(3), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guest: Mapped[str | None]


class Ticket(Base):
    """Refers to a composite key."""

    __table_args__ = (ForeignKeyConstraint(["seat_row", "seat_number"], ["seats.row", "seats.number"]),)

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_row: Mapped[str] = mapped_column(String(3))
    seat_number: Mapped[int]
    seat: Mapped[Seat] = relationship()


class Shelf(Base):
    """Has what the server computes, and columns that change in place."""

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    width: Mapped[int] = mapped_column(default=1)
    area: Mapped[int] = mapped_column(Computed("width * 3", persisted=True))
    seen: Mapped[int] = mapped_column(server_default=text("1"), server_onupdate=FetchedValue())
    moved_at: Mapped[datetime | None] = mapped_column(onupdate=func.now())
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    tracked: Mapped[dict[str, Any] | None] = mapped_column(MutableDict.as_mutable(JSON()))


@dataclass
class Size:
    """Two columns in one object."""

    width: int
    height: int


class Page(Base):
    """Has a version counter and a composite."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    version: Mapped[int] = mapped_column()
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    size: Mapped[Size] = composite("width", "height")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # the form that SQLAlchemy documents


class Folder(Base):
    """Refers to itself."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folders.id"))
    parent: Mapped["Folder | None"] = relationship(back_populates="children", remote_side="Folder.id")
    children: Mapped[list["Folder"]] = relationship(back_populates="parent", cascade="all, delete-orphan")


class Undo(Exception):
    """Leaves a block that is to be rolled back."""


@asynccontextmanager
async def undone(db: Database) -> AsyncGenerator[AsyncSession, None]:
    """A transaction, or a savepoint in one, that is rolled back at its end."""
    with suppress(Undo):
        async with db.transaction() as session:
            yield session
            raise Undo


@contextmanager
def sent(db: Database) -> Generator[list[str], None, None]:
    """The statements that read or write rows, sent during the block by any connection."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split(maxsplit=1)[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            statements.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)
