"""What an editor shows for mixins and stores; checked by mypy and pyright, never run."""

from datetime import datetime
from typing import assert_type

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord
from activerow.mixins import AutoTableName, Owned, Owner, SoftDelete
from activerow.query.query import Query
from activerow.store import Store


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class User(SoftDelete, Base):
    """Stays when it is deleted."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Post(Owned, Base, owners=[Owner(User, on_delete="CASCADE")]):
    """Belongs to a user."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    user: Mapped[User]


class UserStore(Store[User]):
    """A store of a model."""


async def soft_delete(user: User) -> None:
    """A deleted row is a row."""
    assert_type(user.deleted_at, datetime | None)
    assert_type(await user.delete(hard=True, auto_commit=True), None)
    assert_type(await user.restore(), User)
    assert_type(User.query().with_deleted(), Query[User])
    assert_type(User.filter_by(id=1).only_deleted().with_deleted(Post), Query[User])
    assert_type(await User.query().only_deleted().delete(hard=True), int)


def owners(post: Post) -> None:
    """An owner has the type that the model annotates."""
    assert_type(post.user, User)
    assert_type(post.user_id, int)


async def store(session: AsyncSession, user: User) -> None:
    """A store speaks of its model."""
    users = UserStore(session)
    assert_type(users.model, type[User])
    assert_type(await users.get(1), User)
    assert_type(await users.get_or_none(email="a"), User | None)
    assert_type(await users.create(id=1), User)
    assert_type(await users.get_or_create({"id": 1}), tuple[User, bool])
    assert_type(await users.update(user, id=2), User | None)
    assert_type(await users.save(user), User)
    assert_type(await users.delete(user, hard=True), None)
    assert_type(users.filter_by(id=1), Query[User])
    assert_type(await users.order_by("id").all(), list[User])
    assert_type(await Store[Post](session).get(1), Post)
