"""One way to do the tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from benchmarks.tasks import CONCURRENT, GETS

Dialect: TypeAlias = Literal["sqlite", "postgresql", "mysql"]
POOL = 10  # connections, of each peer that lets one choose


@dataclass(frozen=True)
class Target:
    """The database of a worker; `name` is a file on SQLite."""

    dialect: Dialect
    name: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""

    @property
    def login(self) -> str:
        """The part of a URL between `//` and `/`."""
        account = f"{self.user}:{self.password}" if self.password else self.user
        return f"{account}@{self.host}:{self.port}"


class Peer:
    """A way to do the tasks: a coroutine method for each that it can do, called with the number of the call.

    Attributes:
        doomed: Keys of the rows that `load_delete` may delete.
    """

    doomed: list[int]

    async def open(self, target: Target) -> None:
        """Be ready for the first call."""

    async def close(self) -> None:
        """Give the connections back."""

    def posts(self, account: Any) -> Any:
        """The loaded posts of an account."""
        return account.posts

    async def concurrent_gets(self, i: int) -> object:
        """GETS rows by key, read by CONCURRENT tasks."""
        return await self.gets_by(i, CONCURRENT)

    async def gets_by(self, i: int, tasks: int) -> object:
        """GETS rows by key, read by `tasks` tasks that each make their share of the calls in turn."""
        get: Callable[[int], Awaitable[object]] = self.get  # type: ignore[attr-defined]
        share = GETS // tasks

        async def some(first: int) -> None:
            for number in range(first, first + share):
                await get(number)

        await asyncio.gather(*(some(i + task * share) for task in range(tasks)))
        return None
