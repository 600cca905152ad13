"""The hook that a task runs in, and how one is called."""

import inspect as python
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import in_greenlet

from activerow.errors import UsageError
from activerow.mapping import Changes, Hook

Await = Callable[[Awaitable[object]], object]
"""Waits for what an async hook returned; called in a greenlet."""

_DEEPEST: Final = 16


class Running:
    """A hook that runs now, in this task or in the one that started it."""

    __slots__ = ("active", "depth", "hook", "inside_flush", "outer", "session")

    def __init__(self, hook: str, session: Session, outer: "Running | None", *, inside_flush: bool) -> None:
        self.hook, self.session, self.outer = hook, session, outer
        self.inside_flush = inside_flush
        self.depth: int = 1 if outer is None else outer.depth + 1
        self.active = True


RUNNING: Final[ContextVar[Running | None]] = ContextVar("activerow_hook", default=None)
"""The hook that the current task runs in, if any."""


def running_in(session: Session) -> Running | None:
    """The hook of a row of `session` that the current task runs in."""
    running = RUNNING.get()
    while running is not None and not (running.active and running.session is session):
        running = running.outer
    return running


def refuse_inside_flush(session: Session) -> None:
    """Refuse a call of a hook that runs in the middle of a flush.

    Raises:
        UsageError: It does.
    """
    if RUNNING.get() is None:
        return
    running = running_in(session)
    if running is not None and running.inside_flush:
        raise UsageError(
            f"{running.hook} runs inside the flush that reached its row, where the database cannot be asked;"
            f" set columns only, or delete and change the row in a call of its own"
        )


def call(
    hook: Hook, session: Session, row: object, changes: Changes, wait: Await, *, inside_flush: bool = False
) -> None:
    with in_hook(hook, session, inside_flush=inside_flush):
        result = hook.call(row, changes)
        if python.isawaitable(result):
            if not in_greenlet():
                if python.iscoroutine(result):
                    result.close()
                raise UsageError(f"{hook.label} is async, and runs in a Session without asyncio; use an AsyncSession")
            wait(result)


@contextmanager
def in_hook(hook: Hook, session: Session, *, inside_flush: bool = False) -> Generator[None, None, None]:
    outer = RUNNING.get()
    running = Running(hook.label, session, outer, inside_flush=inside_flush)
    if outer is not None and running.depth > _DEEPEST:
        raise UsageError(f"{outer.hook} leads to itself: what it saves has called it again, {_DEEPEST} times by now")
    RUNNING.set(running)
    try:
        yield
    finally:
        running.active = False
        RUNNING.set(outer)
