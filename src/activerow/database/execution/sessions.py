"""Which session a call uses, and who commits.

One question, asked in this order: the session given with the call, the session a row is attached to, the unit open in
the task's scope, or none, which is a unit of the call's own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_object_session
from sqlalchemy.orm import InstanceState, object_session
from sqlalchemy.orm.base import instance_state

from activerow.database.execution.calls import Call, Read, Work, Write, given_session
from activerow.database.execution.scope import Scopes
from activerow.database.failures import is_outdated, translate
from activerow.database.flush import running_in
from activerow.database.unit import Kind, Level, Unit, UnitSession, UnitSyncSession
from activerow.errors import ActiveRowError, SessionConflictError, TransientError, UsageError

T = TypeVar("T")


class NewUnit(Protocol):
    """Makes the units of a database."""

    def __call__(self, kind: Kind, immediate: bool | None, *, engine: AsyncEngine | None = None) -> Unit:
        """A unit, not yet open, on the primary or another `engine`."""
        ...


class Choice(Protocol):
    """Knows the replicas of a database."""

    members: Sequence[object]
    """None where nothing is ever read from a replica."""

    def wanted(self, asked: bool | None, model: type, operation: str) -> bool:
        """Whether a read outside any unit goes to a replica."""
        ...

    async def first_reachable(self, attempt: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        """What `attempt` gives for the first replica that can be reached, at last for the primary."""
        ...


class Sessions:
    """Runs calls in the session of each, in the units of one database."""

    def __init__(
        self,
        scopes: Scopes,
        new_unit: NewUnit,
        complete: Callable[[ActiveRowError, Unit | None], None],
        replicas: Choice,
    ) -> None:
        self._scopes, self._replicas = scopes, replicas
        self._complete = complete
        self._new_unit = new_unit
        self._flights: dict[InstanceState[Any], asyncio.Future[None]] = {}

    async def read(self, call: Call, work: Work[T]) -> T:
        """Run `work` with the session of the call; a lone read sees one consistent transaction.

        Raises:
            ScopeClosedError, TransactionBrokenError, SessionConflictError: The unit cannot be used.
            DatabaseError: The database refused.
        """
        session = await self._session(call)
        if session is None:
            to_replica = self._replicas.wanted(call.replica, call.model, call.operation)
            return await self._read_in_unit(call, work, to_replica=to_replica)
        return await self._within(call, session, work)

    async def _read_in_unit(self, call: Call | Read[Any], work: Work[T], *, to_replica: bool) -> T:
        """Read in a unit of the call's own, and in another one when tables were changed under a prepared statement."""
        try:
            return await self._alone(call, work, immediate=False, to_replica=to_replica)
        except TransientError as error:
            if not is_outdated(error):
                raise
        return await self._alone(call, work, immediate=False, to_replica=to_replica)

    async def write(
        self, call: Call, work: Work[T], *, auto_commit: bool | None = None, after: Work[None] | None = None
    ) -> T:
        """Run `work` with the session of the call and commit where nobody else will, or where `auto_commit` says.

        `after` runs once the write is done: after the commit where the call commits.

        Raises:
            NestedCommitError: `auto_commit=True` inside `db.transaction()`; nothing was sent.
            SaveError: The database refused the write; its unit is broken.
        """
        session = await self._session(call)
        if session is None and auto_commit is False:
            session = self.open_pending().session
        if session is None:
            return await self._alone(call, work, immediate=True, after=after)
        if not isinstance(session, UnitSession):
            return await self._borrowed(call, session, work, auto_commit=bool(auto_commit), after=after)
        unit = session.unit
        commits = self._commits(unit, auto_commit)

        before = unit.commits
        try:
            result = await self._within(call, session, self._step(unit, work, commits=commits, after=after))
        except BaseException as error:
            if unit.commits > before and unit.kind is Kind.PENDING:
                await self._scopes.end(unit, error)  # a cancellation met COMMIT, or what is read after it failed
            raise
        if commits and unit.kind is Kind.PENDING:
            await self._scopes.end(unit)
        elif commits:
            await self._scopes.run_hooks(unit.hooks_due())
        return result

    @staticmethod
    def _step(unit: Unit, work: Work[T], *, commits: bool, after: Work[None] | None) -> Work[T]:
        async def step(session: AsyncSession) -> T:
            unit.refuse_write()
            result = await work(session)
            if commits:
                await unit.commit()
            if after is not None:
                await after(session)
            return result

        return step

    async def refuse_nested_commit(self, call: Call) -> None:
        """Refuse a call with `auto_commit=True` before anything of it is sent.

        Raises:
            NestedCommitError: It would commit a part of the transaction it runs in.
        """
        session = await self._session(call)
        if isinstance(session, UnitSession):
            session.unit.refuse_commit("auto_commit=True")

    async def session_of(self, call: Call) -> AsyncSession | None:
        """The session of a call of several steps; None where it needs `begin_apart`.

        Raises:
            ScopeClosedError: The unit in which this task was started has ended.
        """
        return await self._session(call)

    async def begin_apart(self, call: Call, opener: str, prepare: Work[None]) -> Unit:
        """A unit for a read of several steps, which other calls of the task do not join: `Scopes.put_away` ends it.

        `prepare` is its first step.
        """

        async def begin(engine: AsyncEngine | None = None) -> Unit:
            unit = self._new_unit(Kind.CALL, False, engine=engine)
            unit.root.opener = opener
            self._scopes.units.add(unit)
            try:
                await self._within(call, unit.session, prepare)
            except BaseException:
                await self._scopes.put_away(unit)
                raise
            return unit

        if self._replicas.wanted(call.replica, call.model, "stream"):
            return await self._replicas.first_reachable(begin)
        return await begin()

    async def step(self, call: Call, session: AsyncSession, work: Work[T]) -> T:
        """One step of a call of several: run `work` under the lock of the session's unit and translate its errors.

        Raises:
            ScopeClosedError, TransactionBrokenError: The unit has ended, or is broken.
            DatabaseError: The database refused.
        """
        return await self._within(call, session, work)

    def open_pending(self) -> Unit:
        """Open the unit that `auto_commit=False` leaves open for later calls of the task."""
        unit = self._new_unit(Kind.PENDING, True)
        self._scopes.begin(unit)
        return unit

    async def _session(self, call: Call) -> AsyncSession | None:
        """The session to use: given, the row's, or the scope's; None for a unit of the call's own."""
        attached = await self._attached(call.row)
        if call.session is not None:
            session = given_session(call.session)
            if attached is not None and attached is not session:
                raise _conflict(call.row, attached, f"the session given to {call.operation}")
            return session
        level = self._scopes.here()
        if attached is None:
            return level.unit.session if level is not None else None
        if isinstance(attached, UnitSession) and (level is None or level.unit is not attached.unit):
            raise _conflict(call.row, attached, _label(level))
        return attached

    async def _attached(self, row: object | None) -> AsyncSession | None:
        """The session that `row` is attached to, once the lone calls of other tasks have let go of it."""
        while row is not None and (flight := self._flights.get(instance_state(row))) is not None:
            await asyncio.wait([flight])
        while row is not None and (session := object_session(row)) is not None:
            if isinstance(session, UnitSyncSession):
                if session.unit.kind is not Kind.CALL or self._is_current(session.unit):
                    return session.unit.session
                if not await session.unit.over():
                    raise _conflict(row, session.unit.session, _label(self._scopes.here()))
                continue
            owner = async_object_session(row)
            if owner is None:
                raise UsageError(f"{row!r} is attached to a Session without asyncio; activerow needs an AsyncSession")
            return owner
        return None

    def _is_current(self, unit: Unit) -> bool:
        level = self._scopes.here()
        return level is not None and level.unit is unit

    def _commits(self, unit: Unit, auto_commit: bool | None) -> bool:
        if auto_commit:
            unit.refuse_commit("auto_commit=True")
            return True
        nested = unit.places.locate(unit).outer is not None or running_in(unit.sync) is not None
        return unit.kind is Kind.SCOPED and auto_commit is None and not nested and not unit.rollback_only

    async def _alone(
        self,
        call: Call | Read[Any],
        work: Work[T],
        *,
        immediate: bool,
        after: Work[None] | None = None,
        to_replica: bool = False,
    ) -> T:
        unit = await self._begin(call, immediate=immediate, to_replica=to_replica)
        try:
            result = await self._within(call, unit.session, work)
            if after is not None:
                await self._within(call, unit.session, _commit, unit)
                await self._within(call, unit.session, after)
        except BaseException as error:
            await self._scopes.end(unit, error)
            raise
        await self._scopes.end(unit)
        return result

    async def _begin(self, call: Call | Read[Any], *, immediate: bool, to_replica: bool) -> Unit:
        """Open a unit for one call: of the primary or, connected already, of a replica."""
        if not to_replica:
            unit = self._new_unit(Kind.CALL, immediate)
            self._scopes.begin(unit)
            return unit

        async def begin(engine: AsyncEngine) -> Unit:
            unit = self._new_unit(Kind.CALL, immediate, engine=engine)
            self._scopes.begin(unit)
            try:
                await self._within(call, unit.session, _connect)
            except BaseException as error:
                await self._scopes.end(unit, error)
                raise
            return unit

        return await self._replicas.first_reachable(begin)

    async def _within(
        self,
        call: "Call | Read[Any] | Write[Any]",
        session: AsyncSession,
        work: Callable[..., Awaitable[T]],
        *args: Any,
    ) -> T:
        """Run `work` in an open session, under its unit's lock if it is a unit's, and translate its errors."""
        unit = session.unit if isinstance(session, UnitSession) else None
        try:
            if unit is None:
                return await work(session, *args)
            return await unit.run(work, session, *args)
        except Exception as error:
            translated = self._told(error, call, unit)
            if translated is error:
                raise
            if unit is not None:
                unit.damage.restate(error, translated)
            raise translated from error

    def _told(self, error: Exception, call: "Call | Read[Any] | Write[Any]", unit: Unit | None) -> Exception:
        """The error of activerow for `error`, or `error` itself where there is none."""
        values = call.values() if call.values is not None else None
        translated = translate(error, operation=call.operation, model=call.model, values=values)
        if translated is None or translated is error:
            return error
        self._complete(translated, unit)
        return translated

    async def _borrowed(
        self, call: Call, session: AsyncSession, work: Work[T], *, auto_commit: bool, after: Work[None] | None
    ) -> T:
        """Work in a session that somebody else opened, and will close."""

        async def step(session: AsyncSession) -> T:
            result = await work(session)
            if auto_commit:
                await session.commit()
            if after is not None:
                await after(session)
            return result

        return await self._within(call, session, step)


async def _commit(_session: AsyncSession, unit: Unit) -> None:
    await unit.commit()


async def _connect(session: AsyncSession) -> None:
    _ = await session.connection()


def _label(level: Level | None) -> str:
    return "a call of its own" if level is None else level.unit.root.label


def _conflict(row: object, attached: AsyncSession, here: str) -> SessionConflictError:
    there = attached.unit.root.label if isinstance(attached, UnitSession) else "a session that activerow did not open"
    return SessionConflictError(
        f"{row!r} is attached to {there}, and was used in {here};"
        f" wait until that unit has ended, or read the row again here with get()",
        row=repr(row),
        units=(there, here),
    )
