"""Calls inside a unit of work that need no Session: sent by the driver, in the transaction of the unit.

Rows are the session's all the same: in its identity map, and put back by a rollback. Where something waits to be
flushed, or anybody listens, the session does it.
"""

from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import object_session

from activerow.database.execution.calls import Read, Work, Write
from activerow.database.execution.direct import Direct, Way
from activerow.database.unit import Unit, UnitSession

T = TypeVar("T")


class Inside:
    """Carries out calls in the units of one database; each holds the unit's lock."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct

    def reading(self, read: Read[T]) -> Work[T]:
        """What carries out a read in a session, in the shortest way."""

        async def work(session: AsyncSession) -> T:
            if isinstance(session, UnitSession) and (found := await self._read(read, session.unit)) is not None:
                return found
            return await AsyncSession.run_sync(session, read.run)

        return work

    def writing(self, write: Write[Any]) -> Work[None]:
        """What carries out a write in a session, in the shortest way."""

        async def work(session: AsyncSession) -> None:
            if not isinstance(session, UnitSession) or not await self._write(write, session.unit):
                await write.work(session)

        return work

    def _way(self, unit: Unit) -> Way | None:
        way = self._direct.way()
        return way if way is not None and unit.engine is way.engine and way.channel.serves_units else None

    async def _read(self, read: Read[T], unit: Unit) -> T | None:
        """Read by the driver; None where the session has to."""
        way = self._way(unit)
        if way is None:
            return None
        found = read.at_hand(unit.sync)
        if found is not None:
            return found
        ready = read.inside(way.prepared)
        if ready is None or ready.command is None or (connection := await unit.connection()) is None:
            return None
        try:
            rows, _, _ = await way.channel.run_inside(connection, ready.command, ready.parameters, unit.route)
        except Exception as error:
            unit.fail(error)
            raise
        try:
            return read.held(rows, unit.sync)
        except NotImplementedError:
            return None

    async def _write(self, write: Write[Any], unit: Unit) -> bool:
        """Write by the driver; says whether that could be done."""
        if write.row is not None and object_session(write.row) is not unit.sync:
            return False  # nothing may be awaited between the question whose a row is and taking it
        way = self._way(unit)
        if way is None or (connection := await unit.connection(write.row)) is None:
            return False
        ready = write.inside(way.prepared, unit.sync)
        if ready is None or ready.command is None:
            return ready is not None
        unit.writes += 1
        unit.near = write.model
        try:
            answer = await way.channel.run_inside(connection, ready.command, ready.parameters, unit.route)
            write.written_inside(*answer, unit.sync)
        except BaseException as error:
            write.undo()
            if isinstance(error, Exception):
                unit.fail(error, wrote=True)
            raise
        return True
