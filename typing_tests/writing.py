"""What an editor shows for writing; checked, never run."""

from collections.abc import AsyncGenerator
from typing import Any, assert_type

from sqlalchemy.ext.asyncio import AsyncSession

from typing_tests.model import User, db


async def rows(session: AsyncSession) -> None:
    """Creating gives the model's own type; an update without a change gives None."""
    user = await User.create({"age": 3}, session=session, auto_commit=False, refresh=True, email="a@b.c")
    assert_type(user, User)
    assert_type(user.fill(name="Ada"), bool)
    assert_type(await user.update(name="Ada"), User | None)
    assert_type(await user.save(), User)
    assert_type(await user.refresh("name", lock=True), User)
    assert_type(await user.load("posts", User.posts), User)
    assert_type(user.changes(), dict[str, tuple[object, object]])
    assert_type(user.to_dict(only=["id"]), dict[str, Any])
    assert_type(await User.get_or_create({"email": "a@b.c"}, {"age": 3}), tuple[User, bool])


async def many(path: list[dict[str, object]], session: AsyncSession) -> None:
    """Rows of any kind, from any kind of iterable; the answer is a number."""

    async def rows() -> AsyncGenerator[User]:
        yield User(email="a@b.c")

    async def tell(done: int) -> None:
        assert_type(done, int)

    assert_type(await User.create_many(path, session=session, batch=10, progress=print), int)
    assert_type(await User.create_many(rows(), auto_commit=False, progress=tell), int)
    assert_type(await User.upsert_many(({"age": n} for n in range(3)), by="email", update=["age"]), int)
    assert_type(await User.upsert_many([User()], by=User.email, update=(User.age, "name")), int)


async def columns(user: User) -> None:
    """Attributes keep the types that the mapping gives them."""
    assert_type(user.id, int)
    assert_type(user.name, str | None)


async def units() -> None:
    """A transaction yields the session of SQLAlchemy; a transactional function keeps its signature."""
    async with db.transaction() as session:
        assert_type(session, AsyncSession)
    assert_type(await transfer(1, amount="2"), int)


@db.transactional(retries=3)
async def transfer(account: int, *, amount: str) -> int:
    """A unit of work with parameters and an answer."""
    return account + len(amount)
