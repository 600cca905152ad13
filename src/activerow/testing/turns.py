"""The pool of a test: one connection, for one unit of work at a time."""

import asyncio
from collections.abc import Iterator
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry

from activerow.database import Database
from activerow.database.execution import RequestScope
from activerow.database.unit import Level, Unit, current_task
from activerow.errors import ScopeClosedError, UsageError

REMEDY = (
    "inside rolled_back() there is one connection, so units of work take turns: end the first before the second begins,"
    " or let the test run in emptied() instead"
)


class Turns(AsyncAdaptedQueuePool):
    """Hands one connection, which is not its own, from unit to unit; whoever would wait for itself is refused."""

    def __init__(self, db: Database, connection: Any) -> None:
        super().__init__(
            lambda: connection,
            pool_size=1,
            max_overflow=0,
            timeout=db.engines.options.pool_timeout,
            reset_on_return=None,
            dialect=db.engine.dialect,
        )
        self._db = db
        self._task: asyncio.Task[object] | None = None
        self._unit: Unit | None = None
        self._waiting = 0
        self._left = asyncio.Event()

    @property
    def in_use(self) -> bool:
        """Whether somebody has the connection, or waits for it."""
        return bool(self._waiting or self.checkedout())

    async def end(self) -> None:
        """Wait until nobody uses the connection any more."""
        while self.in_use:
            self._left.clear()
            await self._left.wait()

    def _do_get(self) -> ConnectionPoolEntry:
        task, units = current_task(), list(_units_around(self._db))
        if self.checkedout():
            self._refuse_waiting_for_itself(task, units)
        self._waiting += 1
        try:
            entry = super()._do_get()
        finally:
            self._waiting -= 1
            self._left.set()
        self._task, self._unit = task, units[0] if units else None
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._task = self._unit = None
        super()._do_return_conn(record)
        self._left.set()

    def _refuse_waiting_for_itself(self, task: "asyncio.Task[object]", units: list[Unit]) -> None:
        unit = self._unit
        if unit is not None and (unit in units[1:] or unit.root.task is task):
            raise UsageError(f"{unit.root.label} holds the connection that this call asks for; {REMEDY}")
        if self._task is task:
            raise UsageError(f"a session or connection that this task has open holds what this call asks for; {REMEDY}")

    def dispose(self) -> None:
        """Nothing: the connection is the test's."""

    def recreate(self) -> "Turns":
        """Itself: there is no other connection."""
        return self


def _units_around(db: Database) -> Iterator[Unit]:
    """The unit that the current task works in, and those around it."""
    try:
        place: object = db.scopes.here()
    except ScopeClosedError:
        place = None
    while place is not None:
        level = place.level if isinstance(place, RequestScope) else place
        if isinstance(level, Level):
            yield level.unit
        place = place.previous if isinstance(place, RequestScope | Level) else None
