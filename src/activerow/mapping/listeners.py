"""Whether somebody else listens to what happens to rows, mappers or sessions, and would miss what is done past them."""

import copy
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_CONFIGURING: Final = "sqlalchemy.orm.mapper"
"""Where SQLAlchemy's own listener is, which configures mappers when the first row is made."""


def own_listener(listener: F) -> F:
    """Mark a listener of ours, which the direct path does not need."""
    listener.activerow = True  # type: ignore[attr-defined]  # functions take attributes, their type does not say so
    return listener


class Listeners:
    """The listeners of some events, and whether all of them are ours; looked at again when one comes or goes.

    Args:
        events: The dispatch of a class manager, a mapper or an attribute, and names of its events.

    Attributes:
        ours: Whether nobody else listened when it was looked at last.
        unchanged: Whether the listeners are still those; called for each row or statement, so it is no function of
            ours.
    """

    __slots__ = ("_collections", "_known", "ours", "unchanged")

    def __init__(self, *events: tuple[Any, Iterable[str]]) -> None:
        self._collections: list[Sequence[Any]] = [
            listeners for dispatch, names in events for name in names for listeners in _collections(dispatch, name)
        ]
        self._known: list[Sequence[Any]] = []
        self.ours = True
        self.unchanged: Callable[[], bool] = partial(operator.eq, self._collections, self._known)

    def are_ours(self) -> bool:
        """Whether nobody else listens now."""
        if not self.unchanged():
            self._known[:] = map(copy.copy, self._collections)
            self.ours = not any(map(_foreign, self._collections))
        return self.ours


def _collections(dispatch: Any, name: str) -> tuple[Sequence[Any], ...]:
    """What SQLAlchemy keeps the listeners in, which stays the same while they come and go."""
    listeners = getattr(dispatch, name).for_modify(dispatch)
    return listeners.listeners, listeners.parent_listeners


def _foreign(listeners: Iterable[Any]) -> bool:
    return any(
        not getattr(listener, "activerow", False) and getattr(listener, "__module__", None) != _CONFIGURING
        for listener in listeners
    )
