"""What makes the units of work of one database, and says who of them holds a connection."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.direct import channel_of
from activerow.database.engine import EngineSet, Replicas, running_loop
from activerow.database.execution.scope import Scopes
from activerow.database.unit import Kind, Unit, UnitSession


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a connection: for `Database.connections`."""

    task: str
    route: str | None
    site: str
    since: float
    """Seconds since the connection was taken."""
    replica: str | None = None
    """The replica that it is connected to; None for the primary."""

    def __str__(self) -> str:
        """One line, for messages."""
        route = f" for {self.route}" if self.route else ""
        replica = f", on {self.replica}" if self.replica else ""
        return f"task {self.task!r}{route}, {self.site}, since {self.since:.1f} s{replica}"


class UnitFactory:
    """Makes units on the engines of a database; its scopes know which are open."""

    def __init__(self, scopes: Scopes, engines: EngineSet, replicas: Replicas) -> None:
        self.scopes, self.engines, self.replicas = scopes, engines, replicas

    def new(self, kind: Kind, immediate: bool | None, *, engine: AsyncEngine | None = None) -> Unit:
        """A unit, not yet open, on the primary or another `engine`."""
        session = functools.partial(UnitSession, engine or self.engines.primary)
        unit = Unit(kind, session, self.scopes, patience=self.engines.options.pool_timeout, immediate=immediate)
        request = self.scopes.request()
        unit.route = request.label if request is not None else None
        return unit

    def holders(self) -> tuple[Holder, ...]:
        """Who holds a connection now, longest first."""
        loop = running_loop()
        now = loop.time() if loop is not None else 0.0
        holders = [
            Holder(
                unit.root.task.get_name() if unit.root.task else "",
                unit.route,
                str(unit.root.site),
                now - unit.since,
                None if unit.engine is self.engines.primary else self.engines.address(unit.engine),
            )
            for unit in self.scopes.units
            if unit.since is not None and unit.sync.in_transaction()
        ]
        holders += (holder for engine in self.engines.made for holder in self._direct_holders(engine))
        return tuple(sorted(holders, key=lambda holder: -holder.since))

    def _direct_holders(self, engine: AsyncEngine) -> Iterator[Holder]:
        """The calls that run without a unit, and the request that each was made in."""
        channel = channel_of(engine)
        for holding in channel.holdings() if channel is not None else ():
            request = holding.context.run(self.scopes.request)
            route = request.label if request is not None else None
            replica = None if engine is self.engines.primary else self.engines.address(engine)
            yield Holder(holding.task, route, str(holding.site), holding.seconds, replica)
