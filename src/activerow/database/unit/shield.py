"""Finishing what must not be left half done when the task that started it is cancelled."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

logger = logging.getLogger("activerow")

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for which a cancelled task waits for the end of its transaction before the connection is given up."""

GRACE = 5.0
"""Seconds for which it then waits for the connection to be put away."""


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end even when the calling task is cancelled; the cancellation is raised afterwards.

    anyio cancels again and again until the task leaves its scope, so every cancellation is noted and waited out. A
    result that comes after a cancellation is dropped, an error is logged: the cancellation is what the caller sees.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    cancellation: asyncio.CancelledError | None = None
    deadline: float | None = None
    given_up = False
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=None if deadline is None else max(0.0, deadline - loop.time()))
        except asyncio.CancelledError as cancelled:
            cancellation = cancelled
            deadline = deadline or loop.time() + PATIENCE
            continue
        if not task.done() and given_up:
            break
        if not task.done():
            logger.error("the end of a transaction took more than %s s after a cancellation; given up", PATIENCE)
            task.cancel()
            given_up, deadline = True, loop.time() + GRACE
    if cancellation is None:
        return task.result()
    task.add_done_callback(_log_error)
    raise cancellation


def _log_error(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a transaction failed at its end, while its task was being cancelled", exc_info=error)
