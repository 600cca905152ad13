"""Models and tools of the tests about units of work."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any

from sqlalchemy import ForeignKey, String, event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.pool import QueuePool

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the tests about units."""


class User(Base):
    """Somebody with money."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None] = mapped_column(String(20))
    balance: Mapped[int] = mapped_column(default=0)
    posts: Mapped[list["Post"]] = relationship(back_populates="user")


class Post(Base):
    """Something somebody wrote."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(back_populates="posts")


async def emails(other: OtherConnection) -> list[str]:
    """The e-mails that another connection sees."""
    return await other.column("SELECT email FROM users ORDER BY email")


def held(db: Database) -> int:
    """How many connections of the pool are in use."""
    pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def on(db: Database, name: str, act: Callable[[], object]) -> None:
    """Call `act` at each event `name` of the engine: `before_cursor_execute`, `commit`, `rollback`..."""

    def listener(*_: object) -> None:
        act()

    event.listen(db.engine.sync_engine, name, listener)


class Statements:
    """Counts what is sent to the database, by first word."""

    def __init__(self, db: Database) -> None:
        self.sent: list[str] = []
        event.listen(db.engine.sync_engine, "before_cursor_execute", self._note)
        for name in ("commit", "rollback"):
            event.listen(db.engine.sync_engine, name, partial(self._ended, name.upper()))

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.sent.append(statement)

    def _ended(self, word: str, _connection: object) -> None:
        self.sent.append(word)

    def count(self, word: str) -> int:
        """How many statements began with `word`."""
        return sum(statement.startswith(word) for statement in self.sent)


# -- lost connections ------------------------------------------------------------------------------------------------


async def cut_off(session: AsyncSession, backend: Backend, other: OtherConnection) -> None:
    """Let the server close the connection of `session`, in the middle of its transaction."""
    if backend.dialect == "postgresql":
        number = await session.scalar(text("SELECT pg_backend_pid()"))
        await other.execute(f"SELECT pg_terminate_backend({number}, 5000)")
    else:
        number = await session.scalar(text("SELECT CONNECTION_ID()"))
        await other.execute(f"KILL {number}")


# -- cancellation at any moment --------------------------------------------------------------------------------------


class Cancelled:
    """Runs `work` and cancels its own task where it waits for the `moment`-th time.

    Args:
        work: What to run.
        moment: 1 is the first time.
        late: Cancel when what was waited for is there, so that the cancellation meets the answer.
        times: Cancel again at so many of the following waits, as an anyio scope does.
    """

    def __init__(self, work: Coroutine[Any, Any, Any], moment: int, *, late: bool = False, times: int = 1) -> None:
        self._work, self._moment, self._late, self._times = work, moment, late, times
        self.waits = 0

    @property
    def reached(self) -> bool:
        """Whether the moment came before the work was done."""
        return self.waits >= self._moment

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[], Any] = partial(self._work.send, None)
        while True:
            try:
                future = resume()
            except StopIteration as done:
                return done.value
            self.waits += 1
            if self._moment <= self.waits < self._moment + self._times:
                self._cancel(future)
            try:
                yield future
            except BaseException as thrown:  # noqa: BLE001  (handed on to the work)
                resume = partial(self._work.throw, thrown)
            else:
                resume = partial(self._work.send, None)

    def _cancel(self, future: "asyncio.Future[Any] | None") -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._late and future is not None:
            # Registered before the task's own wake-up: the answer has come, the task has not seen it.
            future.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


async def cancelled_everywhere(
    work: Callable[[int], Coroutine[Any, Any, None]],
    check: Callable[[int, bool], Awaitable[None]],
    *,
    late: bool = False,
    times: int = 1,
) -> int:
    """Run `work(n)` again and again, cancelled one wait later each time, until it gets through uncancelled.

    After each run `check(n, cancelled)` is awaited. Gives the number of moments.
    """
    number = 0
    while True:
        number += 1
        run = Cancelled(work(number), number, late=late, times=times)
        task = asyncio.ensure_future(run)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
        await check(number, task.cancelled())
        if not run.reached:
            return number
