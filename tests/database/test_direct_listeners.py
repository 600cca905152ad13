"""A direct call is left out where somebody would miss it, and told of where somebody asked for that."""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, Pool, event, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from activerow import Database
from activerow.database.engine import Statement, statements
from activerow.errors import TransientError
from activerow.testing import failing, failing_commit
from tests.models.units import Base, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.direct import channel, run

HEARD = (
    *("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"),
    *("begin", "commit", "rollback", "engine_connect", "do_execute", "handle_error"),
    *("checkout", "checkin", "reset"),
)


@contextmanager
def listening(target: Any, name: str) -> Generator[None]:
    """Somebody listens, and does nothing."""

    def listener(*_: object, **__: object) -> None: ...

    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
@pytest.mark.parametrize("name", HEARD)
async def test_the_way_is_not_clear_while_somebody_listens(make_database: MakeDatabase, name: str) -> None:
    """To this engine or to all, from before it was made or from now on; and it is again when nobody does."""
    everything = Pool if name in ("checkout", "checkin", "reset") else Engine
    with listening(everything, name):
        db = await make_database(Base)
        assert not channel(db).is_clear()
    assert channel(db).is_clear()

    with listening(db.engine.sync_engine, name):
        assert not channel(db).is_clear()
        await db.engine.dispose()
        assert not channel(db).is_clear()

    await run(db, select(User.id))
    assert channel(db).is_clear()


@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
@pytest.mark.parametrize(
    "options",
    [
        {"echo": True},
        {"engine_options": {"isolation_level": "SERIALIZABLE"}},
        {"engine_options": {"execution_options": {"isolation_level": "SERIALIZABLE"}}},
        {"engine_options": {"pool_reset_on_return": None}},
        {"engine_options": {"poolclass": NullPool}},
    ],
    ids=str,
)
async def test_the_way_is_not_clear_on_an_engine_with_options(
    make_database: MakeDatabase, options: dict[str, Any]
) -> None:
    """What is said for every transaction of an engine is meant for sessions."""
    db = await make_database(Base, **options)

    assert not channel(db).is_clear()


async def test_the_way_is_not_clear_while_sqlalchemy_logs_statements(make_database: MakeDatabase) -> None:
    """Its log is complete, from when it is switched on."""
    db = await make_database(Base)
    logger = logging.getLogger("sqlalchemy.engine")
    logger.setLevel(logging.INFO)
    try:
        assert not channel(db).is_clear()
    finally:
        logger.setLevel(logging.NOTSET)
    assert channel(db).is_clear()


async def test_no_listener_of_activerow_itself_is_taken_for_a_foreign_one(make_database: MakeDatabase) -> None:
    """Neither one of the engine nor one of sessions: the way of lone calls is open."""
    db = await make_database(Base)
    async with db.transaction():
        await User.create(id=1, email="1@x.org")

    assert db.execution.way() is not None


async def test_what_activerow_listens_to_itself_is_in_nobody_s_way(make_database: MakeDatabase) -> None:
    """A bulk write sends COPY by a listener, on PostgreSQL, from the first one on."""
    db = await make_database(Base)
    assert channel(db).is_clear()

    await User.create_many([{"email": f"{number}"} for number in range(5_000)])

    assert channel(db).is_clear()
    assert await User.query().count() == 5_000


@pytest.mark.parametrize("fault", [partial(failing, error=TransientError), failing_commit], ids=["statement", "commit"])
async def test_the_way_is_not_clear_while_a_test_makes_statements_fail(
    make_database: MakeDatabase, fault: Callable[[Database], Any]
) -> None:
    """They fail where SQLAlchemy sends them."""
    db = await make_database(Base)
    clear = True

    with suppress(AssertionError), fault(db):  # nothing is sent that could have failed
        clear = channel(db).is_clear()

    assert not clear
    assert channel(db).is_clear()


async def test_who_hears_of_statements_hears_of_direct_calls(make_database: MakeDatabase) -> None:
    """With what is known of any other statement; and the request, as far as the layer above knows it."""
    db = await make_database(Base)
    heard: list[Statement] = []
    channel(db).route = lambda: "GET /users"

    statements.subscribe(heard.append)
    try:
        await run(db, insert(User).values(id=1, email="1@x.org", balance=0), User)
        await run(db, select(User.id), User)
        with pytest.raises(IntegrityError):
            await run(db, insert(User).values(id=1, email="1@x.org", balance=0), User)
    finally:
        statements.unsubscribe(heard.append)

    assert [(s.operation, s.model, s.rows, s.route) for s in heard] == [
        ("insert", User, 1, "GET /users"),
        ("select", User, 1, "GET /users"),
        ("insert", User, None, "GET /users"),
    ]
    assert heard[0].engine is db.engine.sync_engine
    assert heard[0].site.path.endswith("direct.py")
    assert [statement.error is None for statement in heard] == [True, True, False]


async def test_a_slow_direct_call_is_warned_of(make_database: MakeDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """As any slow statement, also where nobody listens."""
    db = await make_database(Base, slow_query=0)

    await run(db, select(User.id), User)

    assert [record.levelno for record in caplog.records if record.name == "activerow.sql"][-1:] == [logging.WARNING]
    assert "select User" in caplog.text
