"""What an editor shows for queries; checked by mypy and pyright, never run."""

from datetime import datetime
from decimal import Decimal
from typing import Any, assert_type

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Q
from activerow.paging import CursorPage, Page
from activerow.query.query import Query


class Base(ActiveRecord, DeclarativeBase):
    """Tables of this page."""


class User(Base):
    """An author."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    age: Mapped[int | None]
    balance: Mapped[Decimal]
    created_at: Mapped[datetime]
    posts: Mapped[list["Post"]] = relationship()


class Post(Base):
    """Something an author wrote."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)


class UserQuery(Query[User]):
    """A query with links of its own."""

    def adults(self) -> "UserQuery":
        return self.where(User.age >= 18)


def starts(session: AsyncSession) -> None:
    """What a model starts is a query of that model."""
    assert_type(User.query(), Query[User])
    assert_type(User.filter_by(age__gte=18), Query[User])
    assert_type(User.filter_by({"age": 18}, session=session), Query[User])
    assert_type(User.where(User.age > 3, Q(age=1) | ~Q(posts__id=2), session=session), Query[User])
    assert_type(User.order_by("-age", User.id.desc()), Query[User])


def links() -> None:
    """A link keeps the type, also that of a subclass."""
    query = User.where(User.age > 3).limit(1)
    assert_type(query, Query[User])
    assert_type(query.order_by("id").offset(1).distinct().include("posts", User.posts), Query[User])
    assert_type(query.only(User.age).defer("balance").for_update(nowait=True).options(), Query[User])
    assert_type(query.include("posts", where=Q(id=1)).include(User.posts, where=Post.id > 1), Query[User])
    assert_type(query.join(User.posts).join(Post, Post.id == User.id, outer=True).using(None), Query[User])
    assert_type(query.statement, Select[User])
    assert_type(UserQuery(User).adults().filter_by(age=3).limit(1), UserQuery)


async def terminals() -> None:
    """A terminal says what it gives."""
    query = User.query()
    assert_type(await query.all(), list[User])
    assert_type(await query.first(), User | None)
    assert_type(await User.filter_by(email="a").first(), User | None)
    assert_type(await query.last(), User | None)
    assert_type(await query.one(), User)
    assert_type(await query.one_or_none(), User | None)
    assert_type(await query.get(1), User)
    assert_type(await query.get_or_none(1), User | None)
    assert_type(await query.get_many([1, 2]), list[User])
    assert_type(await query.exists(), bool)
    assert_type(await query.count(), int)
    assert_type(await query.update(age=3), int)
    assert_type(await query.delete(auto_commit=True), int)


async def pages(cursor: str | None) -> None:
    """A page knows what its items are, also after `map`."""
    page = await User.query().page(1)
    assert_type(page, Page[User])
    assert_type(page.items, list[User])
    assert_type([user.id for user in page], list[int])
    assert_type(page.map(lambda user: user.balance), Page[Decimal])
    following = await User.order_by("-age").after(cursor, size=20)
    assert_type(following, CursorPage[User])
    assert_type(following.next, str | None)
    assert_type(following.map(lambda user: user.id), CursorPage[int])
    assert_type(await UserQuery(User).adults().page(2, size=10), Page[User])


async def columns() -> None:
    """Columns keep their types where they are given as attributes."""
    query = User.query()
    assert_type(await query.pluck(User.balance), list[Decimal])
    assert_type(await query.pluck("balance"), list[Any])
    assert_type(await query.max(User.created_at), datetime | None)
    assert_type(await query.values("id", User.age), list[dict[str, Any]])


async def by_key() -> None:
    """`get` gives a row, `get_or_none` perhaps."""
    assert_type(await User.get(1), User)
    assert_type(await User.get(email="a", lock=True), User)
    assert_type(await User.get_or_none((1, 2)), User | None)
    assert_type(await Post.query().get_many([1, 2]), list[Post])
