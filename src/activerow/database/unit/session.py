"""The sessions of a unit of work, which report to it and leave its end to it.

`UnitSession` is the `AsyncSession` that a unit gives out: every call takes the unit's lock, so it can be shared by
tasks. `UnitSyncSession` is the Session under it.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, cast

from sqlalchemy import Connection, TextClause, event, inspect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult, AsyncSession, AsyncSessionTransaction
from sqlalchemy.orm import InstanceState, ORMExecuteState, SessionTransaction
from sqlalchemy.util import await_only

from activerow.database.engine import own
from activerow.database.failures import is_read
from activerow.database.flush import RewindingSession, around, mark_deleted, take_written
from activerow.database.unit.block import Kind
from activerow.database.unit.lock import current_task
from activerow.database.unit.results import share
from activerow.database.unit.unit import Level, Unit
from activerow.errors import ScopeClosedError, UsageError
from activerow.errors.call_site import call_site
from activerow.mapping import Listeners, check_row, own_listener


class UnitSyncSession(RewindingSession):
    """The Session under a `UnitSession`: checks values, runs hooks, and reports to its unit."""

    runs_hooks = True

    def __init__(self, *args: Any, unit: Unit, **options: Any) -> None:
        super().__init__(*args, expire_on_commit=False, **options)
        self.unit = unit
        self.keeps_unsaved = unit.kind is Kind.CALL
        self.keeps_contents = not self.keeps_unsaved
        self.committed = False

    def add(self, instance: object, *args: Any, **options: Any) -> None:
        """Put a new row into the session.

        Raises:
            ScopeClosedError: The unit has ended; the row would be lost without a word.
        """
        if self.unit.ended:
            raise ScopeClosedError(current_task().get_name(), self.unit.root.label)
        super().add(instance, *args, **options)

    def get_bind(self, *args: Any, **options: Any) -> Any:
        """The engine; refused when the unit is broken, so that a raw call cannot go on either."""
        if not self.unit.ended:
            self.unit.check()
        return super().get_bind(*args, **options)

    def is_unheard(self) -> bool:
        """Whether nobody but activerow listens to it."""
        return (LISTENERS.unchanged() and LISTENERS.ours) or LISTENERS.are_ours()

    def is_waiting(self) -> bool:
        """Whether something waits to be written."""
        return bool(self.new or self.dirty or self.deleted)

    def flush(self, objects: Any = None) -> None:
        """Write what changed, with the life-cycle hooks of the rows around it.

        Raises:
            InvalidDataError: A value does not fit its column; nothing was sent.
            UsageError: The transaction is read-only; nothing was sent.
        """
        if not self.is_waiting():
            return
        unit, writes = self.unit, self.unit.writes
        unit.refuse_write()
        mark_deleted(self)
        backend = self.bind.dialect.name if self.bind is not None else None
        try:
            around.prepare(self, self._wait)
            for instance in (*self.new, *self.dirty):
                check_row(instance._sa_instance_state, backend=backend)
            super().flush(objects)
            written = take_written(self)
            unit.note_changes(written)
            around.conclude(self, written, self._wait)
        except BaseException as error:
            if unit.writes > writes:  # the flush itself, or a hook before it: half of a call must not be kept
                unit.fail(error)
                unit.lost = min(unit.lost, writes)
            raise

    def _wait(self, work: Awaitable[object]) -> None:
        await_only(self.unit.lend(work))

    def _flush(self, objects: Any = None) -> None:
        unit = self.unit
        unit.writes += 1
        unit.flushing = True
        unit.near = next((instance.__class__ for instance in (*self.new, *self.dirty, *self.deleted)), unit.near)
        try:
            super()._flush(objects)
        except BaseException as error:
            transaction = self.get_nested_transaction() or self.get_transaction()
            if transaction is not None and not transaction.is_active:
                unit.fail(error)
            raise
        finally:
            unit.flushing = False


@event.listens_for(UnitSyncSession, "after_begin")
@own_listener
def _after_begin(session: UnitSyncSession, _transaction: SessionTransaction, connection: Connection) -> None:
    own(connection, session.unit)
    if session.unit.since is None:
        session.unit.since = asyncio.get_running_loop().time()


@event.listens_for(UnitSyncSession, "do_orm_execute")
@own_listener
def _count_writes(execution: ORMExecuteState) -> None:
    statement = execution.statement
    if statement.is_dml or (isinstance(statement, TextClause) and not is_read(statement.text)):
        unit = cast("UnitSyncSession", execution.session).unit
        unit.refuse_write()
        unit.writes += 1


@event.listens_for(UnitSyncSession, "before_commit")
@own_listener
def _refuse_commit(session: UnitSyncSession) -> None:
    if not session.unit.transaction.ending and not session.in_nested_transaction():
        session.unit.refuse_commit("session.commit()")


@event.listens_for(UnitSyncSession, "after_commit")
@own_listener
def _after_commit(session: UnitSyncSession) -> None:
    if not session.unit.transaction.ending and not session.in_nested_transaction():
        session.unit.note_commit()
        session.committed = True


@event.listens_for(UnitSyncSession, "after_transaction_create")
@own_listener
def _after_create(session: UnitSyncSession, transaction: SessionTransaction) -> None:
    if transaction.nested:
        session.unit.line = None  # SAVEPOINT is sent when the connection is asked for


@event.listens_for(UnitSyncSession, "after_transaction_end")
@own_listener
def _after_end(session: UnitSyncSession, transaction: SessionTransaction) -> None:
    if transaction.nested or transaction.parent is None:
        session.unit.line = None
    if transaction.parent is None:
        kept, session.committed = session.unit.transaction.ending or session.committed, False
        if not kept:
            session.unit.note_loss()


def is_settled(value: object) -> bool:
    """Whether `value` is a stored row outside every unit, or only passing through a lone call."""
    state: InstanceState[Any] = inspect(value)
    if state.key is None or state.was_deleted or state.deleted:
        return False
    session = state.session
    return session is None or (isinstance(session, UnitSyncSession) and session.unit.kind is Kind.CALL)


class UnitSession(AsyncSession):
    """The `AsyncSession` of a unit: it can be shared by the tasks of a scope, and leaves the end to the unit."""

    sync_session_class = UnitSyncSession

    def __init__(self, bind: AsyncEngine, unit: Unit) -> None:
        super().__init__(bind, unit=unit)
        self.unit = unit

    async def commit(self) -> None:
        """Commit now and go on in a new transaction, in a request or `scoped_session()`.

        Raises:
            NestedCommitError: In `db.transaction()`, which commits at its own end.
        """
        unit = self.unit
        unit.refuse_commit("session.commit()")
        await unit.run(unit.commit)
        await unit.places.run_hooks(unit.hooks_due())

    async def rollback(self) -> None:
        """Undo what was done and break the unit: later calls are refused, so that no half of it is committed.

        In `scoped_session()`, whose calls commit themselves, the session can be used on.
        """
        unit = self.unit
        if unit.ended:
            return
        if unit.kind is Kind.SCOPED and unit.places.locate(unit).outer is None:
            await unit.run(unit.start_anew, whole=False)
            await unit.places.run_hooks(unit.hooks_due())
        else:
            await unit.run(unit.give_up, whole=False)

    async def close(self) -> None:
        """Leave the closing to the unit; what was not committed is lost, so the unit breaks when it has written."""
        if self.unit.ended:
            await super().close()
        elif self.unit.writes or self.new or self.dirty or self.deleted:
            await self.rollback()

    async def reset(self) -> None:
        """The same as `close`."""
        await self.close()

    async def invalidate(self) -> None:
        """Give the connection up, and with it what was done: the unit breaks."""
        if not self.unit.ended:
            await self.unit.run(AsyncSession.invalidate, self, whole=False)

    def begin(self) -> AsyncSessionTransaction:
        """Refused: the unit's transaction is open.

        Raises:
            UsageError: Always; `db.transaction()` or `begin_nested()` opens a savepoint.
        """
        raise UsageError(
            "this session's transaction is already open and ends with its unit;"
            " write `async with db.transaction():` for a part that may fail on its own"
        )

    async def stream(self, *args: Any, **options: Any) -> AsyncResult[Any]:
        """Execute a statement whose rows are fetched piece by piece; calls of other tasks may come between."""
        return share(await self.unit.run(lambda: AsyncSession.stream(self, *args, **options)), self.unit)

    def begin_nested(self) -> AsyncSessionTransaction:
        """A SAVEPOINT, as `db.transaction()` inside a unit: other tasks wait until it ends."""
        return _Savepoint(self.unit)


def _locked(name: str) -> Any:
    plain = getattr(AsyncSession, name)

    async def call(self: UnitSession, *args: Any, **options: Any) -> Any:
        return await self.unit.run(lambda: plain(self, *args, **options))

    call.__name__, call.__qualname__, call.__doc__ = name, f"UnitSession.{name}", plain.__doc__
    return call


for _name in (
    *("connection", "delete", "delete_all", "execute", "flush", "get", "get_one", "merge", "merge_all"),
    *("refresh", "run_sync", "scalar", "scalars", "stream_scalars"),
):
    setattr(UnitSession, _name, _locked(_name))


class _Savepoint(AsyncSessionTransaction):
    """What `session.begin_nested()` gives: SQLAlchemy's interface to a savepoint of the unit."""

    _level: Level

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit.session, nested=True)
        self._unit = unit

    async def start(self, is_ctxmanager: bool = False) -> AsyncSessionTransaction:  # noqa: ARG002
        self._level = await self._unit.open_savepoint("session.begin_nested()", call_site())
        self.sync_transaction = self._level.savepoint
        return self

    async def commit(self) -> None:
        await self._unit.close_savepoint(self._level, None)

    async def rollback(self) -> None:
        await self._unit.close_savepoint(self._level, UsageError("rolled back by hand"))

    async def __aexit__(self, type_: Any, value: BaseException | None, traceback: Any) -> None:
        if not self._level.closed:
            await self._unit.close_savepoint(self._level, value)


_EVENTS: Final[Any] = UnitSyncSession.dispatch
LISTENERS: Final = Listeners((_EVENTS._for_class(UnitSyncSession), _EVENTS._event_names))
"""Who listens to every session: a tenant's filter in `do_orm_execute`, say, must see each call."""
