"""Long runs; `make soak` selects them."""

import asyncio
import os
import random
import time

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

pytestmark = pytest.mark.soak
SECONDS = float(os.environ.get("ACTIVEROW_SOAK_SECONDS", "60"))


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Account(Base):
    """Money that may be moved, never made."""

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class UndoneError(Exception):
    """A unit that changed its mind."""


async def move(db: Database, chance: random.Random) -> None:
    """Move an amount between two accounts in one unit, which may fail or wait in the middle."""
    first, second = sorted(chance.sample(range(1, 11), 2))
    amount = chance.randint(1, 9)
    async with db.transaction():
        giver = await Account.get(first, lock=True)
        taker = await Account.get(second, lock=True)
        await giver.update(balance=giver.balance - amount)
        if chance.random() < 0.2:
            raise UndoneError
        await asyncio.sleep(chance.random() / 100)
        await taker.update(balance=taker.balance + amount)


async def worker(db: Database, chance: random.Random, end: float) -> int:
    """Move money until `end`, a third of the moves cancelled at any moment; how many went through."""
    done = 0
    while time.monotonic() < end:
        limit = chance.random() / 50 if chance.random() < 0.33 else 60
        try:
            async with asyncio.timeout(limit):
                await move(db, chance)
            done += 1
        except (UndoneError, TimeoutError):
            await asyncio.sleep(0)
    return done


@pytest.mark.timeout(SECONDS * 3 + 60)
async def test_money_is_neither_made_nor_lost(make_database: MakeDatabase, other_connection: OtherConnection) -> None:
    """After a long run of failing and cancelled units the sum is what it was, and every connection is back."""
    db = await make_database(Base, pool_size=3, max_overflow=0)
    await asyncio.gather(*(Account.create(id=number, balance=1_000) for number in range(1, 11)))
    chances = [random.Random(seed) for seed in range(12)]
    end = time.monotonic() + SECONDS

    done = await asyncio.gather(*(worker(db, chance, end) for chance in chances))

    assert sum(done) > SECONDS
    assert await other_connection.scalar("SELECT sum(balance) FROM accounts") == 10_000
