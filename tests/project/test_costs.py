"""What everyday operations cost when warm: trips to the server or hops to a thread, and Python calls."""

import asyncio
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import NamedTuple

import aiosqlite.core
import pytest
from sqlalchemy import ForeignKey, String, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from tests.tools.backends.backend import Backend
from tests.tools.cutting import cable
from tests.tools.fresh import fresh
from tests.tools.tracing import Trace

Operation = Callable[[Database, int], Awaitable[object]]


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this module."""


class Author(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str | None] = mapped_column(String(100))
    age: Mapped[int] = mapped_column(default=0)
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")


class Cost(NamedTuple):
    """Of one operation, on one backend."""

    trips: int
    python_calls: int


async def _create(_: Database, turn: int) -> object:
    return await Author.create(email=f"new{turn}")


async def _get(_: Database, turn: int) -> object:
    return await Author.get(turn + 1)


async def _first(_: Database, turn: int) -> object:
    return await Author.filter_by(email=f"a{turn}").first()


async def _exists(_: Database, turn: int) -> object:
    return await Author.filter_by(email=f"a{turn}").exists()


async def _count(_: Database, turn: int) -> object:
    return await Author.filter_by(age=turn).count()


async def _load_save(_: Database, turn: int) -> object:
    return await (await Author.get(turn + 1)).update(name=f"name {turn}")


async def _update_where(_: Database, turn: int) -> object:
    return await Author.filter_by(age=turn).update(name=f"all {turn}")


async def _include(_: Database, turn: int) -> object:
    return await Author.filter_by(id__between=(1 + turn, 10 + turn)).include("books").all()


async def _in_a_transaction(db: Database, turn: int) -> object:
    async with db.transaction():
        return await Author.create(email=f"inside{turn}")


_OPERATIONS: dict[str, Operation] = {
    "create": _create,
    "get": _get,
    "filter, first": _first,
    "exists": _exists,
    "count": _count,
    "load, update": _load_save,
    "update by a filter": _update_where,
    "include, 10 rows": _include,
    "create in a transaction": _in_a_transaction,
}
# Today's figure and a tenth for the Python calls; the trips as they are. Figures go down, never up.
_MOST: dict[str, dict[str, Cost]] = {
    "sqlite": {
        "create": Cost(1, 80),
        "get": Cost(1, 71),
        "filter, first": Cost(1, 72),
        "exists": Cost(1, 76),
        "count": Cost(1, 75),
        "load, update": Cost(2, 190),
        "update by a filter": Cost(1, 123),
        "include, 10 rows": Cost(2, 607),
        "create in a transaction": Cost(2, 579),
    },
    "asyncpg": {
        "create": Cost(1, 93),
        "get": Cost(1, 87),
        "filter, first": Cost(1, 88),
        "exists": Cost(1, 93),
        "count": Cost(1, 92),
        "load, update": Cost(2, 219),
        "update by a filter": Cost(1, 136),
        "include, 10 rows": Cost(2, 707),
        "create in a transaction": Cost(3, 627),
    },
}


async def _costs(db: Database, trips: Callable[[], int], first: int) -> dict[str, Cost]:
    """Of the fourth call of each operation; `first` is the number of its first one."""
    costs: dict[str, Cost] = {}
    for name, operation in _OPERATIONS.items():
        for turn in range(first, first + 3):
            await operation(db, turn)
        before = trips()
        with (trace := Trace()):
            await operation(db, first + 3)
        costs[name] = Cost(trips() - before, trace.python_calls)
    return costs


def measured(backend: str, url: str) -> dict[str, Cost]:
    """The costs, in the empty database at `url`."""
    return asyncio.run(_measured(backend, url))


async def _measured(backend: str, url: str) -> dict[str, Cost]:
    hops = _counted_hops()
    async with Database(url, base=Base) as db:
        await db.create_all()
        await Author.create_many([{"email": f"a{number}", "age": number} for number in range(20)])
        costs = await _costs(db, lambda: len(hops), first=0)
    if backend == "asyncpg":
        async with cable(make_url(url)) as line, Database(line.url, base=Base) as far:  # its own calls are counted too
            through = await _costs(far, lambda: line.trips, first=4)
        costs = {name: Cost(through[name].trips, cost.python_calls) for name, cost in costs.items()}
    return costs


@pytest.mark.backends("sqlite", "asyncpg")
async def test_an_everyday_operation_costs_no_more_than_it_did(backend: Backend, database_url: str) -> None:
    """Trips to the server (hops to the connection's thread on SQLite) and Python calls stay within their budget."""
    found = await asyncio.to_thread(fresh, __name__, measured.__name__, backend.name, database_url)

    costs = {name: Cost(*cost) for name, cost in found.items()}
    most = _MOST[backend.name]
    over = {name: (cost, most[name]) for name, cost in costs.items() if not _within(cost, most[name])}
    assert not over


def _within(cost: Cost, most: Cost) -> bool:
    return cost.trips <= most.trips and cost.python_calls <= most.python_calls


def _counted_hops() -> list[object]:
    """What is put into the queues of SQLite's threads from here on."""
    hops: list[object] = []

    class Counted(SimpleQueue[object]):
        def put_nowait(self, item: object) -> None:
            hops.append(item)
            super().put_nowait(item)

    setattr(aiosqlite.core, "SimpleQueue", Counted)  # noqa: B010  # in a process of its own
    return hops
