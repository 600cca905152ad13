"""What an editor shows for queries; checked, never run."""

from typing import assert_type

from activerow.aggregates import Count, Exists
from activerow.query.query import Query
from activerow.query.results.stream import Stream
from typing_tests.model import User


def links() -> None:
    """Every start and every link is a query of the model."""
    assert_type(User.query(), Query[User])
    assert_type(User.filter_by(email="a@b.c"), Query[User])
    assert_type(User.where(User.age > 3).limit(1), Query[User])
    assert_type(User.order_by("-created_at", User.id).offset(1), Query[User])
    assert_type(User.query().include("posts", User.posts).for_update(), Query[User])
    computed = User.query().annotate(posts_written=Count("posts"), busy=Exists("posts", id=1), old=User.age > 18)
    assert_type(computed.filter_by(posts_written=1), Query[User])


async def streams() -> None:
    """The rows of a stream are rows of the model, in a block or without one."""
    assert_type(User.query().on_replica().stream(batch=100), Stream[User])
    async for user in User.query().stream():
        assert_type(user, User)
    async with User.query().stream() as users:
        assert_type(users, Stream[User])
        assert_type(await anext(users), User)


async def terminals() -> None:
    """What an awaited terminal answers."""
    assert_type(await User.query().all(), list[User])
    assert_type(await User.filter_by(email="a@b.c").first(), User | None)
    assert_type(await User.query().last(), User | None)
    assert_type(await User.query().one(), User)
    assert_type(await User.query().one_or_none(), User | None)
    assert_type(await User.query().exists(), bool)
    assert_type(await User.query().count(), int)
    assert_type(await User.filter_by(name=None).update(name="Ada"), int)
    assert_type(await User.filter_by(name=None).delete(), int)


async def by_key() -> None:
    """`get` gives a row, `get_or_none` perhaps."""
    assert_type(await User.get(1), User)
    assert_type(await User.get(email="a@b.c"), User)
    assert_type(await User.get_or_none(1), User | None)
    assert_type(await User.query().get_many([1, 2]), list[User])
