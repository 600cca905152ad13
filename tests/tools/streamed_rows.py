"""`python -m tests.tools.streamed_rows URL COUNT CASE`: reads a stream to its end, prints how many MB it took.

A process of its own, so that nothing else fills the memory that is measured.
"""

import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from activerow.query.query import Query

CASES: dict[str, tuple[bool, Callable[[], "Query[Reading]"]]] = {
    "alone": (False, lambda: Reading.query().order_by("id")),
    "alone, sorted": (False, lambda: Reading.query().order_by("label", "id")),
    "in a unit": (True, lambda: Reading.query().order_by("id")),
    "in a unit, sorted": (True, lambda: Reading.query().order_by("label", "id")),
}
"""Whether in a unit, and which rows."""

_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS i" for digit in range(10))
_NUMBER = " + ".join(f"d{place}.i * {10**place}" for place in range(6))
_FILL = (
    f"INSERT INTO readings (id, label) WITH d AS ({_DIGITS}), numbers AS (SELECT {_NUMBER} + 1 AS id FROM "
    f"{', '.join(f'd AS d{place}' for place in range(6))}) SELECT id, id % 1000 FROM numbers WHERE id <= "
)


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """The table of this page."""


class Reading(Base):
    """A row of no great size."""

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]


async def fill(db: Database, count: int) -> None:
    """Make `count` rows, at most a million, on the server."""
    async with db.transaction() as session:
        await session.execute(text(f"{_FILL}{count}"))


def peak() -> float:
    """The most memory that this process had, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak() -> None:
    """Let the peak be what there is now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


async def main(url: str, count: int, case: str) -> None:
    """Warm up with a small stream, then measure the whole one."""
    in_unit, query = CASES[case]
    db = Database(url, base=Base)
    async with db:
        await read(db, query().limit(2_000), in_unit=in_unit)
        forget_peak()
        before = peak()
        found = await read(db, query(), in_unit=in_unit)
        growth = peak() - before
    if found != count:
        raise SystemExit(f"{found} rows instead of {count}")
    print(f"{growth:.1f}")  # noqa: T201  (its answer)


async def read(db: Database, query: "Query[Reading]", *, in_unit: bool) -> int:
    """How many rows come."""
    if in_unit:
        async with db.transaction():
            return await read(db, query, in_unit=False)
    found = 0
    async for _ in query.stream():
        found += 1
    return found


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
