"""What an editor shows for units of work; checked, never run."""

import asyncio
from typing import assert_type

from activerow import Database
from typing_tests.model import User

db = Database()


@db.transactional(retries=2)
async def register(name: str) -> User:
    return await User.create(name=name)


async def units() -> None:
    """A decorated function is a coroutine function still: it can be a task."""
    assert_type(await register("ada"), User)
    task = asyncio.create_task(register(name="ada"))
    assert_type(await task, User)
    assert_type(await db.run(lambda: register("ada")), User)
