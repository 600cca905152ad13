"""The blocks of a unit of work: what was opened where, the tasks in it, and the hooks that wait for its end."""

import asyncio
import enum
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Self, TypeVar

from sqlalchemy.orm import SessionTransaction

from activerow.database.unit.generator_hold import GeneratorHold
from activerow.database.unit.lock import current_task
from activerow.errors.call_site import CallSite

logger = logging.getLogger("activerow")

U = TypeVar("U")
Hook = Callable[[], Awaitable[object] | object]


class Kind(enum.Enum):
    """Who ends a unit, and so what `auto_commit` means in it."""

    CALL = "a lone call"
    TRANSACTION = "db.transaction()"
    REQUEST = "the request's Depends(db.session)"
    PENDING = "auto_commit=False"
    SCOPED = "db.scoped_session()"


class Block(Generic[U]):
    """An open block of a unit: the unit itself, or a savepoint in it."""

    __slots__ = (
        "closed",
        "commit_hooks",
        "hold",
        "joined",
        "kept",
        "opener",
        "outer",
        "previous",
        "read_only",
        "rollback_hooks",
        "savepoint",
        "site",
        "task",
        "unit",
    )

    def __init__(self, unit: U, opener: str, site: CallSite, outer: Self | None = None) -> None:
        self.unit, self.outer = unit, outer
        self.opener, self.site = opener, site
        self.task: asyncio.Task[object] | None = current_task()
        self.closed = False
        self.kept = False
        self.read_only: bool = outer is not None and outer.read_only
        self.joined: set[asyncio.Task[object]] = set()
        self.commit_hooks: list[Hook] = []
        self.rollback_hooks: list[Hook] = []
        self.savepoint: SessionTransaction | None = None
        self.hold: GeneratorHold | None = None
        self.previous: object = None  # what the context of the opening task held before

    @property
    def label(self) -> str:
        """What was opened and where, for messages."""
        return f"{self.opener} opened at {self.site}"

    def join(self, task: "asyncio.Task[object]") -> None:
        """Note that `task` works in this block; the block must not end before it."""
        if task is not self.task and task not in self.joined:
            self.joined.add(task)
            task.add_done_callback(self.joined.discard)

    def unfinished(self) -> tuple[str, ...]:
        """The names of the tasks that joined and still run, apart from the one that asks."""
        return tuple(sorted(task.get_name() for task in self.joined - {current_task()} if not task.done()))


async def run_hooks(hooks: list[Hook]) -> None:
    """Run `hooks` in order; one that fails is logged, the others still run."""
    for hook in hooks:
        try:
            result = hook()
            if inspect.isawaitable(result):
                await result
        except Exception:
            logger.exception("a transaction hook failed: %r", hook)
