"""The listeners that activerow itself has on an engine: every other one belongs to the program."""

from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

_own: "WeakKeyDictionary[Engine, dict[str, deque[Any]]]" = WeakKeyDictionary()


def listen(engine: Engine, name: str, listener: Callable[..., Any], **options: Any) -> None:
    """`event.listen`, remembering that the listener is ours."""
    event.listen(engine, name, listener, **options)
    # What is stored may be a wrapper that SQLAlchemy made.
    _own.setdefault(engine, {}).setdefault(name, deque()).append(collection(engine, name).listeners[-1])


def own_listeners(engine: Engine, name: str) -> deque[Any]:
    """Ours, in the order in which they are called."""
    return deque(_own.get(engine, {}).get(name, ()))


def collection(engine: Engine, name: str) -> Any:
    """What SQLAlchemy keeps the listeners of an event in: of the engine, of its pool, or of its dialect.

    It stays the same while listeners come and go; `.parent_listeners` are those on the classes.
    """
    holder = next(holder for holder in (engine, engine.pool, engine.dialect) if hasattr(holder.dispatch, name))
    dispatch: Any = holder.dispatch
    return getattr(dispatch, name).for_modify(dispatch)
