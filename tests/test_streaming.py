"""`Query.stream`: rows one after the other, in a unit and outside."""

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from weakref import WeakSet

import pytest
from sqlalchemy import literal_column, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import object_session

from activerow import Database
from activerow.errors import (
    DatabaseError,
    NotLoadedError,
    ScopeClosedError,
    TransactionBrokenError,
    UniqueViolationError,
    UsageError,
)
from activerow.query.results.stream import Stream
from tests.models.blog import Base, Post, User
from tests.models.units import Cancelled, cut_off, held
from tests.tools import streamed_rows
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements

COUNT = 7


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Seven authors; the second has two posts, the fifth has one."""
    db = await make_database(Base)
    async with db.transaction():
        for id_ in range(1, COUNT + 1):
            await User.create(id=id_, email=f"{id_}@x.org", name="abcdefg"[id_ - 1], age=id_ * 10)
        for id_, user_id in [(1, 2), (2, 2), (3, 5)]:
            await Post.create(id=id_, title=["one", "two", "three"][id_ - 1], user_id=user_id)
    return db


async def seen_off(db: Database) -> int:
    """How many connections are in use once what was left behind is put away."""
    await asyncio.sleep(0)
    await db.scopes.seen_off()
    return held(db)


# --- rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 7, 500])
async def test_every_row_comes_once(db: Database, batch: int) -> None:
    """Whatever the size of a batch, in a unit and outside."""
    query = User.query().order_by("id")

    alone = [user.id async for user in query.stream(batch)]
    async with db.transaction():
        joined = [user.id async for user in query.stream(batch)]

    assert alone == joined == [1, 2, 3, 4, 5, 6, 7]


async def test_a_stream_outside_any_unit_has_one_connection_until_its_end(db: Database) -> None:
    """It is taken with the first row, and back after the last."""
    stream = User.query().stream(2)
    before = held(db)
    during = {held(db) async for _ in stream}

    assert (before, during, held(db)) == (0, {1}, 0)


async def test_a_stream_in_a_unit_uses_its_connection(db: Database) -> None:
    """And sees what the unit has written, saved or not."""
    async with db.transaction() as session:
        await User.create(id=8, email="8@x.org")
        session.add(User(id=9, email="9@x.org"))
        ids = [user.id async for user in User.query().order_by("id").stream(2) if held(db) == 1]

    assert ids == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_a_session_that_is_given_is_used(db: Database) -> None:
    """It stays open, and is nobody's but its owner's."""
    async with AsyncSession(db.engine) as session:
        session.add(User(id=8, email="8@x.org"))
        rows = [user async for user in User.query(session=session).stream(3)]

        assert len(rows) == COUNT + 1
        assert all(object_session(row) is session.sync_session for row in rows)
        await session.rollback()


async def test_nothing_is_read_before_the_first_row_is_asked_for(db: Database) -> None:
    """Which session it uses is decided then, too."""
    async with db.transaction():
        with statements(db) as sent:
            stream = User.query().stream()
    assert sent == []

    async with stream:
        assert len([user async for user in stream]) == COUNT


async def test_a_stream_is_read_once(db: Database) -> None:
    """As any iterator."""
    stream = User.query().stream(2)

    assert len([user async for user in stream]) == COUNT
    assert [user async for user in stream] == []


async def test_an_empty_stream_ends_at_once(db: Database) -> None:
    """No rows, no error, no connection."""
    assert [user async for user in User.filter_by(id=99).stream()] == []
    assert [user async for user in User.query().limit(0).stream()] == []
    assert held(db) == 0


@pytest.mark.parametrize("batch", [0, -1, "many", True])
async def test_a_batch_is_one_row_at_least(batch: int) -> None:
    """Refused where it is written."""
    with pytest.raises(UsageError, match="one row or more"):
        User.query().stream(batch)


async def test_tasks_share_a_stream(db: Database) -> None:
    """Each row goes to one of them."""
    async with User.query().stream(2) as stream:

        async def work() -> list[int]:
            return [user.id async for user in stream]

        parts = await asyncio.gather(*(work() for _ in range(3)))

    assert sorted(id_ for part in parts for id_ in part) == [1, 2, 3, 4, 5, 6, 7]


# --- the body of the loop -------------------------------------------------------------------------------------------


async def test_rows_of_a_lone_stream_are_detached(db: Database) -> None:
    """So they can be updated, each by a call that commits itself."""
    async for user in User.query().order_by("id").stream(2):
        assert object_session(user) is None
        await user.update(name=f"{user.name}{user.name}")

    assert await User.query().order_by("id").pluck("name") == ["aa", "bb", "cc", "dd", "ee", "ff", "gg"]


async def test_calls_in_the_body_of_a_lone_stream_are_their_own(
    db: Database, other_connection: OtherConnection
) -> None:
    """A row created there is committed before the next one comes, and is not among those that come."""
    seen: list[int] = []
    async for user in User.query().order_by("id").stream(2):
        seen.append(user.id)
        await User.create(id=user.id + 100, email=f"{user.id}@y.org")
        assert await other_connection.scalar(f"SELECT count(*) FROM users WHERE id = {user.id + 100}") == 1

    assert seen == [1, 2, 3, 4, 5, 6, 7]


async def test_a_lone_stream_sees_one_state(db: Database) -> None:
    """What others change meanwhile is not in it, whatever the batch."""
    names: list[str | None] = []
    async for user in User.query().order_by("id").stream(2):
        names.append(user.name)
        await User.filter_by(id=user.id + 3).update(name="changed")

    assert names == list("abcdefg")


async def test_a_transaction_in_the_body_of_a_lone_stream_is_its_own(db: Database) -> None:
    """Its rollback does not touch the stream."""
    async for user in User.query().order_by("id").stream(2):
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await user.update(name="changed")
                await User.create(email="7@x.org")

    assert await User.filter_by(name="changed").count() == 0


async def test_other_calls_of_the_unit_come_in_between(db: Database) -> None:
    """Reads, writes and savepoints, also one that is rolled back."""
    async with db.transaction():
        async for user in User.query().order_by("id").stream(2):
            await user.update(age=user.id)
            assert await Post.query().count() == 3
            with pytest.raises(UniqueViolationError):
                async with db.transaction():
                    await User.create(email="7@x.org")

    assert await User.query().order_by("id").pluck("age") == [1, 2, 3, 4, 5, 6, 7]


async def test_a_loop_that_creates_rows_comes_to_an_end(db: Database) -> None:
    """Rows that come behind the last one of the beginning are not read."""
    async with db.transaction():
        async for user in User.query().stream(2):
            await User.create(id=user.id + 100, email=f"{user.id}@y.org")

    assert await User.query().count() == 2 * COUNT


async def test_rows_that_are_marked_as_done_do_not_shift_the_others(db: Database) -> None:
    """Each row comes once, although it no longer matches after its turn."""
    async with db.transaction():
        async for user in User.filter_by(name__isnull=False).stream(2):
            await user.update(name=None)

    assert await User.filter_by(name=None).count() == COUNT


async def test_a_commit_in_between_is_no_harm(db: Database, other_connection: OtherConnection) -> None:
    """`scoped_session()`, where each call commits itself, goes on in its next transaction."""
    async with db.scoped_session():
        async for user in User.query().order_by("id").stream(2):
            await user.update(age=user.id)
            assert await other_connection.scalar(f"SELECT age FROM users WHERE id = {user.id}") == user.id


async def test_two_streams_of_one_unit_alternate(db: Database) -> None:
    """Neither occupies the connection between its batches."""
    async with db.transaction():
        pairs = [
            (user.id, post.id)
            async for user in User.query().order_by("id").limit(3).stream(1)
            async for post in Post.query().order_by("-title").stream(1)
        ]

    assert pairs == [(user, post) for user in (1, 2, 3) for post in (2, 3, 1)]


async def test_gather_reads_several_streams(db: Database) -> None:
    """In a unit one batch at a time; outside each has its connection."""

    async def ids() -> list[int]:
        return [user.id async for user in User.query().order_by("id").stream(2)]

    alone = await asyncio.gather(ids(), ids())
    async with db.transaction():
        joined = await asyncio.gather(ids(), ids())

    assert [*alone, *joined] == [[1, 2, 3, 4, 5, 6, 7]] * 4


async def test_rows_that_nobody_holds_are_gone(db: Database) -> None:
    """Neither the stream nor the unit keeps more of them than those of a batch."""
    query = User.query().include("posts")
    gc.freeze()  # collecting is quick then
    try:
        alone = await _most_alive(query.stream(2))
        async with db.transaction():
            joined = await _most_alive(query.stream(2))
            locked = await _most_alive(query.for_update().stream(2))
    finally:
        gc.unfreeze()

    assert max(alone, joined, locked) <= 3


async def _most_alive(stream: Stream[User]) -> int:
    """How many rows there were at a time, each of them changed meanwhile."""
    alive: WeakSet[User] = WeakSet()
    most = 0
    async for user in stream:
        alive.add(user)
        await user.update(age=(user.age or 0) + 1)
        gc.collect()  # rows and their relations refer to each other
        most = max(most, len(alive))
    return most


# --- locks ----------------------------------------------------------------------------------------------------------


async def test_for_update_locks_in_a_unit(db: Database) -> None:
    """And shows the current values."""
    async with db.transaction():
        stale = await User.get(2)
        await db_update(db, "UPDATE users SET age = 5 WHERE id = 2")
        ages = [user.age async for user in User.filter_by(id__lte=2).for_update().stream(1)]

    assert ages == [10, 5]
    assert stale.age == 5


async def db_update(db: Database, statement: str) -> None:
    """A write past the unit's objects."""
    session = db.scopes.current("test").unit.session
    await session.execute(text(statement))


async def test_for_update_outside_a_unit_is_refused(db: Database) -> None:
    """The locks would stand against the calls of the loop."""
    with statements(db) as sent, pytest.raises(UsageError, match=r"db\.transaction"):
        _ = [user async for user in User.query().for_update().stream()]

    assert sent == []


# --- relations ------------------------------------------------------------------------------------------------------


async def test_relations_are_included_by_batch(db: Database) -> None:
    """One more statement for each, and not for each row."""
    with statements(db) as sent:
        titles = [
            [post.title for post in user.posts]
            async for user in User.query().include("posts", "boss").order_by("id").stream(4)
        ]

    assert titles == [[], ["one", "two"], [], [], ["three"], [], []]
    assert sum("FROM posts" in statement for statement in sent) == 2


async def test_the_rows_of_a_batch_are_loaded_together(db: Database) -> None:
    """`load` on one of them is one statement for all that are still held."""
    users = [user async for user in User.query().order_by("id").stream(4)]
    with pytest.raises(NotLoadedError):
        _ = users[1].posts

    with statements(db) as sent:
        for user in users:
            await user.load("posts")

    assert sum("FROM posts" in statement for statement in sent) == 2
    assert [post.title for post in users[4].posts] == ["three"]


# --- the end --------------------------------------------------------------------------------------------------------


async def test_leaving_the_block_gives_the_connection_back(db: Database) -> None:
    """At once, wherever the loop was left."""
    async with User.query().stream(2) as users:
        async for _ in users:
            break

        assert held(db) == 1
    assert held(db) == 0
    assert [user async for user in users] == []


async def test_aclosing_works_too(db: Database) -> None:
    """As with an async generator; closing twice does nothing."""
    async with aclosing(User.query().stream(2)) as users:
        first = await anext(users)
        await users.aclose()

    assert first.id
    assert held(db) == 0


async def test_break_gives_the_connection_back(db: Database) -> None:
    """Nobody holds the stream any more, so it is closed in the background."""
    async for _ in User.query().stream(2):
        break

    assert await seen_off(db) == 0


async def test_dispose_waits_for_streams_that_were_dropped(db: Database) -> None:
    """So that no connection is closed by the garbage collector."""
    async for _ in User.query().stream(2):
        break

    await db.dispose()

    assert await User.query().count() == COUNT


async def test_an_error_in_the_body_gives_the_connection_back(db: Database) -> None:
    """Like `break`."""
    with pytest.raises(ZeroDivisionError):
        async for user in User.query().stream(2):
            _ = user.id / 0

    assert await seen_off(db) == 0


async def test_a_generator_around_a_stream_can_be_dropped(db: Database) -> None:
    """As the body of an answer whose client has gone."""

    async def lines() -> AsyncGenerator[str]:
        async for user in User.query().stream(2):
            yield f"{user.id}\n"

    body = lines()
    assert await anext(body)
    assert held(db) == 1
    await body.aclose()

    assert await seen_off(db) == 0


@pytest.mark.parametrize("late", [False, True])
async def test_a_cancellation_at_any_moment_gives_the_connection_back(db: Database, late: bool) -> None:
    """Whatever the stream is waiting for; the next one works."""
    moment = 0
    while True:
        moment += 1
        run = Cancelled(_read_all(), moment, late=late, times=3)
        task = asyncio.ensure_future(run)
        await asyncio.wait({task})

        assert await seen_off(db) == 0
        if not run.reached:
            break
    assert task.result() == COUNT


async def _read_all() -> int:
    return len([user async for user in User.query().include("posts").stream(3)])


async def test_an_error_of_the_database_is_translated(db: Database) -> None:
    """And the connection goes back."""
    with pytest.raises(DatabaseError) as caught:
        _ = [user async for user in User.where(literal_column("no_such_column") == 1).stream()]

    assert caught.value.model == "User"
    assert held(db) == 0


async def test_an_error_of_the_database_breaks_the_unit(db: Database) -> None:
    """Like that of any other call."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            with pytest.raises(DatabaseError):
                _ = [user async for user in User.where(literal_column("no_such_column") == 1).stream()]
            await User.query().count()


@pytest.mark.backends("postgresql", "mysql")
async def test_a_connection_lost_in_the_middle_is_an_error(
    db: Database, backend: Backend, other_connection: OtherConnection
) -> None:
    """Never a stream that ends early."""
    stream = User.query().stream(2)
    first = await anext(stream)
    (unit,) = db.scopes.units
    await cut_off(unit.session, backend, other_connection)

    with pytest.raises(DatabaseError):
        _ = [user async for user in stream]

    assert first.id
    assert await seen_off(db) == 0
    assert await User.query().count() == COUNT


async def test_a_unit_that_ended_ends_the_stream(db: Database) -> None:
    """Also where rows of the last batch are left."""
    async with db.transaction():
        stream = User.query().stream(3)
        await anext(stream)

    with pytest.raises(ScopeClosedError, match=r"db\.transaction"):
        await anext(stream)


async def test_a_broken_unit_ends_the_stream(db: Database) -> None:
    """A swallowed error does not let the loop go on."""
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            async for _ in User.query().stream(3):
                with pytest.raises(UniqueViolationError):
                    await User.create(email="7@x.org")


async def test_a_unit_may_end_before_its_stream_is_closed(db: Database) -> None:
    """The stream holds nothing of it."""
    async with db.transaction():
        stream = User.query().stream(3)
        await anext(stream)

    await stream.aclose()
    assert held(db) == 0


async def test_connections_shows_a_stream(db: Database) -> None:
    """With the line that reads it."""
    async with User.query().stream(2) as users:
        await anext(users)
        (holder,) = db.connections()

    assert "test_connections_shows_a_stream" in str(holder)


async def test_a_stream_may_outlive_its_loop(backend: Backend, db: Database) -> None:
    """Collected later, it leaves its connection to the database, which discards it."""
    url = db.url
    assert url is not None

    def elsewhere() -> None:
        own = Database(url)
        stream = None

        async def start() -> None:
            nonlocal stream
            own.bind(Base)
            stream = User.query().stream(2)
            await anext(stream)

        try:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(start())
            loop.close()
            del stream
            gc.collect()
            asyncio.run(own.dispose())
        finally:
            db.bind(Base)

    await asyncio.to_thread(elsewhere)
    assert await User.query().count() == COUNT


# --- memory ---------------------------------------------------------------------------------------------------------


async def growth(db: Database, case: str, count: int) -> float:
    """By how many MB the peak of a process grows that reads `count` rows."""
    assert db.url is not None
    command = (
        sys.executable,
        "-m",
        "tests.tools.streamed_rows",
        db.url.render_as_string(hide_password=False),
        str(count),
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(*command, case, stdout=subprocess.PIPE, env=environment)
    answer, _ = await process.communicate()
    assert process.returncode == 0
    return float(answer)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures through Linux's /proc")
async def test_memory_stays_flat_for_a_million_rows(make_database: MakeDatabase) -> None:
    """Within 40 MB, in a unit and outside, in the order of the key and in another."""
    db = await make_database(streamed_rows.Base)
    await streamed_rows.fill(db, 1_000_000)

    took = {case: await growth(db, case, 1_000_000) for case in streamed_rows.CASES}

    print(db.url.drivername if db.url else "", took)  # noqa: T201  (the figures of the documentation)
    assert max(took.values()) < 40
