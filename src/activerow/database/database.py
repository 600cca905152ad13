"""`Database`: where the data is, and the units of work on it."""

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from activerow.database.connecting import BINDING, Connecting
from activerow.database.engine import Statement, within_budget
from activerow.database.execution import (
    Call,
    Holder,
    RequestScope,
    TransactionBlock,
    Work,
    ended,
    given_session,
    run_again,
)
from activerow.database.unit import Hook, Kind
from activerow.errors import NotBoundError, UsageError

T = TypeVar("T")
P = ParamSpec("P")


class Database(Connecting):
    """One database and the units of work on it.

    Creating it opens nothing and needs no running loop.

    Args:
        url: A SQLAlchemy URL; without a driver it gets the installed asyncio driver.
        base: The declarative base whose models are stored here; see also `bind`.
        replicas: URLs of copies that reads may go to: in `transaction(read_only=True)` and by `Query.on_replica()`.
        replica_policy: Says of other reads outside any unit whether they go to a replica; by default none does.
        pool_size: Connections kept open; `max_overflow` more may be opened at peaks.
        pool_timeout: Seconds to wait for a free connection, and for a savepoint of another task.
        pool_recycle: Seconds after which a connection is replaced; keep it below the server's `wait_timeout`.
        pool_pre_ping: Test a connection before each use; for a lone call, when it has been idle for some seconds.
        statement_timeout: Seconds after which the database cancels a statement.
        pgbouncer: Set up the driver for pgbouncer's transaction mode.
        direct: Let lone calls go by the driver alone, where nobody could tell the difference but by the clock.
        secret: Key for signing page cursors.
        slow_query: Seconds from which a statement is logged as slow, by `activerow.sql` at WARNING.
        engine_options: Anything else for `create_async_engine`.
    """

    # -- units of work -------------------------------------------------------------------------------------------

    def transaction(
        self, *, isolation: str | None = None, read_only: bool = False, independent: bool = False
    ) -> AbstractAsyncContextManager[AsyncSession]:
        """A unit for the block: committed at its end, rolled back on error; inside a unit a SAVEPOINT.

        Args:
            isolation: `"SERIALIZABLE"`, `"REPEATABLE READ"`, ... for this transaction.
            read_only: Let the server refuse writes.
            independent: A unit of its own on a second connection, while the outer one is held.

        Raises:
            TransactionBrokenError: A statement failed and the block went on as if nothing had happened.
            UnfinishedTasksError: A task that joined still runs at the end; everything was rolled back.
            UsageError: `isolation` inside a unit, a writing block inside a read-only one, or `independent=True` on
                SQLite inside a unit that wrote.
        """
        return TransactionBlock(self._units, isolation=isolation, read_only=read_only, independent=independent)

    async def run(self, fn: Callable[[], Awaitable[T]], *, retries: int = 3, isolation: str | None = None) -> T:
        """Run `fn` in a transaction; again, up to `retries` times, when the database asks for it (`TransientError`).

        Inside a unit it is a savepoint and runs once: only a whole transaction can be repeated.
        """

        async def attempt() -> T:
            async with self.transaction(isolation=isolation):
                return await fn()

        if self.scopes.here() is not None:
            return await attempt()
        return await run_again(attempt, retries=retries)

    def transactional(
        self, *, retries: int = 3, isolation: str | None = None
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """Decorate a coroutine function to run as `run` does."""

        def decorate(fn: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
            @functools.wraps(fn)
            async def call(*args: P.args, **kwargs: P.kwargs) -> T:
                return await self.run(lambda: fn(*args, **kwargs), retries=retries, isolation=isolation)

            return call

        return decorate

    async def session(self) -> AsyncSession:
        """The FastAPI dependency `Depends(db.session)`: one unit for the request, committed before the answer.

        Raises:
            NotBoundError: `activerow.fastapi.install(app, db)` was not called.
            UsageError: The endpoint cannot have a session: a websocket, a generator, a plain `def`.
        """
        request = self.scopes.request()
        if request is None:
            raise NotBoundError("Depends(db.session)", "call activerow.fastapi.install(app, db) first")
        if request.admit is not None:
            request.admit()
        if request.level is not None:
            return request.level.unit.session
        around = self.scopes.here()
        if around is None:
            unit = self._units.new(Kind.REQUEST, None)
            unit.root.site = request.site
            self.scopes.begin(unit)
        else:  # a unit around the whole request, as in a test: the request is a savepoint in it
            unit = around.unit
            request.level = await unit.open_savepoint(Kind.REQUEST.value, request.site)
        request.on_open()
        return unit.session

    @asynccontextmanager
    async def scoped_session(self) -> AsyncGenerator[AsyncSession, None]:
        """The session of the open unit, or one for the block, in which each activerow call commits itself.

        Raises:
            PendingWorkError: Something added to the session of the block was left uncommitted.
        """
        level = self.scopes.here()
        if level is not None:
            yield level.unit.session
            return
        unit = self._units.new(Kind.SCOPED, None)
        async with ended(self.scopes, unit):
            yield unit.session

    def detached(self) -> AbstractAsyncContextManager[None]:
        """Forget the inherited scope for the block: for background work that outlives its starter."""
        return self.scopes.detached()

    def on_commit(self, fn: Hook) -> None:
        """Call `fn`, sync or async, after the current unit has been committed, outside any unit.

        Raises:
            UsageError: No unit is open.
        """
        self.scopes.current("on_commit").commit_hooks.append(fn)

    def on_rollback(self, fn: Hook) -> None:
        """Call `fn`, sync or async, after the current unit, or savepoint, has been rolled back.

        Raises:
            UsageError: No unit is open.
        """
        self.scopes.current("on_rollback").rollback_hooks.append(fn)

    def rollback_only(self) -> None:
        """Have the current unit rolled back at its end, whatever else happens.

        Raises:
            UsageError: No unit is open.
        """
        self.scopes.current("rollback_only").unit.rollback_only = True

    async def commit(self) -> None:
        """End a pending unit (`auto_commit=False`) by a commit; in a request, commit now and go on.

        Raises:
            NestedCommitError: Inside `db.transaction()`.
            UsageError: No unit is open.
        """
        unit = self.scopes.current("commit").unit
        if unit.kind is Kind.PENDING:
            unit.refuse_commit("db.commit()")
            await self.scopes.end(unit)
        else:
            await unit.session.commit()

    async def rollback(self) -> None:
        """End a pending unit (`auto_commit=False`) by a rollback.

        Raises:
            UsageError: No pending unit is open; `rollback_only` is for the others.
        """
        level = self.scopes.current("rollback")
        unit = level.unit
        if unit.kind is not Kind.PENDING or level.outer is not None:
            raise UsageError(f"{level.label} ends on its own; raise an error in it, or call db.rollback_only()")
        await self.scopes.end(unit, UsageError("rolled back by hand"))

    def connections(self) -> tuple[Holder, ...]:
        """Who holds a connection now, longest first."""
        return self._units.holders()

    def expect_queries(
        self, exactly: int | None = None, *, at_most: int | None = None
    ) -> AbstractContextManager[list[Statement]]:
        """A budget for a test: the block sends this many statements to the database, from whatever task.

        BEGIN, SAVEPOINT, SET and the like do not count. Gives the list of the statements, which grows as they are sent.

        Raises:
            AssertionError: It sent another number; names each statement and where it came from.
            UsageError: No number was given, or two.
        """
        return within_budget(self.engines, exactly, at_most)

    # -- for the layers above ------------------------------------------------------------------------------------

    def enter_request(self, scope: RequestScope) -> None:
        """Put a request's scope into the context of its task; for framework integrations."""
        self.scopes.enter_request(scope)

    def leave_request(self, scope: RequestScope) -> None:
        """Take a request's scope out of the context again."""
        self.scopes.leave_request(scope)

    async def read(
        self, work: Work[T], *, model: type, session: AsyncSession | None = None, operation: str = "select"
    ) -> T:
        """Run a read in the session that the session rule gives it."""
        return await self.execution.read(Call(operation, model, session=session), work)

    async def write(
        self,
        work: Work[T],
        *,
        model: type,
        operation: str,
        session: AsyncSession | None = None,
        row: object | None = None,
        auto_commit: bool | None = None,
    ) -> T:
        """Run a write in the session that the session rule gives it, and commit where it says."""
        return await self.execution.write(Call(operation, model, row, session), work, auto_commit=auto_commit)

    @asynccontextmanager
    async def protected(
        self, session: AsyncSession | None, auto_commit: bool | None
    ) -> AsyncGenerator[AsyncSession | None, None]:
        """A savepoint around a write that may fail, so that it does not break the unit it runs in; None outside one."""
        level = self.scopes.here()
        if session is None and level is None and auto_commit is False:
            session = self.execution.open_pending().session
        elif session is None and level is not None:
            session = level.unit.session
        if session is None:
            yield None
            return
        session = given_session(session)
        async with session.begin_nested():
            yield session


def database_of(model: type) -> Database:
    """The database that the models of a base use.

    Raises:
        NotBoundError: None was bound to the base.
    """
    database: Database | None = getattr(model, BINDING, None)
    if database is None:
        raise NotBoundError(model.__name__)
    return database
