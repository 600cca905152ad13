"""A lone call shows the same with the direct path and without it: random programs, on two databases."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from activerow import Database
from tests.models.workshop import Base
from tests.tools.backends.active import MakeDatabase
from tests.tools.both_ways import Player, Step, emptied, programs

EXAMPLES = int(os.environ.get("ACTIVEROW_SOAK_EXAMPLES", "1500"))
SEVERAL = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

_made: dict[int, tuple[Database, Database]] = {}


async def databases(make_database: MakeDatabase) -> tuple[Database, Database]:
    """One with the direct path and one without it: the same for all examples, and empty."""
    found = _made.get(id(make_database))
    if found is None:
        options: dict[str, Any] = {"secret": "s", "pool_size": 2}
        found = (
            await make_database(Base, direct=True, **options),
            await make_database(Base, direct=False, **options),
        )
        _made.clear()
        _made[id(make_database)] = found
    for db in found:
        await emptied(db)
    return found


async def compare(make_database: MakeDatabase, program: list[Step]) -> None:
    """Play the program on both, and compare all that was seen."""
    direct, by_session = await databases(make_database)
    seen = await Player(direct).play(program)
    wanted = await Player(by_session).play(program)
    for mine, other in zip(seen, wanted, strict=True):
        assert mine == other
    assert direct.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of every pool that counts


@pytest.mark.backends("sqlite", "asyncpg")
@settings(SEVERAL, max_examples=40, derandomize=True)
@given(program=programs(8))
async def test_both_ways_show_the_same(make_database: MakeDatabase, program: list[Step]) -> None:
    """Results, rows with state and history, errors, hooks, and what the tables hold in the end."""
    await compare(make_database, program)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(SEVERAL, max_examples=EXAMPLES)
@given(program=programs(14))
async def test_both_ways_show_the_same_for_long(make_database: MakeDatabase, program: list[Step]) -> None:
    """On every backend, with other programs each time."""
    await compare(make_database, program)
