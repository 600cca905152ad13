"""The tables as SQLAlchemy maps them, and an engine: for the peers that stand on it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import ForeignKey, String, Text, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from benchmarks.peer import POOL, Target

DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mysql": "asyncmy"}


class AccountColumns:
    """The columns of an account."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(200), unique=True)
    age: Mapped[int] = mapped_column(index=True)
    balance: Mapped[int]
    active: Mapped[bool]
    created_at: Mapped[datetime]


class PostColumns:
    """The columns of a post."""

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)


class Base(DeclarativeBase):
    """Tables of the peers that are SQLAlchemy's own ORM."""


class Account(AccountColumns, Base):
    __tablename__ = "account"
    posts: Mapped[list["Post"]] = relationship(
        back_populates="account", cascade="all, delete-orphan", passive_deletes=True
    )


class Post(PostColumns, Base):
    __tablename__ = "post"
    account: Mapped[Account] = relationship(back_populates="posts")


class AccountOut(BaseModel):
    """An account as an API shows it."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str
    email: str
    age: int
    balance: int
    active: bool
    created_at: datetime


AccountsOut = TypeAdapter(list[AccountOut])


def url(target: Target, driver: str | None = None) -> str:
    """The database as SQLAlchemy is told."""
    scheme = f"{target.dialect}+{driver or DRIVERS[target.dialect]}"
    if target.dialect == "sqlite":
        return f"{scheme}:///{target.name}"
    return f"{scheme}://{target.login}/{target.name}"


def fair_pragmas(engine: Any) -> None:
    """SQLite syncs as seldom as for the other peers."""

    @event.listens_for(engine, "connect")
    def set_pragma(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()


def engine(target: Target) -> AsyncEngine:
    """An engine with a pool of the size that all have."""
    made = create_async_engine(url(target), pool_size=POOL, max_overflow=0)
    if target.dialect == "sqlite":
        fair_pragmas(made.sync_engine)
    return made
