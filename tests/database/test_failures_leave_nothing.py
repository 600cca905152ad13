"""Failures leave nothing in memory: neither their unit, nor the rows and errors in it."""

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import CheckConstraint, ForeignKey, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import ActiveRowError
from activerow.mixins import AutoTableName, Versioned
from tests.tools.backends.active import MakeDatabase
from tests.tools.live_objects import kept_by

ROUNDS: Final = int(os.environ.get("ACTIVEROW_SOAK_FAILURES", "10000"))


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Team(Base):
    """Has members."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    members: Mapped[list["Member"]] = relationship(back_populates="team", cascade="all, delete-orphan")


class Member(Versioned, Base):
    """Is refused for many reasons."""

    __table_args__ = (CheckConstraint("age >= 0", name="age_positive"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    age: Mapped[int] = mapped_column(default=1)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team] = relationship(back_populates="members")


class UndoneError(Exception):
    """A unit that changed its mind."""


async def taken(_: Database) -> None:
    """A lone call that meets a unique constraint."""
    await Team.create(name="taken")


async def taken_in_a_unit(db: Database) -> None:
    """The same in a transaction, which is broken by it."""
    async with db.transaction():
        await Team.create(name="taken")


async def taken_in_a_savepoint(db: Database) -> None:
    """The same in a savepoint, after which the unit goes on."""
    async with db.transaction():
        with suppress(ActiveRowError):
            async with db.transaction():
                await Team.create(name="taken")
        await Team.query().count()


async def broken(db: Database) -> None:
    """A unit that goes on after an error."""
    async with db.transaction():
        with suppress(ActiveRowError):
            await Team.create(name="taken")
        await Team.query().count()


async def unknown_team(_: Database) -> None:
    """A foreign key that leads nowhere."""
    await Member.create(team_id=999)


async def negative(_: Database) -> None:
    """A check constraint that says no, to a new row and to a stored one."""
    member = await Member.get(1)
    await member.update(age=-1)


async def too_long(_: Database) -> None:
    """A value that is refused before it is sent, in a child of a new row."""
    await Team.create(name="x" * 21, members=[Member(age=1)])


async def not_there(_: Database) -> None:
    """A row that is not there."""
    await Team.get(999)


async def stale(_: Database) -> None:
    """A row that somebody else has changed."""
    first, second = await Member.get(1), await Member.get(1)
    await first.update(age=first.age % 7 + 1)
    await second.update(age=9)


async def raw(db: Database) -> None:
    """A statement of one's own that is wrong."""
    async with db.transaction() as session:
        await session.execute(text("SELECT nothing FROM nowhere"))


async def undone(db: Database) -> None:
    """A unit that an error of the program undoes."""
    async with db.transaction():
        await Team.create(name="undone", members=[Member()])
        raise UndoneError


async def cancelled(db: Database) -> None:
    """A unit that is cancelled in the middle."""

    async def work() -> None:
        async with db.transaction():
            await Team.create(name="cancelled")
            reached.set()
            await asyncio.Event().wait()

    reached = asyncio.Event()
    task = asyncio.ensure_future(work())
    await reached.wait()
    task.cancel()
    await asyncio.wait({task})


async def never_saved(_: Database) -> None:
    """A stored row that was given a child, and is thrown away."""
    team = await Team.get(1)
    team.fill(members=Member(age=1))
    Member(team=team)


async def exhausted(db: Database) -> None:
    """A call that no connection is left for."""
    connections = [await db.engine.connect() for _ in range(2)]
    try:
        await Team.query().count()
    finally:
        for connection in connections:
            await connection.close()


FAILURES: Final[tuple[Callable[[Database], Awaitable[None]], ...]] = (
    *(taken, taken_in_a_unit, taken_in_a_savepoint, broken, unknown_team, negative, too_long, not_there, stale),
    *(raw, undone, cancelled, never_saved, exhausted),
)


async def fail(db: Database, times: int) -> None:
    """Meet every kind of failure, one after the other, so many times in all."""
    for number in range(times):
        with suppress(Exception):
            await FAILURES[number % len(FAILURES)](db)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A team and a member."""
    db = await make_database(Base, pool_size=2, max_overflow=0, pool_timeout=0.01)
    await Member.create(team=await Team.create(name="taken"))
    return db


async def test_failures_leave_nothing_behind(db: Database) -> None:
    """Of no class there are more objects after every kind of failure than before."""
    await fail(db, len(FAILURES))

    kept = await kept_by(partial(fail, db, len(FAILURES) * 10), least=10)

    assert kept == {}


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_memory_is_flat_after_many_failures(db: Database, pytestconfig: pytest.Config) -> None:
    """Ten thousand failures leave no object behind, and the process as large as it was after the first thousand."""
    await fail(db, ROUNDS // 10)
    size = _resident()

    kept = await kept_by(partial(fail, db, ROUNDS // 2), least=10)

    growth = _resident() - size
    pytestconfig.get_terminal_writer().line(f" {db.engine.driver}: {ROUNDS} failures, {growth:+d} kB")
    assert kept == {}
    assert growth < ROUNDS // 2  # kB: a unit that is kept is about 48
