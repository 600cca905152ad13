"""The types of what tests are written with."""

from typing import assert_type

from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.errors import DeadlockError
from activerow.testing import CapturedHooks, Fault, captured_on_commit, emptied, failing, rolled_back, slow
from typing_tests.model import User


async def blocks(db: Database) -> None:
    """What each block gives."""
    async with rolled_back(db) as session:
        assert_type(session, AsyncSession)
    async with emptied(db) as nothing:
        assert_type(nothing, None)
    with captured_on_commit(db) as hooks:
        assert_type(hooks, CapturedHooks)
    with failing(db, DeadlockError, on=User, operation="update") as fault:
        assert_type(fault, Fault)


def wrong(db: Database) -> None:
    """An operation that is none, and an error that is not the database's."""
    slow(db, 1, operation="upsert")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    failing(db, ValueError)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
