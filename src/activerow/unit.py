"""The unit of work: a session with its transaction, from its first statement to its end.

`Unit` says when its calls may run, commits or rolls back, and knows whether its transaction is still whole.
`UnitSession` is the `AsyncSession` it gives out: every call takes the unit's lock, so it can be shared by tasks.
"""

import asyncio
import enum
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, TextClause, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction
from sqlalchemy.orm import ORMExecuteState, SessionTransaction
from sqlalchemy.util import await_only

from activerow import flushing, news, watching
from activerow.callsite import CallSite, call_site
from activerow.errors import (
    ActiveRowError,
    CommitUnknownError,
    NestedCommitError,
    PendingWorkError,
    ScopeClosedError,
    TransactionBrokenError,
    UnfinishedTasksError,
    UsageError,
)
from activerow.lifecycle import Change
from activerow.lock import UnitLock, current_task
from activerow.rewind import RewindingSession
from activerow.running import refuse_inside_flush, running_in
from activerow.shield import to_the_end
from activerow.statements import is_read
from activerow.translate import is_fatal, translate
from activerow.validation import check_row
from activerow.waiting import take_written

logger = logging.getLogger("activerow")

T = TypeVar("T")
Hook = Callable[[], Awaitable[object] | object]

_units: WeakKeyDictionary[Connection, "Unit"] = WeakKeyDictionary()


def unit_of(connection: Connection) -> "Unit | None":
    """The unit whose transaction runs on `connection`."""
    return _units.get(connection)


class Kind(enum.Enum):
    """Who ends a unit, and so what `auto_commit` means in it."""

    CALL = "a lone call"
    TRANSACTION = "db.transaction()"
    REQUEST = "the request's Depends(db.session)"
    PENDING = "auto_commit=False"
    SCOPED = "db.scoped_session()"


class Places(Protocol):
    """Knows which block a task stands in: the scopes of a database."""

    def locate(self, unit: "Unit") -> "Level":
        """The block of `unit` that the current task works in."""
        ...

    def enter(self, level: "Level") -> None:
        """Make `level` the block of the current task and of the tasks it starts."""
        ...

    def leave(self, level: "Level") -> None:
        """Go back to the block around `level`."""
        ...

    async def run_hooks(self, hooks: "list[Hook]") -> None:
        """Run transaction hooks outside any unit."""
        ...


class Level:
    """An open block of a unit: the unit itself, or a savepoint in it."""

    __slots__ = (
        "closed",
        "commit_hooks",
        "joined",
        "kept",
        "opener",
        "outer",
        "previous",
        "read_only",
        "rollback_hooks",
        "savepoint",
        "site",
        "task",
        "unit",
    )

    def __init__(self, unit: "Unit", opener: str, site: CallSite, outer: "Level | None" = None) -> None:
        self.unit, self.outer = unit, outer
        self.opener, self.site = opener, site
        self.task: asyncio.Task[object] | None = current_task()
        self.closed = False
        self.kept = False
        self.read_only: bool = outer is not None and outer.read_only
        self.joined: set[asyncio.Task[object]] = set()
        self.commit_hooks: list[Hook] = []
        self.rollback_hooks: list[Hook] = []
        self.savepoint: SessionTransaction | None = None
        self.previous: object = None  # what the context of the opening task held before

    @property
    def label(self) -> str:
        """What was opened and where, for messages."""
        return f"{self.opener} opened at {self.site}"

    def is_over(self, task: "asyncio.Task[object]") -> bool:
        """Whether `task` no longer stands in this block: it was ended, or its task sees another one end the unit."""
        return self.closed or (self.unit.ended and self.task is task)

    def join(self, task: "asyncio.Task[object]") -> None:
        """Note that `task` works in this block; the block must not end before it."""
        if task is not self.task and task not in self.joined:
            self.joined.add(task)
            task.add_done_callback(self.joined.discard)

    def unfinished(self) -> tuple[str, ...]:
        """The names of the tasks that joined and still run, apart from the one that asks."""
        return tuple(sorted(task.get_name() for task in self.joined - {current_task()} if not task.done()))


class Unit:
    """One session with its transaction, shared by the tasks of a scope, one call at a time."""

    def __init__(
        self, kind: Kind, engine: AsyncEngine, places: Places, *, patience: float, immediate: bool | None = None
    ) -> None:
        self.kind = kind
        self.immediate = immediate
        self.backend = engine.dialect.name
        self.session = UnitSession(bind=engine, unit=self)
        self.sync = cast("UnitSyncSession", self.session.sync_session)
        self.route: str | None = None
        self.root = Level(self, kind.value, call_site())
        self.patience = patience
        self.lock = UnitLock(self.root, patience)
        self.places = places
        self.since: float | None = None
        self.rollback_only = False
        self.ended = False
        self.broken: BaseException | None = None
        self.writes = 0
        self.commits = 0
        self.lost = 0
        self.flushing = False
        self.near: type | None = None  # a model written here: tables of one name exist in several databases
        self._failed: WeakKeyDictionary[SessionTransaction, BaseException] = WeakKeyDictionary()
        self._due: list[Hook] = []
        self._over: asyncio.Event | None = None

    # -- calls ---------------------------------------------------------------------------------------------------

    async def run(self, work: Callable[[], Awaitable[T]], *, whole: bool = True) -> T:
        """Run one call of the current task under the lock; an error or cancellation of a statement breaks the unit.

        Args:
            work: What to run.
            whole: Refuse it when the unit is broken.

        Raises:
            ScopeClosedError: The unit has ended.
            TransactionBrokenError: An earlier statement failed.
            SessionConflictError: Another task kept a savepoint open for too long.
        """
        refuse_inside_flush(self.sync)
        level = self.places.locate(self)
        level.join(current_task())
        await self.lock.acquire(level)
        try:
            if level.closed:
                raise ScopeClosedError(current_task().get_name(), level.label)
            if whole or self.ended:
                self.check()
            return await work()
        except asyncio.CancelledError as cancelled:
            if self.sync.in_transaction():
                self.fail(cancelled)
            raise
        finally:
            try:
                if self.broken is not None and self.sync.in_transaction() and not self.lock.is_astray():
                    await to_the_end(self.roll_back())
                    self._forgive()
            finally:
                self.lock.release()

    async def lend(self, work: Awaitable[object]) -> None:
        """Wait for `work`, code of the program in the middle of a call, while others may use the unit.

        Raises:
            ScopeClosedError, TransactionBrokenError: The unit ended or broke meanwhile.
        """
        level = self.places.locate(self)
        async with self.lock.lent(level):
            await work
        if level.closed:
            raise ScopeClosedError(current_task().get_name(), level.label)
        self.check()

    async def _flush_before_the_end(self, level: Level) -> BaseException | None:
        """Write what waits, where that may run hooks, while the block is still open; gives why it must not be kept."""
        failure = self._verdict(level)
        if failure is not None or not watching.concerns(self.sync):
            return failure
        try:
            await self.run(lambda: AsyncSession.flush(self.session))
        except Exception as error:  # noqa: BLE001  (raised by the caller, once the block is rolled back)
            return self._told(error, "flush")
        except BaseException as error:  # noqa: BLE001
            return error
        return self._verdict(level)

    def _forgive(self) -> None:
        """Go on in `scoped_session()`, where each call commits itself, when the failed one was all that is lost."""
        if self.kind is Kind.SCOPED and not self.lost and not isinstance(self.broken, asyncio.CancelledError):
            self.broken, self.writes = None, 0
            self._settle(kept=False)

    def check(self) -> None:
        """Refuse work in a unit that has ended or is broken."""
        if self.ended:
            raise ScopeClosedError(current_task().get_name(), self.root.label)
        first = self.failure()
        if first is not None:
            raise TransactionBrokenError(first) from first

    def refuse_write(self) -> None:
        """Refuse to write in a read-only transaction.

        Raises:
            UsageError: It is one; nothing was sent.
        """
        level: Level | None = self.places.locate(self)
        while level is not None:
            if level.read_only:
                raise UsageError(f"{level.label} is read-only; write outside of it")
            level = level.outer

    def failure(self) -> BaseException | None:
        """The error that broke the innermost open savepoint, or the unit, as activerow tells it."""
        if self.broken is not None or not self._failed:
            return self._retold(self.broken)
        nested = self.sync.get_nested_transaction()
        return None if nested is None else self._retold(self._failed.get(nested))

    def _retold(self, first: BaseException | None) -> BaseException | None:
        if not isinstance(first, Exception):
            return first
        told = self._told(first, "flush")
        self.restate(first, told)
        return told

    def fail(self, error: BaseException, *, wrote: bool = False) -> None:
        """Mark what `error` has undone: the innermost savepoint, or the whole transaction where the server drops it."""
        nested = self.sync.get_nested_transaction()
        if nested is not None and not isinstance(error, asyncio.CancelledError) and not is_fatal(error):
            if nested in self._failed:
                return
            self._failed[nested] = error
        elif self.broken is None:
            self.broken = error
        else:
            return
        self.lost = self.writes - (wrote or self.flushing)

    def restate(self, error: BaseException, translated: BaseException) -> None:
        """Show `translated` wherever `error` is told as the first error of a broken unit."""
        if self.broken is error:
            self.broken = translated
        for transaction, first in list(self._failed.items()):
            if first is error:
                self._failed[transaction] = translated

    # -- savepoints ----------------------------------------------------------------------------------------------

    async def open_savepoint(self, opener: str, site: CallSite) -> Level:
        """Begin a savepoint that excludes tasks from outside it until it ends; the current task enters it."""
        outer = self.places.locate(self)

        async def begin() -> Level:
            if watching.concerns(self.sync):
                await AsyncSession.flush(self.session)
            savepoint = await AsyncSession.run_sync(self.session, lambda session: session.begin_nested())
            level = Level(self, opener, site, outer)
            level.savepoint = savepoint
            self.lock.push(level)
            return level

        level = await self.run(begin)
        self.places.enter(level)
        return level

    async def close_savepoint(self, level: Level, error: BaseException | None) -> None:
        """Release a savepoint; roll it back when `error` left its block, a statement in it failed or tasks still run.

        Raises:
            TransactionBrokenError: A statement in the block failed and the block went on as if nothing had happened.
            UnfinishedTasksError: A task that joined the block still runs.
            ScopeClosedError: The unit, or the savepoint around this one, ended before it.
        """
        failure = error or await self._flush_before_the_end(level)
        try:
            if not level.closed:
                await to_the_end(self._end_savepoint(level, keep=failure is None))
        except asyncio.CancelledError:
            await to_the_end(run_hooks(self._leave(level)))
            raise
        except Exception as late:  # noqa: BLE001  (raised below, unless an earlier error is)
            failure = failure or self._told(late, "flush")
        await run_hooks(self._leave(level))
        if failure is not None and error is None:
            raise failure

    async def _end_savepoint(self, level: Level, *, keep: bool) -> None:
        await self.lock.acquire_for_the_end(level)
        try:
            if level.savepoint is not None and self.broken is None:
                await (self._release(level, level.savepoint) if keep else self._undo(level.savepoint))
        finally:
            level.closed = True
            self.lock.pop(level)
            self.lock.release()

    async def _release(self, level: Level, savepoint: SessionTransaction) -> None:
        try:
            await AsyncSession.run_sync(self.session, lambda _: savepoint.commit())
        except BaseException as error:
            self.fail(error)
            await self._undo(savepoint)
            raise
        level.kept = True

    def _leave(self, level: Level) -> list[Hook]:
        """Leave a savepoint and give the hooks to run now; those of a released one are now the outer block's."""
        level.closed = True
        self.places.leave(level)
        if level.kept and level.outer is not None:
            level.outer.commit_hooks += level.commit_hooks
            level.outer.rollback_hooks += level.rollback_hooks
            return []
        return level.rollback_hooks

    async def _undo(self, savepoint: SessionTransaction) -> None:
        if not self._holds(savepoint):
            return
        try:
            await AsyncSession.run_sync(self.session, lambda _: savepoint.rollback())
        except Exception as error:  # noqa: BLE001
            # A connection that cannot even undo a savepoint is lost, or its transaction is: no use to the unit.
            logger.warning("a savepoint could not be rolled back (%s); its unit is broken", type(error).__name__)
            self.broken = self.broken or error
            await self.roll_back()

    def _holds(self, savepoint: SessionTransaction) -> bool:
        nested = self.sync.get_nested_transaction()
        while nested is not None and nested is not savepoint:
            nested = nested.parent
        return nested is savepoint

    # -- the end -------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Commit now, between two calls, and go on in a new transaction. The caller holds the lock."""
        if watching.concerns(self.sync):
            await AsyncSession.flush(self.session)  # hooks belong to the task of the call
        await to_the_end(self._commit_and_go_on())

    async def _commit_and_go_on(self) -> None:
        try:
            await self._commit()
        except Exception as error:
            self.fail(error)
            await self.roll_back()
            told = self._told(error, "commit")
            self.restate(error, told)
            raise told from error
        self.note_commit()

    async def end(self, error: BaseException | None = None) -> None:
        """Commit and close, or roll back and close when `error` left the block or the unit is not whole.

        A second call does nothing. Hooks are not run here: see `hooks_due`.

        Raises:
            TransactionBrokenError: A statement failed and the block went on.
            UnfinishedTasksError: A task that joined the unit still runs; everything was rolled back.
            ActiveRowError: The commit failed.
        """
        if self.ended:
            return
        writes = (self.writes or self.kind is not Kind.CALL) and not self.rollback_only
        failure = error or (await self._flush_before_the_end(self.root) if writes else self._verdict(self.root))
        self.ended = True
        keep = failure is None and not self.rollback_only
        try:
            await to_the_end(self._finish(keep=keep))
        except Exception as late:  # noqa: BLE001  (raised below, unless an earlier error is)
            keep = False
            failure = failure or self._told(late, "commit")
        except asyncio.CancelledError:
            keep = keep and self.broken is None
            self.root.closed = True
            self._settle(kept=keep)
            raise
        self._settle(kept=keep)
        if failure is not None and error is None:
            raise failure from failure.__cause__

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it: no transaction is open and nothing waits to be written."""
        sync = self.sync
        return self.broken is None and not (sync.in_transaction() or sync.is_waiting())

    async def put_away(self) -> None:
        """Roll back and close a unit that nobody can end any more; whoever calls this has marked it as ended."""
        await to_the_end(self._finish(keep=False))
        self._settle(kept=False)

    def abandon(self) -> None:
        """Drop the unit's connection, if it still has one, without waiting: the server rolls back."""
        self.ended = self.root.closed = True
        if self.sync.in_transaction():
            with self.sync.ended_by_its_unit():
                self.sync.invalidate()

    async def over(self) -> bool:
        """Wait until the unit has ended and let go of its rows, at most `pool_timeout`; says whether it has."""
        self._over = self._over or asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                while not self.root.closed:
                    await self._over.wait()
        return self.root.closed

    async def _finish(self, *, keep: bool) -> None:
        await self.lock.acquire_for_the_end(self.root)
        try:
            if not keep:
                await self.roll_back()
            elif self.writes or self.kind is not Kind.CALL:
                await self._commit()  # a lone read has nothing to commit: closing is enough
        except BaseException as error:
            self.broken = self.broken or error
            await self.roll_back()
            raise
        finally:
            with self.sync.ended_by_its_unit():
                await AsyncSession.close(self.session)
            self.root.closed = True
            if self._over is not None:
                self._over.set()
            self.lock.release()

    async def _commit(self) -> None:
        if not self.sync.in_transaction():
            return
        if self.sync.is_waiting():
            await AsyncSession.flush(self.session)
        try:
            with self.sync.ended_by_its_unit():
                await AsyncSession.commit(self.session)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise CommitUnknownError(operation="commit") from error
            raise

    async def give_up(self) -> None:
        """Roll back and refuse all later work. The caller holds the lock."""
        self.note_loss()
        await self.roll_back()

    def note_loss(self) -> None:
        """Somebody else has ended the transaction: break the unit, unless it is broken."""
        if self.broken is None:
            self.broken = UsageError(f"the session of {self.root.label} was rolled back or closed by hand")
            self.lost = self.writes

    def note_commit(self) -> None:
        """The transaction was committed in the middle of the unit, which goes on in a new one."""
        self.writes = 0
        self.commits += 1
        self._settle(kept=True)

    def refuse_commit(self, call: str) -> None:
        """Refuse to commit now, where that would keep half of the unit.

        Raises:
            ScopeClosedError: The unit has ended.
            NestedCommitError: It is `db.transaction()`, or a savepoint is open.
            UsageError: It is to be rolled back.
        """
        if self.ended:
            raise ScopeClosedError(current_task().get_name(), self.root.label)
        nested = self.places.locate(self).outer is not None
        if self.kind is Kind.TRANSACTION or nested or running_in(self.sync) is not None:
            raise NestedCommitError(call)
        if self.rollback_only:
            raise UsageError(f"{call} in a unit that db.rollback_only() will undo; leave it out, or roll back now")

    async def start_anew(self) -> None:
        """Roll back and go on in a new transaction. The caller holds the lock."""
        await self.roll_back()
        self.broken, self.writes, self.lost = None, 0, 0
        self._settle(kept=False)

    async def roll_back(self) -> None:
        """Roll the whole transaction back; that it cannot be done is only logged. The caller holds the lock."""
        try:
            with self.sync.ended_by_its_unit():
                await AsyncSession.rollback(self.session)
        except Exception as error:  # noqa: BLE001
            # The transaction is gone either way; the first error is the one to tell.
            logger.warning("rolling back %s failed: %s", self.root.label, type(error).__name__)

    def _verdict(self, level: Level) -> ActiveRowError | None:
        """Why the block must not be committed although no error left it."""
        if level.closed:
            return ScopeClosedError(current_task().get_name(), level.label)
        unfinished = level.unfinished()
        if unfinished:
            return UnfinishedTasksError(unfinished)
        first = self.broken
        if level.savepoint is not None:
            first = first or self._failed.get(level.savepoint)
            if first is None and not self._holds(level.savepoint):
                return ScopeClosedError(current_task().get_name(), level.label)
        first = self._retold(first)
        if first is None:
            return PendingWorkError(str(self.root.site)) if level is self.root and self._is_forgotten() else None
        broken = TransactionBrokenError(first)
        broken.__cause__ = first
        return broken

    def _is_forgotten(self) -> bool:
        """Whether work is left in a unit that nobody commits at its end."""
        left = self.writes or self.sync.is_waiting()
        return self.kind is Kind.SCOPED and bool(left) and not self.rollback_only

    def _told(self, error: Exception, operation: str) -> Exception:
        """The activerow error for `error`, or `error` itself when it is none of the database's."""
        translated = (
            error if isinstance(error, ActiveRowError) else translate(error, operation=operation, model=self.near)
        )
        if translated is None or translated is error:
            return error
        translated.__cause__ = error
        return translated

    def _settle(self, *, kept: bool) -> None:
        root = self.root
        self._due += root.commit_hooks if kept else root.rollback_hooks
        root.commit_hooks, root.rollback_hooks = [], []

    def note_changes(self, changes: list[Change]) -> None:
        """Have those who listen told of `changes` once they are committed."""
        if changes:
            news.note(cast("Level", self.lock.levels[-1]).commit_hooks, changes)

    def hooks_due(self) -> list[Hook]:
        """The hooks to run now, each once, in the order of registration."""
        due, self._due = self._due, []
        return news.merged(due)


async def run_hooks(hooks: list[Hook]) -> None:
    """Run `hooks` in order; one that fails is logged, the others still run."""
    for hook in hooks:
        try:
            result = hook()
            if inspect.isawaitable(result):
                await result
        except Exception:
            logger.exception("a transaction hook failed: %r", hook)


class UnitSyncSession(RewindingSession):
    """The Session under a `UnitSession`: checks values, runs hooks, and reports to its unit."""

    runs_hooks = True

    def __init__(self, *args: Any, unit: Unit, **options: Any) -> None:
        super().__init__(*args, expire_on_commit=False, **options)
        self.unit = unit
        self.keeps_contents = unit.kind is not Kind.CALL
        self.ending = self.committed = False

    @contextmanager
    def ended_by_its_unit(self) -> Generator[None, None, None]:
        """What ends the transaction in the block is not somebody else's `commit` or `rollback`."""
        self.ending = True
        try:
            yield
        finally:
            self.ending = False

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
        try:
            flushing.prepare(self, self._wait)
            for instance in (*self.new, *self.dirty):
                check_row(instance._sa_instance_state, backend=unit.backend)
            super().flush(objects)
            written = take_written(self)
            unit.note_changes(written)
            flushing.conclude(self, written, self._wait)
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
def _after_begin(session: UnitSyncSession, _transaction: SessionTransaction, connection: Connection) -> None:
    _units[connection] = session.unit
    if session.unit.since is None:
        session.unit.since = asyncio.get_running_loop().time()


@event.listens_for(UnitSyncSession, "do_orm_execute")
def _count_writes(execution: ORMExecuteState) -> None:
    statement = execution.statement
    if statement.is_dml or (isinstance(statement, TextClause) and not is_read(statement.text)):
        unit = cast("UnitSyncSession", execution.session).unit
        unit.refuse_write()
        unit.writes += 1


@event.listens_for(UnitSyncSession, "before_commit")
def _refuse_commit(session: UnitSyncSession) -> None:
    if not session.ending and not session.in_nested_transaction():
        session.unit.refuse_commit("session.commit()")


@event.listens_for(UnitSyncSession, "after_commit")
def _after_commit(session: UnitSyncSession) -> None:
    if not session.ending and not session.in_nested_transaction():
        session.unit.note_commit()
        session.committed = True


@event.listens_for(UnitSyncSession, "after_transaction_end")
def _after_end(session: UnitSyncSession, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        kept, session.committed = session.ending or session.committed, False
        if not kept:
            session.unit.note_loss()


class UnitSession(AsyncSession):
    """The `AsyncSession` of a unit: it can be shared by the tasks of a scope, and leaves the end to the unit."""

    sync_session_class = UnitSyncSession

    def __init__(self, bind: AsyncEngine, *, unit: Unit) -> None:
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
            await self.unit.run(lambda: AsyncSession.invalidate(self), whole=False)

    def begin(self) -> AsyncSessionTransaction:
        """Refused: the unit's transaction is open.

        Raises:
            UsageError: Always; `db.transaction()` or `begin_nested()` opens a savepoint.
        """
        raise UsageError(
            "this session's transaction is already open and ends with its unit;"
            " write `async with db.transaction():` for a part that may fail on its own"
        )

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
    *("refresh", "run_sync", "scalar", "scalars", "stream", "stream_scalars"),
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
