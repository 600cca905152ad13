"""`async with db.transaction()`: a unit for the block or, inside one, a savepoint."""

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from activerow.backends import Begin
from activerow.database.execution.scope import Scopes
from activerow.database.execution.units import UnitFactory
from activerow.database.failures import translating
from activerow.database.unit import Kind, Level, Unit, current_task, hold_of
from activerow.errors import ActiveRowError, UsageError
from activerow.errors.call_site import calling_frame, site_of

logger = logging.getLogger("activerow")

_ACLOSING = "read it to its end, or inside `async with contextlib.aclosing(...)`"


@asynccontextmanager
async def ended(scopes: Scopes, unit: Unit) -> AsyncGenerator[None, None]:
    """Open `unit` for the block and end it with the block."""
    scopes.begin(unit)
    try:
        yield
    except BaseException as error:
        await scopes.end(unit, error)
        raise
    await scopes.end(unit)


class TransactionBlock(AbstractAsyncContextManager[AsyncSession]):
    """`async with db.transaction()`: may be entered and left in different tasks or contexts."""

    def __init__(self, units: UnitFactory, *, isolation: str | None, read_only: bool, independent: bool) -> None:
        self._units, self._scopes = units, units.scopes
        self._isolation, self._read_only, self._independent = isolation, read_only, independent
        frame = calling_frame()
        self._site, self._hold = site_of(frame), hold_of(frame)
        self._level: Level | None = None

    async def __aenter__(self) -> AsyncSession:
        outer = self._scopes.here()
        if outer is None or self._independent:
            self._refuse_independent(outer)
            return await self._open()
        if self._isolation is not None:
            raise UsageError("isolation can only be chosen for a whole transaction; this one is a savepoint")
        if outer.read_only and not self._read_only:
            raise UsageError("this block wants to write inside a read-only transaction; give it read_only=True too")
        self._level = await outer.unit.open_savepoint("db.transaction()", self._site)
        self._level.read_only, self._level.hold = self._read_only, self._hold
        return outer.unit.session

    async def __aexit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        level = self._level
        if level is None:
            return
        undone = self._undone_outside(level, error)
        if level.outer is None:
            await self._scopes.end(level.unit, error)
        else:
            await level.unit.close_savepoint(level, error)
            if error is None and level.unit.kind is Kind.SCOPED and level.outer.outer is None:
                await level.unit.session.commit()
        if undone is not None:
            raise undone from error

    @staticmethod
    def _undone_outside(level: Level, error: BaseException | None) -> UsageError | None:
        """What to tell who closes the generator that holds this block, or the log where nobody does."""
        if level.hold is None or not isinstance(error, GeneratorExit):
            if level.hold is not None:
                level.hold.is_told = True
            return None
        if level.task is current_task():  # `aclose()`: an error that the reader has already is told instead
            return level.undone_outside() if level.hold.closed_by is None else None
        if level.unit.writes:
            # The event loop throws it, into a generator that was dropped; the reader is told by its next call.
            logger.error(
                "rolled back: the async generator that holds %s was left unfinished; %s", level.label, _ACLOSING
            )
        return None

    async def _open(self) -> AsyncSession:
        if self._isolation is not None and self._isolation.upper() == "AUTOCOMMIT":
            raise UsageError("a transaction cannot have isolation='AUTOCOMMIT'; use db.engine for that")
        # A standby of PostgreSQL cannot be SERIALIZABLE.
        if self._read_only and (self._isolation or "").upper() != "SERIALIZABLE":
            return await self._units.replicas.first_reachable(self._open_on)
        return await self._open_on(self._units.engines.primary)

    async def _open_on(self, engine: AsyncEngine) -> AsyncSession:
        unit = self._units.new(Kind.TRANSACTION, not self._read_only, engine=engine)
        unit.root.read_only = self._read_only
        self._scopes.begin(unit)
        try:
            await self._set_up(unit)
        except BaseException as error:
            if isinstance(error, ActiveRowError):
                self._scopes.complete(error, unit)
            await self._scopes.end(unit, error)
            raise
        self._level = unit.root
        self._level.hold = self._hold
        return unit.session

    async def _set_up(self, unit: Unit) -> None:
        if self._isolation is None and not self._read_only:
            return
        backend = self._units.engines.backend
        begin = backend.read_only if self._read_only else Begin()
        if self._isolation is not None and self._isolation.upper() not in backend.covered:
            begin = begin.with_isolation(self._isolation)
        try:
            with translating("begin"):
                await begin.on(unit.session)
        except ArgumentError as error:
            raise UsageError(f"isolation={self._isolation!r} is not known to this database: {error}") from error

    def _refuse_independent(self, outer: Level | None) -> None:
        backend = self._units.engines.backend
        if outer is None or not backend.one_writer:
            return
        unit, sync = outer.unit, outer.unit.sync
        locked = unit.immediate and unit.since is not None and sync.in_transaction()
        if locked or unit.writes or sync.new or sync.dirty or sync.deleted:
            raise UsageError(
                "independent=True inside a unit that wrote, or may write, would wait for itself:"
                f" {backend.title} has one writer at a time; open it first, or give the outer block read_only=True"
            )
