"""One call that writes many rows: its batches, its unit, and that all or none of them are kept."""

import inspect as python
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager

from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.database import Database, database_of
from activerow.database.execution import Call
from activerow.database.failures import translating
from activerow.database.unit import Kind, Unit, UnitSession
from activerow.errors import SaveError, UsageError
from activerow.mapping import SetOperation, check, mapper_of
from activerow.model.bulk.layout import refuse_several_tables
from activerow.model.bulk.operation import Batch, Chunk, Operation
from activerow.model.bulk.rows import Rows, batches

Progress = Callable[[int], Awaitable[object] | object]


class BulkCall:
    """One call: its rows come from code of the program, so the unit's lock is held for a batch, never in between."""

    def __init__(self, model: type, call: SetOperation, batch: int, progress: Progress | None) -> None:
        """Accept a call on a model.

        Raises:
            UsageError: The model is stored in several tables, or its rules refuse such a write; or there is no batch.
        """
        check(model, call)
        refuse_several_tables(model, call)
        if batch < 1:
            raise UsageError(f"{model.__name__}.{call}(batch={batch}): a batch has at least one row")
        self.model, self.size, self.progress = model, batch, progress
        self.sent = False

    async def run(
        self,
        rows: Rows,
        session: AsyncSession | None,
        auto_commit: bool | None,
        operation: Callable[[Dialect], Operation],
    ) -> int:
        """Write the rows in one unit."""
        database = database_of(self.model)
        async with self._whole(database, session, auto_commit) as within:
            made = operation(within.get_bind(mapper=mapper_of(self.model)).dialect)
            grouping = made.grouping()
            taken = written = 0
            async with aclosing(batches(rows, self.size)) as source:
                async for chunk in source:
                    written += await self._send(database, within, Batch(made, Chunk(chunk, taken), grouping))
                    taken += len(chunk)
                    await self._tell(written)
        return written

    async def _send(self, database: Database, session: AsyncSession, batch: Batch) -> int:
        async def work(session: AsyncSession) -> int:
            self._count(session)
            return await batch.send(session)

        call = Call(batch.word, self.model, None, session, batch.failing)
        try:
            return await database.execution.write(call, work, auto_commit=False)
        except SaveError as error:
            batch.locate(error)
            raise

    def _count(self, session: AsyncSession) -> None:
        """Count the call as one write of its unit, however many statements it sends."""
        if isinstance(session, UnitSession) and not self.sent:
            session.unit.writes += 1
        self.sent = True

    async def _tell(self, written: int) -> None:
        if self.progress is not None:
            told = self.progress(written)
            if python.isawaitable(told):
                await told

    # -- all or none ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _whole(
        self, database: Database, session: AsyncSession | None, auto_commit: bool | None
    ) -> AsyncGenerator[AsyncSession, None]:
        """The session of the call, in which nothing is left of the block when it fails."""
        execution, scopes = database.execution, database.scopes
        if auto_commit:
            await execution.refuse_nested_commit(Call("commit", self.model, session=session))
        level = scopes.here() if session is None else None
        if level is not None:
            session = level.unit.session
        elif session is None and auto_commit is False:
            session = execution.open_pending().session
        if session is None:
            async with database.transaction() as own:
                yield own
            return
        unit = session.unit if isinstance(session, UnitSession) else None
        commits_itself = unit is not None and _commits_itself(unit, auto_commit)
        if unit is None or commits_itself:
            async with AsyncExitStack() as stack:
                with translating("flush", self.model):
                    _ = await stack.enter_async_context(session.begin_nested())
                yield session
        else:
            with _undivided(unit, self):
                yield session
        if auto_commit or commits_itself:
            await execution.write(Call("commit", self.model, session=session), _nothing, auto_commit=auto_commit)


def _commits_itself(unit: Unit, auto_commit: bool | None) -> bool:
    """Each call commits itself in `scoped_session()`: then the batches of this one must not."""
    return unit.kind is Kind.SCOPED and auto_commit is None and unit.places.locate(unit).outer is None


@contextmanager
def _undivided(unit: Unit, call: BulkCall) -> Generator[None, None, None]:
    """Refuse commits in the block, and break the unit when the block fails after it has sent something."""
    unit.undivided += 1
    try:
        yield
    except BaseException as error:
        if call.sent:
            unit.fail_block(error)
        raise
    finally:
        unit.undivided -= 1


async def _nothing(session: AsyncSession) -> None:
    """Send nothing: the call only commits."""
