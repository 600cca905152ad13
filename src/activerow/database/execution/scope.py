"""Scopes: which unit of work the current task belongs to.

A context variable holds the place of a task: a block of a unit (`Level`), a request (`RequestScope`), or nothing. Tasks
inherit it from the task that starts them. What it holds is shared and mutated, never replaced from outside, because
contexts are copied where one does not expect it: `asyncio.wait_for` on Python 3.11, async generators, test fixtures.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import cast

from activerow.database.flush import News
from activerow.database.unit import Hook, Kind, Level, Unit, current_task, run_hooks, to_the_end
from activerow.errors import ActiveRowError, PendingWorkError, ScopeClosedError, TransactionBrokenError, UsageError
from activerow.errors.call_site import CallSite, call_site

logger = logging.getLogger("activerow")


class RequestScope:
    """A request's place for a unit of work: opened by the dependency, or by `auto_commit=False`.

    Args:
        label: Gives method and route, for messages.
        on_open: Called once when `Depends(db.session)` opens the unit, to arrange for `end`.
        admit: Called first by `Depends(db.session)`; raises `UsageError` where it may not be used.
        site: Gives the line of the endpoint, for messages: the caller of a dependency is the framework.
    """

    def __init__(
        self,
        label: Callable[[], str],
        *,
        on_open: Callable[[], None],
        admit: Callable[[], None] | None = None,
        site: Callable[[], CallSite | None] | None = None,
    ) -> None:
        self._label, self._site = label, site
        self.on_open = on_open
        self.admit = admit
        self.level: Level | None = None
        self.verdict: ActiveRowError | None = None
        self.places: Scopes | None = None
        self.previous: Level | RequestScope | None = None  # a block around the whole request, as in a test

    @property
    def label(self) -> str:
        """Method and route, as far as the router has found it."""
        return self._label()

    @property
    def site(self) -> CallSite:
        """The line of the endpoint, where one is known, else of the caller."""
        return (self._site() if self._site is not None else None) or call_site()

    @property
    def unit_open(self) -> bool:
        """Whether the request's unit, or a pending one, is open now."""
        return self.level is not None

    async def end(self, error: BaseException | None = None) -> None:
        """Commit the open unit, or roll it back when `error` is given, it is broken or only pending.

        What a 2xx answer must become because work was lost is in `verdict` afterwards.

        Raises:
            ActiveRowError: The commit failed, or tasks still run.
        """
        level, self.level = self.level, None
        if level is None or self.places is None:
            return
        unit, broken = level.unit, level.unit.failure()
        if error is None and unit.kind is Kind.PENDING and not unit.idle:
            error = self.verdict = PendingWorkError(str(unit.root.site))
        elif error is None and broken is not None:
            self.verdict = TransactionBrokenError(broken) if unit.lost else None
            error = broken
        if level.outer is None:
            await self.places.end(unit, error)
        else:
            await unit.close_savepoint(level, error)

    async def close(self, error: BaseException | None = None) -> None:
        """`end`, and leave the context: later calls of the request's task are lone calls."""
        try:
            await self.end(error)
        finally:
            if self.places is not None:
                self.places.leave_request(self)


class Scopes:
    """The open units of one database, and which of them a task works in."""

    def __init__(self) -> None:
        self.place: ContextVar[Level | RequestScope | None] = ContextVar("activerow_place", default=None)
        """Where the current task stands, or stood: see `here`."""
        self.units: set[Unit] = set()
        self._rolling_back: set[asyncio.Task[None]] = set()
        self.captured: list[Hook] | None = None
        """Takes the hooks of commits instead of running them, while a test looks at them."""
        self.completing: Callable[[ActiveRowError, Unit | None], None] | None = None
        """Adds to an error what only the database knows."""

    def complete(self, error: ActiveRowError, unit: Unit | None = None) -> None:
        """Add to `error` what only the database knows: where it is, and who holds its connections."""
        if self.completing is not None:
            self.completing(error, unit)

    # -- where a task stands -------------------------------------------------------------------------------------

    def here(self) -> Level | None:
        """The open block that the current task belongs to.

        Raises:
            ScopeClosedError: The block in which this task was started has ended.
        """
        place = self.place.get()
        if type(place) is Level and place.hold is None and not (place.closed or place.unit.ended):
            return place
        while place is not None:
            if isinstance(place, RequestScope):
                if place.level is not None:
                    return place.level
                place = place.previous
            elif place.is_over(current_task()):
                place = self._step_out(place)
            else:
                if place.hold is not None:
                    place.hold.note_call(place.unit.writes)
                return place
        return None

    def request(self) -> RequestScope | None:
        """The request that the current task works for."""
        place: object = self.place.get()
        while isinstance(place, Level):
            place = place.previous
        return place if isinstance(place, RequestScope) else None

    def locate(self, unit: Unit) -> Level:
        """The block of `unit` that the current task works in; the unit itself for a session handed over."""
        place = self.place.get()
        if isinstance(place, Level) and place.unit is unit:
            if place.closed and place.outer is not None:
                place = self._step_out(place)
            if isinstance(place, Level) and place.unit is unit:
                return place
        return unit.root

    def enter(self, level: Level) -> None:
        """Make `level` the block of the current task and of the tasks it starts."""
        level.previous = self.place.get()
        self.place.set(level)

    def leave(self, level: Level) -> None:
        """Go back to what was there before `level`; nothing happens in a context that stands elsewhere."""
        if self.place.get() is level:
            self.place.set(cast("Level | RequestScope | None", level.previous))

    def enter_request(self, scope: RequestScope) -> None:
        """Put a request into the context of its task."""
        scope.places = self
        scope.previous = self.place.get()
        self.place.set(scope)

    def leave_request(self, scope: RequestScope) -> None:
        """Take a request out of the context, with whatever blocks were left open in it."""
        if self.request() is scope:
            self.place.set(scope.previous)

    @asynccontextmanager
    async def detached(self) -> AsyncGenerator[None, None]:
        """Stand outside every scope for the block."""
        before = self.place.get()
        self.place.set(None)
        try:
            yield
        finally:
            self.place.set(before)

    def _step_out(self, place: Level) -> Level | RequestScope | None:
        """The nearest open block for the task that opened `place`; its other tasks are refused.

        Raises:
            ScopeClosedError: It is one of these.
            UsageError: A generator that held the block was left, and what the task wrote meanwhile is undone.
        """
        task = current_task()
        outer: object = place
        while isinstance(outer, Level) and outer.is_over(task):
            if outer.task is not task:
                raise ScopeClosedError(task.get_name(), outer.label)
            if (undone := outer.undone_outside()) is not None:
                raise undone
            outer = outer.previous
        place_now = cast("Level | RequestScope | None", outer)
        self.place.set(place_now)
        return place_now

    # -- the life of a unit --------------------------------------------------------------------------------------

    def begin(self, unit: Unit) -> None:
        """Open `unit` for the current task."""
        self.units.add(unit)
        self.enter(unit.root)
        if unit.kind in (Kind.REQUEST, Kind.PENDING):
            request = self.request()
            if request is not None:
                request.level = unit.root
            elif unit.kind is Kind.PENDING:
                current_task().add_done_callback(lambda task: self._expire(unit, task))

    async def end(self, unit: Unit, error: BaseException | None = None) -> None:
        """End `unit`, leave it, and run its hooks outside any unit.

        Raises:
            ActiveRowError: It could not be committed; see `Unit.end`.
        """
        try:
            await unit.end(error)
        except asyncio.CancelledError:
            self._forget(unit)
            await to_the_end(self.run_hooks(unit.hooks_due()))
            raise
        except BaseException:
            self._forget(unit)
            await self.run_hooks(unit.hooks_due())
            raise
        self._forget(unit)
        await self.run_hooks(unit.hooks_due())

    def after_commit(self, hooks: list[Hook]) -> list[Hook]:
        """Of the hooks of a unit that was committed, those to run."""
        if self.captured is None:
            return hooks
        told: list[Hook] = [hook for hook in hooks if isinstance(hook, News)]
        self.captured += (hook for hook in hooks if hook not in told)
        return told

    async def run_hooks(self, hooks: list[Hook]) -> None:
        """Run transaction hooks outside any unit."""
        if hooks:
            async with self.detached():
                await run_hooks(hooks)

    def _forget(self, unit: Unit) -> None:
        self.units.discard(unit)
        request = self.request()
        if request is not None and request.level is unit.root:
            request.level = None
        self.leave(unit.root)

    def _expire(self, unit: Unit, task: "asyncio.Task[object]") -> None:
        """Roll back a pending unit whose task ended without committing it; loudly, unless it could not get so far."""
        if unit.ended:
            return
        self.units.discard(unit)
        unit.ended = True
        if unit.idle:
            return
        error, loop = PendingWorkError(str(unit.root.site)), task.get_loop()
        if task.cancelled():
            logger.debug("rolled back: the work begun at %s was cancelled", unit.root.site)
        else:
            logger.error("%s", error)
            loop.call_exception_handler({"message": str(error), "exception": error, "task": task})
        self._see_off(unit, loop.create_task(self._roll_back(unit)))

    async def _roll_back(self, unit: Unit) -> None:
        await unit.put_away()
        await self.run_hooks(unit.hooks_due())

    async def put_away(self, unit: Unit) -> None:
        """Roll back and close a unit that was never entered."""
        unit.ended = True
        try:
            await unit.put_away()
        finally:
            self.units.discard(unit)

    def finish_later(
        self, unit: Unit, loop: asyncio.AbstractEventLoop, finish: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        """Start the end of a unit that nobody waits for; from any thread."""

        def start() -> None:
            self._see_off(unit, loop.create_task(finish()))

        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        if here:
            start()
        else:
            loop.call_soon_threadsafe(start)

    def _see_off(self, unit: Unit, task: "asyncio.Task[None]") -> None:
        self._rolling_back.add(task)
        task.add_done_callback(self._rolling_back.discard)
        task.add_done_callback(lambda _: unit.abandon())

    async def seen_off(self) -> None:
        """Wait for the units whose end nobody waits for."""
        loop = asyncio.get_running_loop()
        ending = [task for task in self._rolling_back if task.get_loop() is loop]
        if ending:
            await asyncio.wait(ending)

    def current(self, call: str) -> Level:
        """The open block, for calls that make sense only in one.

        Raises:
            UsageError: There is none.
        """
        level = self.here()
        if level is None:
            raise UsageError(f"{call} needs an open unit of work: write `async with db.transaction():` around it")
        return level
