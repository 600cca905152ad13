"""`python -m benchmarks [URL]`: the time of each piece of work, both ways in turn; a private SQLite file by default."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from activerow import Database
from benchmarks.models import Base, User
from benchmarks.ways import ROWS, ByActiveRow, ByHand, Way, new_values

WORK = ("create", "get", "update", "exists", "list_100", "transaction_of_10")
ROUNDS = 7
ROUND_SECONDS = 0.15


async def main(url: str) -> None:
    """Measure on the database of `url`, whose tables are made anew."""
    async with Database(url, base=Base) as db:
        await db.drop_all()
        await db.create_all()
        async with db.transaction() as session:
            session.add_all(User(**new_values()) for _ in range(ROWS))
        ways: list[Way] = [ByHand(db), ByActiveRow(db)]
        print(f"{'microseconds a call':24}{''.join(f'{way.name:>22}' for way in ways)}{'ratio':>8}")
        for work in WORK:
            by_hand, ours = await compare([getattr(way, work) for way in ways])
            print(f"{work:24}{by_hand:22.0f}{ours:22.0f}{ours / by_hand:8.2f}")
        await db.drop_all()


async def compare(calls: list[Callable[[], Awaitable[None]]]) -> list[float]:
    """The median time of each call in microseconds; they take turns, so that a busy machine is as bad for each."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, its_times in zip(calls, times, strict=True):
            its_times.append(await _round(call))
    return [statistics.median(of_one) for of_one in times]


async def _round(call: Callable[[], Awaitable[None]]) -> float:
    await call()
    started, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < ROUND_SECONDS:
        await call()
        done += 1
    return passed / done * 1e6


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="activerow-bench-") as folder:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite+aiosqlite:///{Path(folder, 'bench.db')}"))
