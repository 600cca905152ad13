"""`Unit` says when its calls may run, commits or rolls back, and knows whether its transaction is still whole."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.util import greenlet_spawn

from activerow.database.flush import RUNNING, committed_changes, mapper_events, refuse_inside_flush, running_in
from activerow.database.unit.block import Block, Hook, Kind, run_hooks
from activerow.database.unit.damage import Damage, as_told
from activerow.database.unit.lock import UnitLock, current_task
from activerow.database.unit.shield import to_the_end
from activerow.database.unit.transaction import Transaction
from activerow.errors import (
    ActiveRowError,
    NestedCommitError,
    PendingWorkError,
    ScopeClosedError,
    TransactionBrokenError,
    UnfinishedTasksError,
    UsageError,
)
from activerow.errors.call_site import CallSite, call_site
from activerow.mapping import Change

logger = logging.getLogger("activerow")

T = TypeVar("T")


class Places(Protocol):
    """Knows which block a task stands in: the scopes of a database."""

    place: ContextVar[Any]
    """Where the current task stands, or stood."""

    def locate(self, unit: "Unit") -> "Level":
        """The block of `unit` that the current task works in."""
        ...

    def enter(self, level: "Level") -> None:
        """Make `level` the block of the current task and of the tasks it starts."""
        ...

    def leave(self, level: "Level") -> None:
        """Go back to the block around `level`."""
        ...

    def after_commit(self, hooks: "list[Hook]") -> "list[Hook]":
        """Of the hooks of a unit that was committed, those to run."""
        ...

    async def run_hooks(self, hooks: "list[Hook]") -> None:
        """Run transaction hooks outside any unit."""
        ...

    def complete(self, error: ActiveRowError, unit: "Unit | None" = None) -> None:
        """Add to `error` what only the database knows: where it is, and who holds its connections."""
        ...


class Level(Block["Unit"]):
    """An open block of a unit: the unit itself, or a savepoint in it."""

    __slots__ = ()

    def is_over(self, task: "asyncio.Task[object]") -> bool:
        """Whether `task` no longer stands in this block: it has ended or is left, or its task sees the unit ended."""
        abandoned = self.hold is not None and self.hold.is_abandoned
        return self.closed or abandoned or (self.unit.ended and self.task is task)

    def undone_outside(self) -> UsageError | None:
        """What to tell the reader of the generator that held this block and was left, if it has lost something."""
        if self.hold is None or not self.hold.has_to_tell(self.unit.writes):
            return None
        self.hold.is_told = True
        return UsageError(
            f"rolled back: the async generator that held {self.label} was left before its end, and what was written"
            " between two of its rows is undone with it; read it to its end, or open the transaction around the loop"
        )


class Unit:
    """One session with its transaction, shared by the tasks of a scope, one call at a time."""

    def __init__(
        self,
        kind: Kind,
        session: Callable[["Unit"], AsyncSession],
        places: Places,
        *,
        patience: float,
        immediate: bool | None = None,
    ) -> None:
        self.kind = kind
        self.immediate = immediate
        self.session = session(self)
        self.sync = self.session.sync_session
        self.route: str | None = None
        self.root = Level(self, kind.value, call_site())
        self.transaction = Transaction(self.session, self.root)
        self.damage = Damage()
        self.patience = patience
        self.lock = UnitLock(self.root, patience)
        self.places = places
        self.since: float | None = None
        self.rollback_only = False
        self.ended = False
        self.writes = 0
        self.commits = 0
        self.lost = 0
        self.undivided = 0  # calls under way whose statements are only committed together
        self.flushing = False
        self.line: Connection | None = None
        """The connection of the open transaction, once a call has gone past the session."""
        self.near: type | None = None  # a model written here: tables of one name exist in several databases
        self._due: list[Hook] = []
        self._over: asyncio.Event | None = None

    @property
    def engine(self) -> AsyncEngine:
        """Where the unit's connection comes from."""
        return cast("AsyncEngine", self.session.bind)

    @property
    def read_only(self) -> bool:
        """Whether the transaction may only read."""
        return self.root.read_only

    async def connection(self, but: object = None) -> Connection | None:
        """The connection of the transaction, for a call that needs no session; None where something waits for a flush.

        What waits of the row `but` does not count.

        The caller holds the lock.
        """
        internals: Any = self.sync
        changed = internals.identity_map._modified
        if internals._new or internals._deleted or (changed and any(state.obj() is not but for state in changed)):
            return None
        line = self.line
        if line is None or line.closed or line.invalidated:
            line = self.line = await greenlet_spawn(self.sync.connection)
        return line

    # -- calls ---------------------------------------------------------------------------------------------------

    async def run(self, work: Callable[..., Awaitable[T]], *args: Any, whole: bool = True) -> T:
        """Run one call of the current task under the lock; an error or cancellation of a statement breaks the unit.

        Args:
            work: What to run.
            args: What `work` is called with.
            whole: Refuse it when the unit is broken.

        Raises:
            ScopeClosedError: The unit has ended.
            TransactionBrokenError: An earlier statement failed.
            SessionConflictError: Another task kept a savepoint open for too long.
        """
        if RUNNING.get() is not None:
            refuse_inside_flush(self.sync)
        level, task, lock = self.places.place.get(), asyncio.current_task() or current_task(), self.lock
        if type(level) is not Level or level.unit is not self or level.closed:
            level = self.places.locate(self)
        if lock.owner is task and not level.closed:
            return await self._run_inside(work, args, whole=whole)
        if task is not level.task:
            level.join(task)
        if lock.owner is None and lock.levels[-1] is level:
            lock.owner, lock.depth = task, 1
        else:
            await lock.acquire(level)
        cancellations = task.cancelling()
        try:
            if level.closed or self.ended or self.damage.whole is not None or self.damage.savepoints:
                self._admit(level, whole=whole)
            return await work(*args)
        except BaseException as error:
            self._hear(error, task, cancellations)
            raise
        finally:
            try:
                if self.damage.whole is not None:
                    await self._undo_what_broke()
            finally:
                if lock.depth == 1 and not (lock.astray or lock.waiters):
                    lock.owner, lock.depth = None, 0
                else:
                    lock.release()

    async def _run_inside(self, work: Callable[..., Awaitable[T]], args: tuple[Any, ...], *, whole: bool) -> T:
        """Run a call inside a call, which was admitted: its errors pass the outer one on their way."""
        if whole:
            self.check()
        return await work(*args)

    def _hear(self, error: BaseException, task: "asyncio.Task[object]", cancellations: int) -> None:
        """Break the unit by a cancellation, also where it shows only in what a driver cleaned up after it.

        Raises:
            asyncio.CancelledError: There it is the answer to the cancellation, and not what has failed then.
        """
        if isinstance(error, asyncio.CancelledError):
            if self.transaction.is_open:
                self.fail(error)
        elif (
            isinstance(error, Exception)
            and task.cancelling() > cancellations
            and not getattr(task, "_must_cancel", False)
        ):
            raise self._cancelled() from error

    async def _undo_what_broke(self) -> None:
        if self.transaction.is_open and not self.lock.is_astray():
            await to_the_end(self.transaction.roll_back())
            self._forgive()

    async def lend(self, work: Awaitable[object]) -> None:
        """Wait for `work`, code of the program in the middle of a call, while others may use the unit.

        Raises:
            ScopeClosedError, TransactionBrokenError: The unit ended or broke meanwhile.
        """
        level = self.places.locate(self)
        async with self.lock.lent(level):
            await work
        self._admit(level, whole=True)

    async def _flush_before_the_end(self, level: Level) -> BaseException | None:
        """Write what waits, where that may run hooks, while the block is still open; gives why it must not be kept."""
        failure = self._verdict(level)
        if failure is not None or not mapper_events.concerns(self.sync):
            return failure
        try:
            await self.run(self.transaction.flush)
        except Exception as error:  # noqa: BLE001  (raised by the caller, once the block is rolled back)
            return self._told(error, "flush")
        except BaseException as error:  # noqa: BLE001
            return error
        return self._verdict(level)

    def _admit(self, level: Level, *, whole: bool) -> None:
        if level.closed:
            raise ScopeClosedError(current_task().get_name(), level.label)
        if whole or self.ended:
            self.check()

    def _cancelled(self) -> asyncio.CancelledError:
        cancelled = asyncio.CancelledError()
        if self.transaction.is_open:
            self.fail(cancelled)
        return cancelled

    def _forgive(self) -> None:
        """Go on in `scoped_session()`, where each call commits itself, when the failed one was all that is lost."""
        cancelled = isinstance(self.damage.whole, asyncio.CancelledError)
        if self.kind is Kind.SCOPED and not self.lost and not cancelled:
            self.damage.whole, self.writes = None, 0
            self._settle(kept=False)

    def check(self) -> None:
        """Refuse work in a unit that has ended or is broken."""
        if self.ended:
            raise ScopeClosedError(current_task().get_name(), self.root.label)
        first = None if self.damage.is_none else self.failure()
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
        return self._retold(self.damage.of(self.transaction.innermost))

    def _told(self, error: Exception, operation: str) -> Exception:
        """The activerow error for `error`, with what only the database knows, or `error` itself where there is none."""
        told = as_told(error, operation, self.near)
        if isinstance(told, ActiveRowError):
            self.places.complete(told, self)
        return told

    @contextmanager
    def _telling(self, operation: str) -> Generator[None]:
        """Raise what activerow tells of an error in the block, and have the unit tell the same from now on."""
        try:
            yield
        except Exception as error:
            told = self._told(error, operation)
            self.damage.restate(error, told)
            if told is error:
                raise
            raise told from error

    def _retold(self, first: BaseException | None) -> BaseException | None:
        if not isinstance(first, Exception):
            return first
        told = self._told(first, "flush")
        self.damage.restate(first, told)
        return told

    def fail(self, error: BaseException, *, wrote: bool = False) -> None:
        """Mark what `error` has undone: the innermost savepoint, or the whole transaction where the server drops it."""
        if self.damage.note(error, self.transaction.innermost):
            self.lost = self.writes - (wrote or self.flushing)

    def fail_block(self, error: BaseException) -> None:
        """Mark the block of the current task, in which a call of several statements has stopped half way."""
        if self.damage.note(error, self.places.locate(self).savepoint):
            self.lost = self.writes - 1

    # -- savepoints ----------------------------------------------------------------------------------------------

    async def open_savepoint(self, opener: str, site: CallSite) -> Level:
        """Begin a savepoint that excludes tasks from outside it until it ends; the current task enters it."""
        outer = self.places.locate(self)

        async def begin() -> Level:
            if mapper_events.concerns(self.sync):
                await self.transaction.flush()
            savepoint = await self.transaction.begin_savepoint()
            level = Level(self, opener, site, outer)
            level.savepoint = savepoint
            self.lock.push(level)
            return level

        with self._telling("flush"):  # of what waited in the session, and is written before
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
            if level.savepoint is not None and self.damage.whole is None:
                await (self._release(level, level.savepoint) if keep else self._undo(level.savepoint))
        finally:
            level.closed = True
            self.lock.pop(level)
            self.lock.release()

    async def _release(self, level: Level, savepoint: SessionTransaction) -> None:
        try:
            await self.transaction.release(savepoint)
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
        try:
            await self.transaction.undo(savepoint)
        except Exception as error:  # noqa: BLE001
            # A connection that cannot even undo a savepoint is lost, or its transaction is: no use to the unit.
            logger.warning("a savepoint could not be rolled back (%s); its unit is broken", type(error).__name__)
            self._break(error)
            await self.transaction.roll_back()

    def _break(self, error: BaseException) -> None:
        self.damage.whole = self.damage.whole or error

    # -- the end -------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Commit now, between two calls, and go on in a new transaction. The caller holds the lock."""
        if mapper_events.concerns(self.sync):
            with self._telling("flush"):
                await self.transaction.flush()  # hooks belong to the task of the call
        await to_the_end(self._commit_and_go_on())

    async def _commit_and_go_on(self) -> None:
        with self._telling("commit"):
            try:
                await self.transaction.commit()
            except Exception as error:
                self.fail(error)
                await self.transaction.roll_back()
                raise
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
            keep = keep and self.damage.whole is None
            self.root.closed = True
            self._settle(kept=keep)
            raise
        self._settle(kept=keep)
        if failure is not None and error is None:
            raise failure from failure.__cause__

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it: no transaction is open and nothing waits to be written."""
        return self.damage.whole is None and not (self.transaction.is_open or self.transaction.has_unwritten)

    async def put_away(self) -> None:
        """Roll back and close a unit that nobody can end any more; whoever calls this has marked it as ended."""
        await to_the_end(self._finish(keep=False))
        self._settle(kept=False)

    def abandon(self) -> None:
        """Drop the unit's connection, if it still has one, without waiting: the server rolls back."""
        self.ended = self.root.closed = True
        self.transaction.drop()

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
                await self.transaction.roll_back()
            elif self.writes or self.kind is not Kind.CALL:
                await self.transaction.commit()  # a lone read has nothing to commit: closing is enough
        except BaseException as error:
            self._break(error)
            await self.transaction.roll_back()
            raise
        finally:
            await self.transaction.close()
            self.root.closed = True
            if self._over is not None:
                self._over.set()
            self.lock.release()

    async def give_up(self) -> None:
        """Roll back and refuse all later work. The caller holds the lock."""
        self.note_loss()
        await self.transaction.roll_back()

    def note_loss(self) -> None:
        """Somebody else has ended the transaction: break the unit, unless it is broken."""
        if self.damage.whole is None:
            self.damage.whole = UsageError(f"the session of {self.root.label} was rolled back or closed by hand")
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
            NestedCommitError: It is `db.transaction()`, a savepoint is open, or a call of several statements runs.
            UsageError: It is to be rolled back.
        """
        if self.ended:
            raise ScopeClosedError(current_task().get_name(), self.root.label)
        divided = self.undivided or self.places.locate(self).outer is not None
        if self.kind is Kind.TRANSACTION or divided or running_in(self.sync) is not None:
            raise NestedCommitError(call)
        if self.rollback_only:
            raise UsageError(f"{call} in a unit that db.rollback_only() will undo; leave it out, or roll back now")

    async def start_anew(self) -> None:
        """Roll back and go on in a new transaction. The caller holds the lock."""
        await self.transaction.roll_back()
        self.damage.whole, self.writes, self.lost = None, 0, 0
        self._settle(kept=False)

    def _verdict(self, level: Level) -> ActiveRowError | None:
        """Why the block must not be committed although no error left it."""
        if level.closed:
            return ScopeClosedError(current_task().get_name(), level.label)
        unfinished = level.unfinished()
        if unfinished:
            return UnfinishedTasksError(unfinished)
        first = self._retold(self.damage.of(level.savepoint))
        if first is None and level.savepoint is not None and not self.transaction.holds(level.savepoint):
            return ScopeClosedError(current_task().get_name(), level.label)
        if first is None:
            return PendingWorkError(str(self.root.site)) if level is self.root and self._is_forgotten() else None
        broken = TransactionBrokenError(first)
        broken.__cause__ = first
        return broken

    def _is_forgotten(self) -> bool:
        """Whether work is left in a unit that nobody commits at its end."""
        left = self.writes or self.transaction.has_unwritten
        return self.kind is Kind.SCOPED and bool(left) and not self.rollback_only

    def _settle(self, *, kept: bool) -> None:
        root = self.root
        self._due += self.places.after_commit(root.commit_hooks) if kept else root.rollback_hooks
        root.commit_hooks, root.rollback_hooks = [], []

    def note_changes(self, changes: list[Change]) -> None:
        """Have those who listen told of `changes` once they are committed."""
        if changes:
            committed_changes.note(cast("Level", self.lock.levels[-1]).commit_hooks, changes)

    def hooks_due(self) -> list[Hook]:
        """The hooks to run now, each once, in the order of registration."""
        due, self._due = self._due, []
        return committed_changes.merged(due)
