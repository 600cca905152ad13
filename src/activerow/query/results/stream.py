"""`Stream`: the rows of a query one after the other, read in batches, so that memory stays flat."""

import asyncio
import logging
from collections import deque
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from activerow.database import Database, database_of
from activerow.database.execution import Call
from activerow.database.failures import is_outdated
from activerow.database.unit import Unit, UnitSession, to_the_end
from activerow.errors import TransientError, UsageError
from activerow.query.lookups import check_windows
from activerow.query.plan import Plan
from activerow.query.related import remember_result
from activerow.query.results.batches import Batches, Fetch, cursor_batches, separate_batches

logger = logging.getLogger("activerow")

M = TypeVar("M")


class Stream(Generic[M]):
    """The rows of a query, for `async for`, once.

    Inside a unit it reads from the unit, and other calls of the unit may come between two rows. Outside it has a
    connection of its own until it ends: at the last row, at an error, at `aclose()`, at the end of an `async with`
    block, or when nobody holds it any more. Tasks may share it: each row goes to one of them.
    """

    def __init__(
        self, model: type[M], plan: Plan, fetch: Fetch[M], *, session: AsyncSession | None = None, batch: int = 500
    ) -> None:
        if type(batch) is not int or batch < 1:
            raise UsageError("stream() takes a batch of one row or more")
        check_windows(plan.computed, "stream")
        self._rows: deque[M] = deque()
        self._turn = asyncio.Lock()
        self._feed = _Feed(model, plan, fetch, session, batch)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> M:
        """The next row.

        Raises:
            ScopeClosedError, TransactionBrokenError: The unit that the stream reads from has ended, or is broken.
            UsageError: `for_update()` outside a unit: the locks would be nobody's.
            DatabaseError: The database refused.
        """
        self._feed.check()
        while not self._rows:
            async with self._turn:
                if not self._rows:
                    rows = await self._feed.next()
                    if not rows:
                        raise StopAsyncIteration
                    self._rows.extend(rows)
        return self._rows.popleft()

    async def aclose(self) -> None:
        """Give the connection back. No more rows come."""
        async with self._turn:
            self._rows.clear()
            await self._feed.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # A loop that was left by `break` has dropped its stream: at once, where references are counted.
        feed: _Feed[M] | None = getattr(self, "_feed", None)
        if feed is not None:
            feed.abandon()


class _Feed(Generic[M]):
    """Where the rows of a stream come from: a session, from the first batch on, and a way to read batches."""

    def __init__(self, model: type[M], plan: Plan, fetch: Fetch[M], session: AsyncSession | None, size: int) -> None:
        self._model, self._plan, self._fetch, self._size = model, plan, fetch, size
        self._call = Call("select", model, None, session, replica=plan.reads_replica())
        self._source: tuple[AsyncSession | None, Batches[M]] | None = None
        self._joined: Unit | None = None
        self._own: Unit | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = False

    @property
    def _database(self) -> Database:
        return database_of(self._model)

    def check(self) -> None:
        """Refuse to go on in a unit that cannot be used, also with rows that were read before."""
        if self._joined is not None and not self._over:
            self._joined.check()

    async def next(self) -> list[M]:
        """The next rows; none at the end, where an own connection goes back."""
        if self._over:
            return []
        try:
            rows = await self._first() if self._source is None else await self._read(*self._source)
        except BaseException:
            await self.close()
            raise
        if not rows:
            await self.close()
        remember_result(rows, self._plan.include)
        if self._own is not None:
            _let_go(self._own.sync)
        return rows

    async def _first(self) -> list[M]:
        """The first rows; asked for anew when tables were changed under a prepared statement."""
        try:
            return await self._read(*await self._opened())
        except TransientError as error:
            if self._own is None or not is_outdated(error):
                raise
        await self.close()
        self._source, self._over = None, False
        return await self._read(*await self._opened())

    async def _read(self, session: AsyncSession | None, batches: Batches[M]) -> list[M]:
        if session is None:
            return await self._database.execution.read(self._call, batches.read)
        return await self._database.execution.step(self._call, session, batches.read)

    async def _opened(self) -> tuple[AsyncSession | None, Batches[M]]:
        if self._source is None:
            session = await self._database.execution.session_of(self._call)
            if session is None:
                self._source = await self._begin_alone()
            else:
                self._joined = session.unit if isinstance(session, UnitSession) else None
                self._source = session, separate_batches(self._model, self._plan, self._size, self._fetch)
        return self._source

    async def _begin_alone(self) -> tuple[AsyncSession | None, Batches[M]]:
        """A unit of the stream's own, which no call of the loop's body will meet; None where one connection is all."""
        if self._plan.lock is not None:
            raise UsageError(
                "stream() with for_update() needs an open unit, or the rows would be locked against the loop's own"
                " calls: write `async with db.transaction():` around it"
            )
        if self._database.engines.enclosed:
            return None, separate_batches(self._model, self._plan, self._size, self._fetch)
        self._loop = asyncio.get_running_loop()
        prepare = self._database.engines.backend.one_state.on
        unit = self._own = await self._database.execution.begin_apart(self._call, "stream()", prepare)
        # The MySQL drivers' cursors occupy the connection, and a slow reader is cut off by `net_write_timeout`.
        way = separate_batches if self._database.engines.backend.busy_cursor else cursor_batches
        return unit.session, way(self._model, self._plan, self._size, self._fetch)

    async def close(self) -> None:
        """Let no more rows come and give an own connection back."""
        self._over = True
        unit, self._own = self._own, None
        if unit is not None:
            await to_the_end(self._put_away(unit))

    def abandon(self) -> None:
        """The same, without waiting; callable from wherever garbage is collected."""
        self._over = True
        unit, self._own = self._own, None
        if unit is None or self._loop is None:
            return
        if self._loop.is_closed():
            # Its connections are discarded when the database is used or disposed of next; the cursor goes with them.
            unit.session.info["activerow_stream"] = self._source
        else:
            self._database.scopes.finish_later(unit, self._loop, lambda: self._put_away(unit))

    async def _put_away(self, unit: Unit) -> None:
        try:
            if self._source is not None:
                await self._source[1].close()
        except Exception as error:  # noqa: BLE001
            # The connection may be lost; the unit is rolled back in any case.
            logger.debug("the cursor of a stream could not be closed: %s", type(error).__name__)
        await self._database.scopes.put_away(unit)


def _let_go(session: Session) -> None:
    """Detach the rows read so far; a result that is still open goes on to fill the same identity map."""
    internals: Any = session
    internals._expunge_states(session.identity_map.all_states())
