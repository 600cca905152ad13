"""The lock of a unit: one call at a time, and a savepoint alone with the tasks that belong to it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from activerow.errors import SessionConflictError, UsageError


class Block(Protocol):
    """What the lock must know of a level: whose it is, for the rule and for messages."""

    task: "asyncio.Task[object] | None"

    @property
    def label(self) -> str:
        """What was opened and where."""
        ...


class _Waiter:
    __slots__ = ("block", "future", "task")

    def __init__(self, task: "asyncio.Task[object]", block: Block, future: "asyncio.Future[None]") -> None:
        self.task, self.block, self.future = task, block, future


class UnitLock:
    """Lets one task at a time use the session of a unit.

    A call takes the lock at the level its task belongs to: the unit, or a savepoint in it. While a savepoint is open
    only its own task and the tasks started inside it get the lock; the others wait until the savepoint has ended,
    because a ROLLBACK TO would undo what they wrote in between. The lock is re-entrant, first come first served.

    `Unit.run` takes and releases it by itself where nobody else wants it: that is once for every call.
    """

    __slots__ = ("_timeout", "astray", "depth", "levels", "owner", "waiters")

    def __init__(self, root: Block, timeout: float) -> None:
        self.levels: list[Block] = [root]
        self._timeout = timeout
        self.owner: asyncio.Task[object] | None = None
        self.depth = 0
        self.astray: dict[asyncio.Task[object], int] = {}  # calls that go on without the lock they had lent
        self.waiters: deque[_Waiter] = deque()

    async def acquire(self, block: Block) -> None:
        """Wait for the turn of the calling task at `block`.

        Raises:
            SessionConflictError: Another task kept a savepoint open for longer than `pool_timeout`.
        """
        task = current_task()
        if self.owner is task:
            self.depth += 1
        elif self.owner is None and self._admits(task, block):
            self.owner, self.depth = task, 1
        else:
            await self._wait(task, block)

    async def acquire_for_the_end(self, block: Block) -> None:
        """Wait for the call under way, if any, then end `block`, whatever savepoints are still open inside it."""
        if block in self.levels:
            del self.levels[self.levels.index(block) + 1 :]
        await self.acquire(block)

    def release(self) -> None:
        """Give the turn to the first task waiting that may have it."""
        if self.astray and self.is_astray():
            self._find_back()
            return
        self.depth -= 1
        if not self.depth:
            self.owner = None
            if self.waiters:
                self._wake()

    @asynccontextmanager
    async def lent(self, block: Block) -> AsyncGenerator[None, None]:
        """Let others have the lock for the block, which runs code of the program, and wait for it again.

        Raises:
            SessionConflictError: Another task kept a savepoint open for longer than `pool_timeout`.
        """
        depth = self.depth
        self.owner, self.depth = None, 0
        self._wake()
        try:
            yield
        finally:
            await self._take_back(block, depth)

    async def _take_back(self, block: Block, depth: int) -> None:
        cancelled: asyncio.CancelledError | None = None
        while True:
            try:
                await self.acquire(block)
            except asyncio.CancelledError as again:  # the call has to end in order: others may be in the session now
                cancelled = again
            except BaseException:
                self.astray[current_task()] = depth
                raise
            else:
                break
        self.depth = depth
        if cancelled is not None:
            raise cancelled

    def is_astray(self) -> bool:
        """Whether the current task could not have the lock back that it had lent."""
        return asyncio.current_task() in self.astray

    def _find_back(self) -> None:
        task = current_task()
        self.astray[task] -= 1
        if not self.astray[task]:
            del self.astray[task]

    def push(self, block: Block) -> None:
        """Open a savepoint: from now on only its tasks get the lock."""
        self.levels.append(block)

    def pop(self, block: Block) -> None:
        """End a savepoint, and those still open inside it."""
        if block in self.levels:
            del self.levels[self.levels.index(block) :]
        self._wake()

    def _admits(self, task: "asyncio.Task[object]", block: Block) -> bool:
        top = self.levels[-1]
        # On Python 3.11 `asyncio.wait_for` enters a block in a task of its own: then the block is whoever's goes on.
        return top is block or top.task is task or block not in self.levels or (top.task is None or top.task.done())

    def _wake(self) -> None:
        if self.owner is not None:
            return
        for waiter in self.waiters:
            if not waiter.future.done() and self._admits(waiter.task, waiter.block):
                self.owner, self.depth = waiter.task, 1
                waiter.future.set_result(None)
                return

    async def _wait(self, task: "asyncio.Task[object]", block: Block) -> None:
        waiter = _Waiter(task, block, asyncio.get_running_loop().create_future())
        self.waiters.append(waiter)
        try:
            while not waiter.future.done():
                awaited: set[asyncio.Future[Any]] = {waiter.future}
                holder = self.levels[-1].task
                if holder is not None and not self._admits(task, block):
                    awaited.add(holder)  # it may be gone without having ended its savepoint
                done, _ = await asyncio.wait(awaited, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
                self._wake()
                if not done and not waiter.future.done() and not self._admits(task, block):
                    raise self._conflict(task)  # noqa: TRY301
        except BaseException:
            if waiter.future.done():
                self.release()
            raise
        finally:
            self.waiters.remove(waiter)

    def _conflict(self, task: "asyncio.Task[object]") -> SessionConflictError:
        top = self.levels[-1]
        holder = "another task" if top.task is None else f"task {top.task.get_name()!r}"
        return SessionConflictError(
            f"task {task.get_name()!r} waited {self._timeout:g} s for {top.label}, which {holder} keeps open;"
            f" start the task inside that block, or end the block before waiting for the task",
            units=(self.levels[0].label, top.label),
        )


def current_task() -> "asyncio.Task[object]":
    """The running task.

    Raises:
        UsageError: There is none: the caller is a plain callback of the event loop.
    """
    task = asyncio.current_task()
    if task is None:
        raise UsageError("activerow must be awaited in an asyncio task")
    return task
