"""The two funnels of calls that are data: `fetch` and `carry_out`. Each asks once which way a call goes.

A lone call goes by the driver's own call where no Session is needed. So does a call in a unit, in its transaction: rows
are its session's all the same, in its identity map, and put back by a rollback. Where something waits to be
flushed, or anybody listens, the session does it.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import object_session
from sqlalchemy.orm.base import instance_state

from activerow.database.execution.calls import Call, Read, Ready, Script, Write, given_session
from activerow.database.execution.direct import Direct, Way
from activerow.database.execution.sessions import Sessions
from activerow.database.unit import LISTENERS, Kind, UnitSession

T = TypeVar("T")


class Execution(Sessions):
    """Runs calls on the models of one database."""

    def __init__(self, *rule: Any, direct: Direct) -> None:
        super().__init__(*rule)
        self._direct = direct
        self._place, self._engines = direct.place, direct.engines

    async def fetch(self, read: Read[T]) -> T:
        """Carry out a read: by a driver's call alone where no Session is needed, else by the session of the call.

        Raises:
            ScopeClosedError, TransactionBrokenError, SessionConflictError: The unit cannot be used.
            DatabaseError: The database refused.
        """
        session = read.session
        if session is not None:
            session = given_session(session)
        elif self._place.get() is None or (level := self._scopes.here()) is None:
            return await self._read_alone(read)
        else:
            session = level.unit.session
        return await self._within(read, session, self._read_in, read)

    async def _read_alone(self, read: Read[T]) -> T:
        replicas = self._replicas
        to_replica = bool(replicas.members) and replicas.wanted(read.replica, read.model, read.operation)
        way = None if to_replica else self.way()
        try:
            ready = read.ready(way.prepared) if way is not None else None
            if way is not None and ready is not None and ready.command is not None:
                rows, _, _ = await way.channel.run(ready.command, ready.parameters)
                return read.made_of(rows)
            script = read.script(way.prepared) if way is not None and ready is None else None
            if way is not None and script is not None:
                with suppress(NotImplementedError):  # a type that a driver alone cannot read: nothing is lost but time
                    return await _follow(script, way)
        except Exception as error:
            told = self._told(error, read, None)
            if told is error:
                raise
            raise told from error
        return await self._read_in_unit(read, partial(self._read_in, read=read), to_replica=to_replica)

    async def carry_out(self, write: Write[T]) -> T:
        """Carry out the write of a row: one statement where that is enough, else the work of a session.

        Raises:
            NestedCommitError: `auto_commit=True` inside `db.transaction()`; nothing was sent.
            SaveError: The database refused the write; its unit is broken.
        """
        if write.session is None and not write.refresh:
            level = None if self._place.get() is None else self._scopes.here()
            if level is not None and write.auto_commit is None and level.unit.kind is not Kind.SCOPED:
                unit, row = level.unit, write.row
                if row is None or (object_session(row) is unit.sync and instance_state(row) not in self._flights):
                    await self._within(write, unit.session, self._write_in, write)
                    return write.worked()
            if level is None and write.auto_commit is not False and (way := self.way()) is not None:
                ready, answer = await self._write_alone(write, way)
                if ready is not None:
                    return write.written(*answer)
        after = write.read_back if write.refresh else None
        call = Call(write.operation, write.model, write.row, write.session, write.values)
        await self.write(call, partial(self._write_in, write=write), auto_commit=write.auto_commit, after=after)
        return write.worked()

    async def _write_alone(self, write: Write[Any], way: Way) -> tuple[Ready | None, Any]:
        """Send the one statement of a write, if it has one, while no other task writes its row."""
        state = None if write.row is None else instance_state(write.row)
        while state is not None and (flight := self._flights.get(state)) is not None:
            await asyncio.wait([flight])
        try:
            ready = write.ready(way.prepared)
            if ready is None or ready.command is None:
                return ready, ((), 0, None)
            if state is None:
                return ready, await way.channel.run(ready.command, ready.parameters)
            flight = self._flights[state] = asyncio.get_running_loop().create_future()
            try:
                return ready, await way.channel.run(ready.command, ready.parameters)
            except BaseException:
                write.undo()
                raise
            finally:
                del self._flights[state]
                flight.set_result(None)
        except Exception as error:
            told = self._told(error, write, None)
            if told is error:
                raise
            raise told from error

    def way(self) -> Way | None:
        """The way of the driver's own calls; None where somebody would miss the Session.

        Raises:
            NotBoundError, UsageError: The database has no URL, or is in use on another event loop.
        """
        kept = self._engines.kept
        if kept is None or kept[0] is not asyncio.get_running_loop():
            kept = self._direct.look()
        way: Way | None = kept[1]
        if way is None or not way.channel.is_clear():
            return None
        return way if (LISTENERS.unchanged() and LISTENERS.ours) or LISTENERS.are_ours() else None

    # -- in a unit -----------------------------------------------------------------------------------------------

    async def _read_in(self, session: AsyncSession, read: Read[T]) -> T:
        """Read in a session, in the shortest way."""
        unit = session.unit if isinstance(session, UnitSession) else None
        way = None if unit is None else self.way()
        if unit is None or way is None or session.bind is not way.engine or not way.channel.serves_units:
            return await AsyncSession.run_sync(session, read.run)
        if read.looks_at_hand and (found := read.at_hand(unit.sync)) is not None:
            return found
        ready = read.inside(way.prepared)
        connection = None if ready is None or ready.command is None else await unit.connection()
        if connection is None or ready is None or ready.command is None:
            return await AsyncSession.run_sync(session, read.run)
        try:
            rows, _, _ = await way.channel.run_inside(connection, ready.command, ready.parameters, unit.route)
        except Exception as error:
            unit.fail(error)
            raise
        try:
            return read.held(rows, unit.sync)
        except NotImplementedError:
            return await AsyncSession.run_sync(session, read.run)

    async def _write_in(self, session: AsyncSession, write: Write[Any]) -> None:
        """Write in a session, in the shortest way."""
        unit = session.unit if isinstance(session, UnitSession) else None
        if unit is None:
            await write.work(session)
            return
        unit.refuse_write()
        way = self.way()
        serves = way is not None and session.bind is way.engine and way.channel.serves_units
        # Nothing may be awaited between the question whose a row is and taking it.
        serves = serves and (write.row is None or object_session(write.row) is unit.sync)
        connection = await unit.connection(write.row) if serves else None
        ready = write.inside(way.prepared, unit.sync) if way is not None and connection is not None else None
        if way is None or connection is None or ready is None:
            await write.work(session)
        elif ready.command is not None:
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


async def _follow(script: Script[T], way: Way) -> T:
    """Send the statements of a read one after the other."""
    try:
        ready = next(script)
        while True:
            rows: Any = ()
            if ready.command is not None:
                rows, _, _ = await way.channel.run(ready.command, ready.parameters)
            ready = script.send(rows)
    except StopIteration as end:
        found: T = end.value
        return found
