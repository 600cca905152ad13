"""A small project whose models change: the tables of a release, and of the next."""

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord
from activerow.migrations import Migrations
from activerow.mixins import AutoTableName, Timestamps
from activerow.naming import NAMING_CONVENTION

_KEPT: list[type[Any]] = []  # a registry alone does not keep its models


def no_models() -> type[Any]:
    """A base without models."""

    class Base(ActiveRecord, AutoTableName, DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING_CONVENTION)

    return Base


def first_release() -> type[Any]:
    """Users and their posts."""

    class Base(ActiveRecord, AutoTableName, DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING_CONVENTION)

    class User(Timestamps, Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(100), unique=True)
        posts: Mapped[list["Post"]] = relationship(back_populates="user")

    class Post(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(String(100))
        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
        user: Mapped[User] = relationship(back_populates="posts")

    _KEPT.extend((User, Post))
    return Base


def second_release() -> type[Any]:
    """Users have a name, and titles are longer."""
    base = first_release()
    base.metadata.tables["users"].append_column(Column("name", String(50)))
    base.metadata.tables["posts"].c.title.type = String(200)
    return base


async def write(migrations: Migrations, up: str, down: str = "pass", message: str = "by hand") -> Path:
    """A revision with these lines in it; its file."""
    path = (await migrations.revision(message, empty=True)).path
    assert path is not None
    head, middle, tail = path.read_text("utf-8").split("    pass\n")
    body = [indent(dedent(lines).strip(), "    ") + "\n" for lines in (up, down)]
    path.write_text(f"{head}{body[0]}{middle}{body[1]}{tail}", "utf-8")
    return path
