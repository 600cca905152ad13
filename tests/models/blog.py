"""A small blog: the models of the tests about queries."""

import enum
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord
from activerow.mixins import AutoTableName, Timestamps
from activerow.types import UTCDateTime


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the blog."""


class Status(enum.Enum):
    """Whether somebody may write."""

    ACTIVE = "active"
    BLOCKED = "blocked"


class User(Timestamps, Base):
    """An author."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    age: Mapped[int | None]
    status: Mapped[Status] = mapped_column(default=Status.ACTIVE)
    balance: Mapped[Decimal] = mapped_column(Numeric(10, 2), default=Decimal(0))
    born: Mapped[date | None]
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    bio: Mapped[str | None] = mapped_column(Text)
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    boss: Mapped["User | None"] = relationship(remote_side="User.id", back_populates="staff")
    staff: Mapped[list["User"]] = relationship(back_populates="boss", order_by="User.id")
    posts: Mapped[list["Post"]] = relationship(back_populates="user", order_by="Post.id")
    published: Mapped[list["Post"]] = relationship(
        primaryjoin="and_(User.id == Post.user_id, Post.published)", viewonly=True, order_by="Post.id"
    )
    passport: Mapped["Passport | None"] = relationship(back_populates="user")

    @hybrid_property
    def is_adult(self) -> bool:
        """Old enough to vote."""
        return self.age is not None and self.age >= 18

    @is_adult.inplace.expression
    @classmethod
    def _is_adult_expression(cls) -> ColumnElement[bool]:
        return cls.age >= 18


class Passport(Base):
    """At most one of each author."""

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    user: Mapped[User] = relationship(back_populates="passport")


post_tags = Table(
    "post_tags",
    Base.metadata,
    Column("post_id", Integer, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, default=0, nullable=False),
)


class Post(Base):
    """Something an author wrote."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    published: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    user: Mapped[User | None] = relationship(back_populates="posts")
    comments: Mapped[list["Comment"]] = relationship(back_populates="post", order_by="Comment.id")
    tags: Mapped[list["Tag"]] = relationship(
        secondary=post_tags, back_populates="posts", order_by=post_tags.c.position.desc()
    )


class Comment(Base):
    """What somebody answered to a post."""

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    post: Mapped[Post] = relationship(back_populates="comments")
    author: Mapped[User | None] = relationship()


class Tag(Base):
    """A word to find posts by."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    posts: Mapped[list[Post]] = relationship(secondary=post_tags, back_populates="tags", order_by=Post.id)


class Seat(Base):
    """A row with a composite key, and a unique constraint over two columns."""

    __table_args__ = (UniqueConstraint("hall", "code"),)

    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hall: Mapped[str]
    code: Mapped[str]
    tickets: Mapped[list["Ticket"]] = relationship(back_populates="seat", order_by="Ticket.id")


class Ticket(Base):
    """Refers to a seat by its composite key."""

    __table_args__ = (ForeignKeyConstraint(["seat_row", "seat_number"], ["seats.row", "seats.number"]),)

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_row: Mapped[int | None]
    seat_number: Mapped[int | None]
    seat: Mapped[Seat | None] = relationship(back_populates="tickets")
