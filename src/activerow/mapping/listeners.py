"""Whether somebody else listens to what happens to rows, mappers or sessions, and would miss what is done past them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_CONFIGURING: Final = "sqlalchemy.orm.mapper"
"""Where SQLAlchemy's own listener is, which configures mappers when the first row is made."""


def own_listener(listener: F) -> F:
    """Mark a listener of ours, which the direct path does not need."""
    listener.activerow = True  # type: ignore[attr-defined]  # functions take attributes, their type does not say so
    return listener


class Listeners:
    """The listeners of some events, and whether all of them are ours; looked at again when one more or less is there.

    Args:
        events: The dispatch of a class manager, a mapper or an attribute, and names of its events.
    """

    __slots__ = ("_collections", "_lengths", "_ours")

    def __init__(self, *events: tuple[Any, Iterable[str]]) -> None:
        self._collections: list[Sequence[Any]] = [
            listeners for dispatch, names in events for name in names for listeners in _collections(dispatch, name)
        ]
        self._lengths: list[int] = []
        self._ours = True

    def are_ours(self) -> bool:
        """Whether nobody else listens now."""
        lengths = [*map(len, self._collections)]
        if lengths != self._lengths:
            self._lengths, self._ours = lengths, not any(map(_foreign, self._collections))
        return self._ours


def _collections(dispatch: Any, name: str) -> tuple[Sequence[Any], ...]:
    """What SQLAlchemy keeps the listeners in, which stays the same while they come and go."""
    listeners = getattr(dispatch, name).for_modify(dispatch)
    return listeners.listeners, listeners.parent_listeners


def _foreign(listeners: Iterable[Any]) -> bool:
    return any(
        not getattr(listener, "activerow", False) and getattr(listener, "__module__", None) != _CONFIGURING
        for listener in listeners
    )
