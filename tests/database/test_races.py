"""`get_or_create` and `update_or_create`: many callers at once, one row."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from activerow import Database
from tests.models.warehouse import Base, Stock
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

CALLERS = 50

Call = Callable[[int], Awaitable[tuple[Stock, bool]]]
KEY = {"place": "a", "thing": "b"}


def get(number: int) -> Awaitable[tuple[Stock, bool]]:
    """A caller that takes the row as it is."""
    return Stock.get_or_create(KEY, {"count": number})


def update(number: int) -> Awaitable[tuple[Stock, bool]]:
    """A caller that sets its number."""
    return Stock.update_or_create(KEY, {"count": number})


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """An empty warehouse with fewer connections than callers."""
    return await make_database(Base, pool_size=8, max_overflow=0, pool_timeout=60)


@pytest.mark.parametrize("call", [get, update])
@pytest.mark.parametrize("where", ["alone", "own units", "one unit"])
async def test_fifty_callers_make_one_row(
    db: Database, call: Call, where: str, other_connection: OtherConnection
) -> None:
    """Exactly one row, exactly one True, and no error, whether the calls are alone or in units.

    On MySQL a failed INSERT leaves a shared lock on the row until the end of its unit, and an UPDATE after it may be a
    deadlock: units of their own are run by what repeats them.
    """

    async def in_a_unit(number: int) -> tuple[Stock, bool]:
        return await db.run(lambda: call(number))

    if where == "one unit":
        async with db.transaction():
            results = await asyncio.gather(*(call(number) for number in range(CALLERS)))
    else:
        one = call if where == "alone" else in_a_unit
        results = await asyncio.gather(*(one(number) for number in range(CALLERS)))

    assert [made for _, made in results].count(True) == 1
    assert await other_connection.scalar(text("SELECT count(*) FROM stocks")) == 1
    assert {(row.place, row.thing) for row, _ in results} == {("a", "b")}


async def test_counts_of_set_based_writes(db: Database) -> None:
    """`update` and `delete` count the rows they found, changed by it or not."""
    await Stock.create_many({"place": "a", "thing": str(n), "count": n % 2} for n in range(10))

    assert await Stock.filter_by(place="a").update(count=1) == 10
    assert await Stock.filter_by(place="a").update(count=1) == 10
    assert await Stock.filter_by(place="nowhere").update(count=1) == 0
    assert await Stock.order_by("thing").limit(3).update(note="x") == 3
    assert await Stock.order_by("thing").limit(3).delete() == 3
    async with db.transaction():
        held = await Stock.query().all()
        assert await Stock.query().update(count=5, all_rows=True) == len(held) == 7
        assert {stock.count for stock in held} == {5}
        assert await Stock.query().delete(all_rows=True) == 7
    assert await Stock.query().delete(all_rows=True) == 0
