"""Telling those who subscribed what a commit has made true."""

import inspect as python
import logging
from collections.abc import Awaitable, Callable, Iterable

from activerow.mapping import Change, hooks_of, subscribers

logger = logging.getLogger("activerow")

CommitHook = Callable[[], Awaitable[object] | object]


class News:
    """What was written in a block of a unit: one of its commit hooks, dropped with it when it is rolled back."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def __call__(self) -> None:
        """Tell each subscriber what concerns it; one that fails is logged, the others still hear."""
        wanted: dict[Callable[..., object], list[type]] = {}
        for model, hook in subscribers():
            wanted.setdefault(hook.function, []).append(model)
        for function, models in wanted.items():
            changes = [change for change in self.changes if issubclass(change.model, tuple(models))]
            if changes:
                await _tell(function, changes)


async def _tell(function: Callable[..., object], changes: list[Change]) -> None:
    try:
        result = function(changes)
        if python.isawaitable(result):
            await result
    except Exception:
        logger.exception("a listener to commits failed: %r", function)


def note(hooks: list[CommitHook], changes: Iterable[Change]) -> None:
    """Add what was written to the commit hooks of a block, if anybody wants to hear of it."""
    wanted = [change for change in changes if (known := hooks_of(change.model)) is not None and known.committed]
    if not wanted:
        return
    news = next((hook for hook in reversed(hooks) if isinstance(hook, News)), None)
    if news is None:
        hooks.append(news := News())
    news.changes += wanted


def merged(hooks: list[CommitHook]) -> list[CommitHook]:
    """The hooks with all the news in one, where the first of them stands."""
    news = [hook for hook in hooks if isinstance(hook, News)]
    for later in news[1:]:
        news[0].changes += later.changes
    return [hook for hook in hooks if not isinstance(hook, News) or hook is news[0]]
