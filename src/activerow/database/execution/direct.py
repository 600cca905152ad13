"""The direct path: whether a lone call may take it, and the way it takes."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.direct import Channel, channel_of
from activerow.database.engine import EngineSet
from activerow.database.execution.calls import Prepared
from activerow.database.execution.scope import Scopes


class Way:
    """The channel of an engine, and the statements that were prepared for it."""

    __slots__ = ("channel", "engine", "prepared")

    def __init__(self, engine: AsyncEngine, channel: Channel) -> None:
        self.engine, self.channel = engine, channel
        self.prepared = Prepared(engine.dialect)


class Direct:
    """The direct path of one database."""

    def __init__(self, engines: EngineSet, scopes: Scopes) -> None:
        self.engines, self._scopes = engines, scopes
        self.place = scopes.place

    def look(self) -> tuple[asyncio.AbstractEventLoop, Way | None]:
        """The running loop, and the way of the primary's engine on it if it has one."""
        engines, way = self.engines, None
        engine = engines.primary
        if engines.options.direct and not engines.enclosed and (channel := channel_of(engine)) is not None:
            channel.route = self._route
            way = Way(engine, channel)
        kept = engines.kept = asyncio.get_running_loop(), way
        return kept

    def _route(self) -> str | None:
        """The request that the current task works for, for those who hear of statements."""
        request = self._scopes.request()
        return request.label if request is not None else None
