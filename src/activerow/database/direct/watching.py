"""Whether somebody else listens to an engine, and would miss what is sent past SQLAlchemy."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Engine

from activerow.database.engine import collection, own_listeners

_STATEMENTS: Final = (
    *("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"),
    *("begin", "commit", "rollback", "engine_connect"),
    *("do_execute", "do_execute_no_params", "handle_error"),
)
_CONNECTIONS: Final = ("checkout", "checkin", "reset")


class Watch:
    """Knows whether the listeners of some events are activerow's own and nobody else's: by identity."""

    __slots__ = ("_foreign", "_found", "_own")

    def __init__(self, engine: Engine, events: Iterable[str]) -> None:
        foreign: list[Any] = []
        found: list[Any] = []
        own: list[deque[Any]] = []
        for name in events:
            listeners = collection(engine, name)
            foreign.append(listeners.parent_listeners)
            ours = own_listeners(engine, name)
            if ours:
                found.append(listeners.listeners)
                own.append(ours)
            else:
                foreign.append(listeners.listeners)
        self._foreign, self._found, self._own = tuple(foreign), tuple(found), tuple(own)

    def is_ours(self) -> bool:
        """Whether nobody else listens now."""
        return not any(self._foreign) and self._found == self._own


def statements(engine: Engine) -> Watch:
    """Of the events of statements and transactions."""
    return Watch(engine, _STATEMENTS)


def connections(engine: Engine) -> Watch:
    """Of the events of connections that are taken and given back; those of its present pool."""
    return Watch(engine, _CONNECTIONS)
