"""Random programs of tasks, savepoints, errors and cancellations, held against what must then be in the database.

A program is a tree of steps, played inside one `db.transaction()`. Every call that returned is written down in the
block it ran in; a block that ended without error hands its notes to the block around it. Whatever the tasks did to each
other, the database must hold exactly the notes of the outermost block if it was committed, and nothing of them if it
was not.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import ActiveRowError, UniqueViolationError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Entry(Base):
    """A row with a name that only it has."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    value: Mapped[int] = mapped_column(default=0)


class UndoError(Exception):
    """A block that changed its mind."""


@dataclass(frozen=True)
class Create:
    """Insert a row; with `taken`, one whose name is there already, and go on after the error if `swallow`."""

    taken: bool = False
    swallow: bool = False


@dataclass(frozen=True)
class Update:
    """Change the task's newest row."""


@dataclass(frozen=True)
class Delete:
    """Delete the task's newest row."""


@dataclass(frozen=True)
class Block:
    """A savepoint around steps, left with an error if `undo`."""

    steps: tuple[Any, ...]
    undo: bool


@dataclass(frozen=True)
class Fork:
    """Children that run beside each other; the first is cancelled after `cancel_after` turns of the loop."""

    children: tuple[tuple[Any, ...], ...]
    cancel_after: int | None


simple = st.one_of(
    st.just(Create()),
    st.just(Update()),
    st.just(Update()),
    st.just(Delete()),
    st.builds(Create, taken=st.just(True), swallow=st.booleans()),
)


def _blocks(steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(steps, max_size=4).map(tuple)
    children = st.lists(several, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        st.builds(Block, steps=several, undo=st.booleans()),
        st.builds(Fork, children=children, cancel_after=st.one_of(st.none(), st.none(), st.integers(0, 60))),
    )


programs = st.lists(st.recursive(simple, _blocks, max_leaves=12), min_size=1, max_size=6).map(tuple)

Notes = list[tuple[str, int | None]]


@dataclass
class Player:
    """Plays programs against a database and notes what was answered."""

    db: Database
    names: Iterator[int] = field(default_factory=itertools.count)
    rows: list[Entry] = field(default_factory=list[Entry])

    async def play(self, steps: tuple[Any, ...], notes: Notes, own: list[Entry]) -> None:
        for step in steps:
            await self._step(step, notes, own)

    async def _step(self, step: Any, notes: Notes, own: list[Entry]) -> None:
        match step:
            case Create(taken=True, swallow=swallow):
                with suppress(UniqueViolationError) if swallow else nullcontext():
                    await Entry.create(name="taken")
            case Create():
                row = Entry(name=f"n{next(self.names)}")
                self.rows.append(row)
                await row.save()
                own.append(row)
                notes.append((row.name, row.value))
            case Update() if own:
                await self._update(own[-1], notes)
            case Delete() if own:
                await own[-1].delete()
                notes.append((own.pop().name, None))
            case Block(steps=steps, undo=undo):
                await self._block(steps, undo=undo, notes=notes, own=own)
            case Fork(children=children, cancel_after=turns):
                await self._fork(children, turns, notes)
            case _:
                await asyncio.sleep(0)

    async def _update(self, row: Entry, notes: Notes) -> None:
        value = next(self.names) + 1
        await row.update(value=value)
        assert row.value == value
        notes.append((row.name, value))

    async def _block(self, steps: tuple[Any, ...], *, undo: bool, notes: Notes, own: list[Entry]) -> None:
        before = [(row, row.value) for row in own]
        inner: Notes = []
        mine = list(own)
        try:
            async with self.db.transaction():
                await self.play(steps, inner, mine)
                if undo:
                    raise UndoError
        except UndoError:
            assert [(row, row.value) for row, _ in before] == before
            return
        notes += inner
        own[:] = mine

    async def _fork(self, children: tuple[tuple[Any, ...], ...], turns: int | None, notes: Notes) -> None:
        tasks = [asyncio.create_task(self.play(steps, notes, [])) for steps in children]
        for task in tasks:  # a cancelled parent leaves them alone; what they raise then is of no interest
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
        if turns is not None:
            await _turn(turns)
            tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _turn(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def _stored(notes: Notes) -> dict[str, int]:
    final = dict(notes)
    return {name: value for name, value in final.items() if value is not None}


async def _in_database() -> dict[str, int]:
    return {row.name: row.value for row in await Entry.query().all() if row.name != "taken"}


async def _begin(db: Database) -> Player:
    await Entry.query().delete(all_rows=True)
    await Entry.create(name="taken")
    return Player(db)


async def _check_rows(player: Player, stored: dict[str, int]) -> None:
    """Every object tells what the database holds, and one that was undone can be saved again."""
    for row in player.rows:
        state = inspect(row)
        if row.name in stored:
            assert (state.detached, row.value) == (True, stored[row.name])
        elif state.transient:
            await row.save()
            assert (await Entry.get(row.id)).name == row.name


Play = Callable[[Player, tuple[Any, ...]], Awaitable[None]]


def _examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@_examples(60)
@given(program=programs)
async def test_a_transaction_holds_what_was_answered_or_nothing(
    make_database: MakeDatabase, backend: Backend, program: tuple[Any, ...]
) -> None:
    """After any program the database holds the calls that returned in blocks that were kept, and no others."""
    db = await _database(make_database, backend)
    player = await _begin(db)
    notes: Notes = []

    try:
        async with db.transaction():
            await player.play(program, notes, [])
    except (ActiveRowError, UndoError) as error:
        note(f"rolled back: {error!r}")
        notes = []

    stored = await _in_database()
    assert stored == _stored(notes)
    assert (db.engine.pool.checkedout(), db.connections()) == (0, ())  # type: ignore[attr-defined]
    await _check_rows(player, stored)


@_examples(60)
@given(program=programs, turns=st.integers(0, 150))
async def test_a_cancelled_transaction_is_whole_or_absent(
    make_database: MakeDatabase, backend: Backend, program: tuple[Any, ...], turns: int
) -> None:
    """A cancellation at any moment leaves everything or nothing, and no connection out of the pool."""
    db = await _database(make_database, backend)
    player = await _begin(db)
    notes: Notes = []

    async def play() -> None:
        async with db.transaction():
            await player.play(program, notes, [])

    task = asyncio.create_task(play())
    await _turn(turns)
    task.cancel()
    with suppress(asyncio.CancelledError, ActiveRowError, UndoError):
        await task

    await _all_given_back(db)
    stored = await _in_database()
    assert stored in ({}, _stored(notes))
    if task.done() and not task.cancelled() and task.exception() is None:
        assert stored == _stored(notes)


@_examples(25)
@given(programs=st.lists(programs, min_size=2, max_size=4))
async def test_units_beside_each_other_do_not_mix(
    make_database: MakeDatabase, backend: Backend, programs: list[tuple[Any, ...]]
) -> None:
    """Several transactions and lone calls at the same time: each is kept or undone on its own."""
    db = await _database(make_database, backend)
    player = await _begin(db)

    async def unit(program: tuple[Any, ...]) -> Notes:
        notes: Notes = []
        with suppress(ActiveRowError, UndoError):
            async with db.transaction():
                await player.play(program, notes, [])
            return notes
        return []

    async def lone() -> Notes:
        row = await Entry.create(name=f"n{next(player.names)}")
        return [(row.name, row.value)]

    results = await asyncio.gather(*(unit(program) for program in programs), lone(), lone())

    assert await _in_database() == _stored([entry for notes in results for entry in notes])
    assert (db.engine.pool.checkedout(), db.connections()) == (0, ())  # type: ignore[attr-defined]


async def _all_given_back(db: Database) -> None:
    """A statement cancelled on the way is put away in the background; give it a moment."""
    for _ in range(200):
        if not db.engine.pool.checkedout():  # type: ignore[attr-defined]
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"connections not given back: {db.connections()}")


_made: dict[tuple[str, int], Database] = {}


async def _database(make_database: MakeDatabase, backend: Backend) -> Database:
    """The test's database, the same for all examples of one test."""
    key = (backend.name, id(make_database))
    if key not in _made:
        _made.clear()
        _made[key] = await make_database(Base, pool_size=3, max_overflow=3, pool_timeout=5)
    return _made[key]
