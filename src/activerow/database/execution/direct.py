"""The direct path: whether a lone call may take it, and the way it takes."""

from collections import deque
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.direct import Channel, channel_of
from activerow.database.engine import EngineSet
from activerow.database.execution.calls import Prepared
from activerow.database.execution.scope import Scopes
from activerow.database.unit import UnitSyncSession

_SESSION_EVENTS: Final = (
    *("do_orm_execute", "after_begin", "before_commit", "after_commit", "after_rollback", "after_soft_rollback"),
    *("before_flush", "after_flush", "after_flush_postexec", "before_attach", "after_attach", "loaded_as_persistent"),
    *("transient_to_pending", "pending_to_persistent", "persistent_to_detached", "detached_to_persistent"),
    *("persistent_to_deleted", "deleted_to_detached", "after_transaction_create", "after_transaction_end"),
)


def _listeners() -> "tuple[deque[Any], ...]":
    """Who listens to every session: a tenant's filter in `do_orm_execute`, say, must see each call."""
    found: list[Any] = [getattr(UnitSyncSession.dispatch, name) for name in _SESSION_EVENTS]
    for events in found:
        events.update_subclass(UnitSyncSession)
    return tuple(events._clslevel[UnitSyncSession] for events in found)


_LISTENERS: Final = _listeners()
_OWN: Final = [len(listeners) for listeners in _LISTENERS]


class Way:
    """The channel of an engine, and the statements that were prepared for it."""

    __slots__ = ("channel", "engine", "prepared")

    def __init__(self, engine: AsyncEngine, channel: Channel) -> None:
        self.engine, self.channel = engine, channel
        self.prepared = Prepared(engine.dialect)


class Direct:
    """The direct path of one database."""

    def __init__(self, engines: EngineSet, scopes: Scopes) -> None:
        self._engines, self._scopes = engines, scopes
        self._way: Way | None = None

    def way(self) -> Way | None:
        """The way of a lone call, if it may go without a Session; None where somebody would miss that.

        Raises:
            NotBoundError, UsageError: The database has no URL, or is in use on another event loop.
        """
        engines = self._engines
        engine = engines.primary
        way = self._way
        if way is None or way.engine is not engine:
            channel = channel_of(engine) if engines.options.direct else None
            if channel is None:
                return None
            channel.route = self._route
            way = self._way = Way(engine, channel)
        if engines.enclosed or not engines.options.direct or not way.channel.is_clear():
            return None
        return way if [*map(len, _LISTENERS)] == _OWN else None

    def _route(self) -> str | None:
        """The request that the current task works for, for those who hear of statements."""
        request = self._scopes.request()
        return request.label if request is not None else None
