"""Hooks of commits in tests: run as in production, or captured."""

import pytest

from activerow import Database, events
from activerow.mapping.hooks import Change
from activerow.testing import captured_on_commit, rolled_back
from tests.models.units import Base, User
from tests.tools.backends.active import MakeDatabase


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


async def test_hooks_run_when_the_units_of_the_application_end(db: Database) -> None:
    """After a transaction, in which the row is seen, outside any unit; not at the end of the test."""
    done: list[str] = []

    async def look() -> None:
        done.append(f"{await User.query().count()} saved")

    async with rolled_back(db):
        async with db.transaction():
            async with db.transaction():
                await User.create(email="ada@example.com")
                db.on_commit(look)
            assert done == []
        assert done == ["1 saved"]
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                db.on_commit(look)
                db.on_rollback(lambda: done.append("rolled back"))
                raise ZeroDivisionError
        assert done == ["1 saved", "rolled back"]

    assert done == ["1 saved", "rolled back"]


async def test_captured_hooks_do_not_run(db: Database) -> None:
    """They are given in order, without those of what was rolled back, and run when the test says so."""
    done: list[str] = []

    async def second() -> None:
        done.append("second")

    async with rolled_back(db):
        with captured_on_commit(db) as hooks:
            async with db.transaction():
                db.on_commit(lambda: done.append("first"))
                with pytest.raises(ZeroDivisionError):
                    async with db.transaction():
                        db.on_commit(lambda: done.append("never"))
                        raise ZeroDivisionError
            async with db.transaction():
                db.on_commit(second)
            async with db.transaction():
                db.on_commit(lambda: done.append("never"))
                db.on_rollback(lambda: done.append("rolled back"))
                db.rollback_only()
        assert (len(hooks), done) == (2, ["rolled back"])
        assert hooks[1] is second
        await hooks.run()

        assert done == ["rolled back", "first", "second"]
        async with db.transaction():
            db.on_commit(second)
        assert done[3:] == ["second"]


async def test_an_error_of_a_captured_hook_is_raised(db: Database) -> None:
    """In production it would be logged; a test wants to see it."""
    with captured_on_commit(db) as hooks:
        async with db.transaction():
            db.on_commit(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        await hooks.run()


async def test_listeners_hear_of_what_was_written_all_the_same(db: Database) -> None:
    """They are told when the unit of the application ends, captured hooks or not."""
    told: list[str] = []

    def listener(changes: list[Change]) -> None:
        told.extend(change.operation for change in changes)

    events.listen(User, "committed", listener)
    try:
        async with rolled_back(db):
            await User.create(email="ada@example.com")
            assert told == ["create"]
            with captured_on_commit(db) as hooks:
                await User.create(email="grace@example.com")
            assert (told, hooks) == (["create", "create"], [])
    finally:
        events.unlisten(User, "committed", listener)
