"""Whether somebody else listens to an engine, and would miss what is sent past SQLAlchemy."""

from collections import deque
from typing import Any, Final

from sqlalchemy import Engine

from activerow.database.engine import collection, own_listeners

_EVENTS: Final = (
    *("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"),
    *("begin", "commit", "rollback", "engine_connect"),
    *("do_execute", "do_execute_no_params", "handle_error"),
    *("checkout", "checkin", "reset"),
)


class Watch:
    """Knows, of an engine and its present pool, whether the listeners are activerow's own and nobody else's.

    They are told by identity. Of a connection that is taken or given back too: what is done to it then, as to choose
    a tenant, is meant for a session.
    """

    __slots__ = ("_foreign", "_found", "_own")

    def __init__(self, engine: Engine) -> None:
        foreign: list[Any] = []
        found: list[Any] = []
        own: list[deque[Any]] = []
        for name in _EVENTS:
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
