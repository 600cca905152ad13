"""The direct path: whether a lone call may take it, and the way it takes."""

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.direct import Channel, channel_of
from activerow.database.engine import EngineSet
from activerow.database.execution.calls import Prepared
from activerow.database.execution.scope import Scopes
from activerow.database.unit import UnitSyncSession
from activerow.mapping import Listeners

_SESSIONS: Final[Any] = UnitSyncSession.dispatch
_LISTENERS: Final = Listeners((_SESSIONS._for_class(UnitSyncSession), _SESSIONS._event_names))
"""Who listens to every session: a tenant's filter in `do_orm_execute`, say, must see each call."""


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
        return way if _LISTENERS.are_ours() else None

    def _route(self) -> str | None:
        """The request that the current task works for, for those who hear of statements."""
        request = self._scopes.request()
        return request.label if request is not None else None
