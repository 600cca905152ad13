"""The lock of a unit: one call at a time, and a savepoint alone with the tasks that belong to it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activerow.database.unit.lock import UnitLock
from activerow.errors import SessionConflictError

LONG = 60.0
SOON = 5.0


@dataclass(eq=False)
class Place:
    """A level of the lock: the unit, or a savepoint in it."""

    label: str
    task: "asyncio.Task[object] | None" = None


@asynccontextmanager
async def turn(lock: UnitLock, place: Place) -> AsyncGenerator[None, None]:
    """A call at `place`."""
    await lock.acquire(place)
    try:
        yield
    finally:
        lock.release()


async def call(lock: UnitLock, place: Place) -> None:
    """The shortest call there is."""
    async with turn(lock, place):
        pass


async def start(work: Coroutine[Any, Any, Any], name: str | None = None) -> "asyncio.Task[Any]":
    """A task that has run as far as it can."""
    task = asyncio.create_task(work, name=name)
    await settle()
    return task


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def unit() -> Place:
    return Place("the unit")


@pytest.fixture
def lock(unit: Place) -> UnitLock:
    return UnitLock(unit, LONG)


# -- one call at a time ----------------------------------------------------------------------------------------------


async def test_calls_of_several_tasks_never_overlap(lock: UnitLock, unit: Place) -> None:
    """However many tasks call at once, one call runs at a time."""
    running: list[int] = []
    most: list[int] = []

    async def work(number: int) -> None:
        async with turn(lock, unit):
            running.append(number)
            await asyncio.sleep(0)
            most.append(len(running))
            running.remove(number)

    await asyncio.gather(*(work(number) for number in range(20)))

    assert most == [1] * 20


async def test_first_come_is_first_served(lock: UnitLock, unit: Place) -> None:
    """Tasks get their turn in the order in which they asked."""
    order: list[int] = []

    async def work(number: int) -> None:
        async with turn(lock, unit):
            await asyncio.sleep(0)
            order.append(number)

    await asyncio.gather(*(work(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]


async def test_a_task_that_comes_later_does_not_overtake_the_one_whose_turn_it_is(lock: UnitLock, unit: Place) -> None:
    """Between a release and the moment when the next task runs, nobody slips in."""
    await lock.acquire(unit)
    waiting = await start(lock.acquire(unit))
    lock.release()

    late = asyncio.ensure_future(call(lock, unit))
    await settle()

    assert waiting.done()
    assert not late.done()
    late.cancel()
    with suppress(asyncio.CancelledError):
        await late


async def test_the_lock_is_re_entrant(lock: UnitLock, unit: Place) -> None:
    """A call may make another one; others wait until the outer one is over."""
    async with turn(lock, unit):
        await call(lock, unit)
        other = await start(call(lock, unit))
        assert not other.done()

    await other


# -- savepoints ------------------------------------------------------------------------------------------------------


async def test_a_task_from_outside_waits_until_the_savepoint_has_ended(lock: UnitLock, unit: Place) -> None:
    """Between SAVEPOINT and RELEASE a task that stands outside does not get a turn, although no call is running."""
    savepoint = Place("savepoint", asyncio.current_task())
    lock.push(savepoint)
    outside = await start(call(lock, unit))
    assert not outside.done()

    lock.pop(savepoint)

    await outside


async def test_tasks_inside_the_savepoint_go_on(lock: UnitLock, unit: Place) -> None:
    """The task of a savepoint and those started inside it get their turns."""
    savepoint = Place("savepoint", asyncio.current_task())
    lock.push(savepoint)

    await call(lock, savepoint)
    await asyncio.gather(call(lock, savepoint), call(lock, savepoint))

    assert lock.levels == [unit, savepoint]


async def test_the_task_of_a_savepoint_may_use_the_session_of_the_unit(lock: UnitLock, unit: Place) -> None:
    """A session that was handed over stands for the unit; its own savepoint does not lock the task out."""
    lock.push(Place("savepoint", asyncio.current_task()))

    async with asyncio.timeout(SOON):
        await call(lock, unit)


async def test_an_inner_savepoint_excludes_the_tasks_of_the_outer_one(lock: UnitLock) -> None:
    """Of two savepoints the innermost one's tasks have the unit."""
    outer = Place("outer", asyncio.current_task())
    lock.push(outer)
    opened, may_end = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        inner = Place("inner", asyncio.current_task())
        async with turn(lock, outer):
            lock.push(inner)
        opened.set()
        await may_end.wait()
        lock.pop(inner)

    running = asyncio.create_task(child())
    await opened.wait()
    sibling = await start(call(lock, outer))
    assert not sibling.done()

    may_end.set()

    await asyncio.gather(running, sibling)


async def test_the_next_turn_skips_tasks_that_must_wait_for_the_savepoint(lock: UnitLock, unit: Place) -> None:
    """A task inside the savepoint is served before one outside that asked earlier."""
    savepoint = Place("savepoint", asyncio.current_task())
    await lock.acquire(unit)
    outside = await start(call(lock, unit))
    lock.push(savepoint)
    inside = await start(call(lock, savepoint))

    lock.release()

    await inside
    assert not outside.done()
    lock.pop(savepoint)
    await outside


async def test_waiting_too_long_for_a_savepoint_names_both_tasks(unit: Place) -> None:
    """A task that waits in vain learns which block is in its way, and whose it is."""
    lock = UnitLock(unit, timeout=0.01)
    holder = await start(asyncio.Event().wait(), "the holder")
    lock.push(Place("db.transaction() at page.py:7", holder))

    with pytest.raises(SessionConflictError) as caught:
        await asyncio.create_task(call(lock, unit), name="the waiter")

    for part in ("'the holder'", "'the waiter'", "db.transaction() at page.py:7"):
        assert part in str(caught.value)
    assert caught.value.units == ("the unit", "db.transaction() at page.py:7")
    holder.cancel()
    with suppress(asyncio.CancelledError):
        await holder


async def test_a_task_that_gave_up_leaves_the_lock_usable(unit: Place) -> None:
    """Who waited too long is no longer in the queue."""
    lock = UnitLock(unit, timeout=0.01)
    savepoint = Place("savepoint", asyncio.current_task())
    lock.push(savepoint)
    with pytest.raises(SessionConflictError):
        await asyncio.create_task(call(lock, unit))

    lock.pop(savepoint)

    await asyncio.gather(call(lock, unit), call(lock, unit))


async def test_waiting_for_a_long_call_is_no_conflict(unit: Place) -> None:
    """Patience is for savepoints: a slow statement is waited for, however long it takes."""
    lock = UnitLock(unit, timeout=0.001)
    await lock.acquire(unit)
    waiting = await start(call(lock, unit))
    await asyncio.sleep(0.02)  # twenty times the patience
    assert not waiting.done()

    lock.release()

    await waiting


async def test_a_savepoint_whose_task_is_gone_keeps_nobody_out(lock: UnitLock, unit: Place) -> None:
    """`wait_for` on Python 3.11 enters a block in a task of its own: then the block is whoever's goes on."""

    async def enter() -> None:
        async with turn(lock, unit):
            lock.push(Place("savepoint", asyncio.current_task()))

    await asyncio.create_task(enter())

    await asyncio.wait_for(call(lock, unit), SOON)


async def test_a_task_already_waiting_goes_on_when_the_task_of_the_savepoint_is_gone(unit: Place) -> None:
    """A savepoint that its task left open when it ended does not keep the others waiting for ever."""
    lock = UnitLock(unit, LONG)
    may_end = asyncio.Event()

    async def enter() -> None:
        async with turn(lock, unit):
            lock.push(Place("savepoint", asyncio.current_task()))
        await may_end.wait()

    holder = await start(enter())
    waiting = await start(call(lock, unit))
    assert not waiting.done()

    may_end.set()
    await holder
    await settle()

    assert waiting.done()
    await waiting


# -- the end ---------------------------------------------------------------------------------------------------------


async def test_the_end_of_a_block_ends_the_savepoints_inside_it(lock: UnitLock, unit: Place) -> None:
    """A unit can be ended although a savepoint in it was left open by another task."""
    holder = await start(asyncio.Event().wait())
    lock.push(Place("outer", holder))
    lock.push(Place("inner", holder))

    await asyncio.wait_for(lock.acquire_for_the_end(unit), SOON)

    assert lock.levels == [unit]
    holder.cancel()
    with suppress(asyncio.CancelledError):
        await holder


async def test_the_end_waits_for_the_call_under_way(lock: UnitLock, unit: Place) -> None:
    """A unit is not ended in the middle of somebody's statement."""
    may_end = asyncio.Event()

    async def work() -> None:
        async with turn(lock, unit):
            await may_end.wait()

    running = await start(work())
    ending = await start(lock.acquire_for_the_end(unit))
    assert not ending.done()

    may_end.set()

    await asyncio.gather(running, ending)


async def test_popping_a_savepoint_pops_those_inside_it(lock: UnitLock, unit: Place) -> None:
    """An inner savepoint does not outlive the outer one."""
    outer = Place("outer", asyncio.current_task())
    lock.push(outer)
    lock.push(Place("inner", asyncio.current_task()))

    lock.pop(outer)

    assert lock.levels == [unit]


# -- cancellation ----------------------------------------------------------------------------------------------------


async def test_a_cancelled_waiter_leaves_the_queue(lock: UnitLock, unit: Place) -> None:
    """A task cancelled while it waits is passed over."""
    await lock.acquire(unit)
    first = await start(call(lock, unit))
    second = await start(call(lock, unit))

    first.cancel()
    lock.release()

    await second
    assert first.cancelled()


async def test_a_turn_given_to_a_cancelled_task_is_passed_on(lock: UnitLock, unit: Place) -> None:
    """A task cancelled in the moment in which it got its turn does not take the lock with it."""
    await lock.acquire(unit)
    first = await start(call(lock, unit))
    second = await start(call(lock, unit))

    lock.release()
    first.cancel()

    await asyncio.wait_for(second, SOON)
    assert first.cancelled()


# -- anything at all -------------------------------------------------------------------------------------------------

Step = tuple[str, int]
PROGRAMS = st.lists(
    st.lists(st.tuples(st.sampled_from(["call", "savepoint", "child"]), st.integers(0, 3)), max_size=4),
    min_size=1,
    max_size=5,
)
CANCELLATIONS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4)), max_size=4)


class Trial:
    """Runs programs of calls and savepoints as tasks, and notes when two of them were in the unit at once."""

    def __init__(self) -> None:
        self.unit = Place("the unit")
        self.lock = UnitLock(self.unit, LONG)
        self.inside: list[Place] = []
        self.overlaps: list[str] = []

    async def use(self, place: Place, turns: int) -> None:
        async with turn(self.lock, place):
            if self.inside:
                self.overlaps.append("two calls at once")
            top = self.lock.levels[-1]
            if top is not place and top.task is not asyncio.current_task():
                self.overlaps.append("a call beside a savepoint")
            self.inside.append(place)
            try:
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                self.inside.remove(place)

    async def program(self, place: Place, steps: list[Step]) -> None:
        for index, (kind, turns) in enumerate(steps):
            if kind == "call":
                await self.use(place, turns)
            elif kind == "child":
                await asyncio.gather(self.use(place, turns), self.use(place, 1))
            else:
                await self.savepoint(place, steps[index + 1 :])
                return

    async def savepoint(self, place: Place, steps: list[Step]) -> None:
        savepoint = Place("savepoint", asyncio.current_task())
        async with turn(self.lock, place):
            self.lock.push(savepoint)
        try:
            await self.program(savepoint, steps)
        finally:
            self.lock.pop(savepoint)


@settings(deadline=None, max_examples=200)
@given(programs=PROGRAMS, cancellations=CANCELLATIONS)
def test_any_interleaving_ends_and_never_overlaps(
    programs: list[list[Step]], cancellations: list[tuple[int, int]]
) -> None:
    """Whatever tasks, savepoints and cancellations come together: no two calls at once, no task left waiting."""

    async def main() -> list[str]:
        trial = Trial()
        tasks = [asyncio.create_task(trial.program(trial.unit, steps)) for steps in programs]
        for moment in range(21):
            for _, victim in [c for c in cancellations if c[0] == moment and c[1] < len(tasks)]:
                tasks[victim].cancel()
            await asyncio.sleep(0)
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), SOON)
        errors = [repr(error) for error in done if error is not None and not isinstance(error, asyncio.CancelledError)]
        await asyncio.wait_for(call(trial.lock, trial.unit), SOON)
        return trial.overlaps + errors

    assert asyncio.run(main()) == []
