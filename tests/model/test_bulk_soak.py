"""A million rows; `make soak` selects them, and `-s` shows the figures."""

import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName, Timestamps
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1_500)]

ROWS = 1_000_000
FEWER = 50_000
MEMORY = 40 * 2**20


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Reader(Timestamps, Base):
    """A row as there are many."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str | None]
    age: Mapped[int | None]


def rows(count: int) -> Generator[dict[str, Any]]:
    """Rows that are made when they are asked for."""
    for number in range(count):
        yield {"email": f"user{number}@example.com", "name": "Ada Lovelace", "age": number % 100}


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def rate(count: int, work: Callable[[], Awaitable[object]]) -> str:
    """Rows per second."""
    start = time.perf_counter()
    await work()
    return f"{count / (time.perf_counter() - start):,.0f} rows/s"


async def test_a_million_rows(
    make_database: MakeDatabase, backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """They go in without memory growing, in one transaction."""
    db = await make_database(Base)
    await Reader.create_many(rows(10_000))
    before, most = resident(), 0

    def watch(_done: int) -> None:
        nonlocal most
        most = max(most, resident())

    many = await rate(ROWS, lambda: Reader.create_many(rows(ROWS), progress=watch))

    assert await Reader.query().count() == ROWS + 10_000
    figures = {"create_many": many, "memory": f"+{(most - before) / 2**20:.1f} MB", **await compared(db)}
    with capsys.disabled():
        print(f"\n{backend.name}: {figures}")  # noqa: T201
    assert most - before < MEMORY


async def compared(db: Database) -> dict[str, str]:
    """The same work by SQLAlchemy's own means, in the same run."""

    async def core() -> None:
        async with db.transaction() as session:
            await session.execute(insert(Reader), list(rows(FEWER)))

    async def units() -> None:
        async with db.transaction() as session:
            session.add_all([Reader(**row) for row in rows(FEWER // 5)])

    return {
        "create_many again": await rate(FEWER, lambda: Reader.create_many(rows(FEWER))),
        "execute(insert(...), list)": await rate(FEWER, core),
        "add_all": await rate(FEWER // 5, units),
    }
