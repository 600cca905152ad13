"""Whether somebody else listens to an engine, and would miss what is sent past SQLAlchemy."""

import operator
from collections import deque
from collections.abc import Callable
from functools import partial
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

    Attributes:
        others: Whether somebody else listens where nobody of ours does; no function of ours, as it is asked for each
            statement.
        is_same: Whether all that listen where ours do are ours.
    """

    __slots__ = ("is_same", "others")

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
        self.others: Callable[[], bool] = partial(any, foreign)
        self.is_same: Callable[[], bool] = partial(operator.eq, found, own)
