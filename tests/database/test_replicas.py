"""Replicas: which reads go to one, and what happens when it cannot be reached.

The replicas of these tests are databases of their own, so that a row says who answered.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import URL, literal_column, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import QueuePool

from activerow import Database
from activerow.database.engine import replicas
from activerow.errors import DatabaseError, PoolExhaustedError, TransactionBrokenError, UnavailableError, UsageError
from activerow.replicas import Read
from tests.models.units import Base, Post, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend

Make = Callable[..., Awaitable[Database]]


@dataclass
class Cluster:
    """Where the databases are, and a way to open them as one."""

    primary: URL
    copies: tuple[URL, URL]
    open: Make


@pytest.fixture
async def cluster(make_database: MakeDatabase) -> Cluster:
    """A primary and two replicas; user 1 of each is named after it."""
    urls: list[URL] = []
    for name in ("primary", "first", "second"):
        made = await make_database(Base)
        await User.create(id=1, email="a@x.org", name=name)
        assert made.url is not None
        urls.append(made.url)
        await made.dispose()
    primary, first, second = urls

    async def open_(copies: tuple[URL, ...] = (first,), **options: Any) -> Database:
        return await make_database(Base, url=primary, create=False, replicas=copies, **options)  # type: ignore[arg-type]

    return Cluster(primary, (first, second), open_)


async def who(*, allowed: bool = True) -> str | None:
    """Which database answers a query that allows a replica."""
    return (await User.query().on_replica(allowed=allowed).one()).name


def always(_read: Read) -> bool:
    """A policy that lets everything go to a replica."""
    return True


def unreachable(cluster: Cluster) -> URL:
    """Where no database is."""
    if cluster.primary.get_backend_name() == "sqlite":
        return cluster.primary.set(database="/nowhere/at/all.db")
    return cluster.primary.set(host="127.0.0.1", port=1)


def held(db: Database, url: URL) -> int:
    """How many connections to `url` are in use."""
    pool = db.engines.engine(url).pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


# --- which reads ----------------------------------------------------------------------------------------------------


async def test_reads_go_to_the_primary_unless_told_otherwise(cluster: Cluster) -> None:
    """So that `get` and `update` are never a stale read-modify-write."""
    await cluster.open()

    assert (await User.get(1)).name == "primary"
    assert (await User.query().one()).name == "primary"


async def test_on_replica_lets_a_replica_answer(cluster: Cluster) -> None:
    """Whatever the terminal."""
    db = await cluster.open()
    query = User.query().on_replica()

    assert (await query.get(1)).name == "first"
    assert await query.pluck("name") == ["first"]
    assert await query.filter_by(name="first").exists()
    assert [user.name async for user in query.stream()] == ["first"]
    assert held(db, cluster.copies[0]) == 0


async def test_a_read_only_transaction_is_one_replica_s(cluster: Cluster) -> None:
    """All of its reads, also those that do not ask for one; a savepoint in it is too."""
    db = await cluster.open()

    async with db.transaction(read_only=True) as session:
        names = [(await User.get(1)).name, await session.scalar(text("SELECT name FROM users"))]
        async with db.transaction(read_only=True):
            names += [user.name async for user in User.query().stream()]

    assert names == ["first"] * 3


async def test_a_read_only_transaction_writes_nowhere(cluster: Cluster) -> None:
    """Neither to the replica nor past it."""
    db = await cluster.open()

    with pytest.raises(UsageError, match="read-only"):
        async with db.transaction(read_only=True):
            await User.create(email="b@x.org")


async def test_a_writing_unit_answers_for_itself(cluster: Cluster) -> None:
    """Its own writes are seen, on its one connection, although a replica was allowed."""
    db = await cluster.open()

    async with db.transaction():
        await User.filter_by(id=1).update(name="written")
        assert await who() == "written"
        assert held(db, cluster.copies[0]) == 0


async def test_a_session_that_is_given_answers(cluster: Cluster) -> None:
    """`session=` comes first, as everywhere."""
    db = await cluster.open()

    async with AsyncSession(db.engine) as session:
        assert (await User.query(session=session).on_replica().one()).name == "primary"


async def test_a_row_of_a_replica_is_updated_on_the_primary(cluster: Cluster) -> None:
    """It is a row outside any unit like any other."""
    await cluster.open()
    user = await User.query().on_replica().one()

    await user.update(name="updated")

    assert (await User.get(1)).name == "updated"
    assert await who() == "first"


async def test_what_follows_a_row_is_read_from_the_primary(cluster: Cluster) -> None:
    """`refresh` and `load`, wherever the row came from."""
    await cluster.open()
    await Post.create(title="new", user_id=1)
    user = await User.query().on_replica().one()

    await user.load("posts")
    await user.refresh()

    assert (len(user.posts), user.name) == (1, "primary")


async def test_without_replicas_on_replica_means_nothing(cluster: Cluster) -> None:
    """The primary answers."""
    await cluster.open(())

    assert await who() == "primary"


async def test_serializable_reads_are_the_primary_s(cluster: Cluster) -> None:
    """A standby of PostgreSQL refuses that level."""
    db = await cluster.open()

    async with db.transaction(read_only=True, isolation="SERIALIZABLE"):
        assert (await User.get(1)).name == "primary"


async def test_locks_and_writes_are_refused(cluster: Cluster) -> None:
    """They are the primary's, so `on_replica` is a mistake there."""
    await cluster.open()
    query = User.filter_by(id=1).on_replica()

    for refused in (query.for_update().all(), query.update(name="x"), query.delete()):
        with pytest.raises(UsageError, match="on_replica"):
            await refused


# --- the policy -----------------------------------------------------------------------------------------------------


async def test_a_policy_decides_about_reads_outside_any_unit(cluster: Cluster) -> None:
    """It is told the model and the operation."""
    asked: list[Read] = []

    def policy(read: Read) -> bool:
        asked.append(read)
        return read.model is User

    await cluster.open(replica_policy=policy)

    assert (await User.get(1)).name == "first"
    assert [user.name async for user in User.query().stream()] == ["first"]
    assert await Post.query().count() == 0
    assert asked == [Read(User, "select"), Read(User, "stream"), Read(Post, "select")]


async def test_a_query_has_the_last_word(cluster: Cluster) -> None:
    """`on_replica(allowed=False)` reads what was written a moment ago."""
    await cluster.open(replica_policy=always)

    assert await who(allowed=False) == "primary"


async def test_units_locks_and_writes_do_not_ask_the_policy(cluster: Cluster) -> None:
    """A write never starts from a stale row."""
    db = await cluster.open(replica_policy=always)

    async with db.transaction():
        assert (await User.get(1)).name == "primary"
    assert (await User.get(1, lock=True)).name == "primary"
    user, made = await User.update_or_create({"email": "a@x.org"}, {"name": "first"})

    assert (user.name, made) == ("first", False)
    assert await who(allowed=False) == "first"


# --- several, and failures ------------------------------------------------------------------------------------------


async def test_replicas_take_turns(cluster: Cluster) -> None:
    """Each gets every second read."""
    await cluster.open(cluster.copies)

    answers = [await who() for _ in range(4)]

    assert answers in (["first", "second"] * 2, ["second", "first"] * 2)


async def test_a_replica_that_cannot_be_reached_is_passed_over(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A database connects without it, says so, and asks the others."""
    with caplog.at_level(logging.WARNING, "activerow"):
        db = await cluster.open((unreachable(cluster), cluster.copies[1]))

    assert [await who() for _ in range(4)] == ["second"] * 4
    async with db.transaction(read_only=True):
        assert (await User.get(1)).name == "second"
    (record,) = caplog.records
    assert "passed over" in record.getMessage()
    assert db.engines.address(db.engines.engine(unreachable(cluster))) in record.getMessage()


async def test_a_replica_is_found_missing_by_a_read(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the primary answers the same read: of a query, a stream and a transaction."""
    monkeypatch.setattr(replicas, "PAUSE", 0.0)
    db = await cluster.open((unreachable(cluster),))
    caplog.clear()

    with caplog.at_level(logging.WARNING, "activerow"):
        assert await who() == "primary"
        assert [user.name async for user in User.query().on_replica().stream()] == ["primary"]
        async with db.transaction(read_only=True):
            assert (await User.get(1)).name == "primary"

    assert len(caplog.records) == 3
    assert db.scopes.units == set()


async def test_a_replica_that_is_back_is_used_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause."""
    monkeypatch.setattr(replicas, "PAUSE", 0.0)
    db = await cluster.open()
    (replica,) = db.replicas.members
    replica.pause()

    assert await who() == "first"
    assert replica.retry_at is None


async def test_one_read_tries_a_replica_after_its_pause(cluster: Cluster) -> None:
    """The others do not wait for its answer: they go elsewhere."""
    db = await cluster.open()
    (replica,) = db.replicas.members
    replica.pause()
    assert await who() == "primary"

    replica.retry_at = 0.0

    assert (replica.admits(), replica.admits()) == (True, False)


async def test_a_query_that_fails_is_not_repeated_elsewhere(cluster: Cluster) -> None:
    """Only a connection that cannot be had is."""
    db = await cluster.open()

    with pytest.raises(DatabaseError):
        await User.where(literal_column("no_such_column") == 1).on_replica().all()
    with pytest.raises(TransactionBrokenError):
        async with db.transaction(read_only=True):
            with pytest.raises(DatabaseError):
                await User.where(literal_column("no_such_column") == 1).all()
            await User.get(1)

    assert await who() == "first"


async def test_an_exhausted_replica_is_not_the_primary_s_burden(cluster: Cluster) -> None:
    """The error names who has the connections, and where."""
    db = await cluster.open(pool_size=1, max_overflow=0, pool_timeout=0.01)

    async with db.transaction(read_only=True):
        await User.get(1)
        async with db.detached():
            with pytest.raises(PoolExhaustedError) as caught:
                await who()

    address = db.engines.address(db.engines.engine(cluster.copies[0]))
    assert caught.value.holders is not None
    assert [address in holder for holder in caught.value.holders] == [True]


@pytest.mark.backends("postgresql", "mysql")
async def test_a_replica_that_is_lost_is_named(cluster: Cluster, backend: Backend) -> None:
    """The error has its address, not the primary's."""
    db = await cluster.open()
    kill = "SELECT pg_terminate_backend({})" if backend.dialect == "postgresql" else "KILL {}"
    number = "SELECT pg_backend_pid()" if backend.dialect == "postgresql" else "SELECT CONNECTION_ID()"

    with pytest.raises(UnavailableError) as caught:
        async with db.transaction(read_only=True) as session:
            mine = await session.scalar(text(number))
            async with db.detached(), db.transaction() as other:
                await other.execute(text(kill.format(mine)))
            await User.get(1)

    assert caught.value.target == db.engines.address(db.engines.engine(cluster.copies[0]))


# --- around ---------------------------------------------------------------------------------------------------------


async def test_connections_says_which_are_to_a_replica(cluster: Cluster) -> None:
    """By its address."""
    db = await cluster.open()
    address = db.engines.address(db.engines.engine(cluster.copies[0]))

    async with db.transaction(read_only=True):
        await User.get(1)
        async with db.transaction(independent=True):
            await User.get(1)
            where = {holder.replica for holder in db.connections()}
            texts = "; ".join(map(str, db.connections()))

    assert where == {None, address}
    assert texts.count(f"on {address}") == 1


async def test_dispose_closes_the_connections_to_all(cluster: Cluster) -> None:
    """And the database can be used again."""
    db = await cluster.open()
    await who()
    engine = db.engines.engine(cluster.copies[0])

    await db.dispose()

    assert db.engines.engine(cluster.copies[0]) is not engine
    assert await who() == "first"


async def test_configure_takes_other_replicas(cluster: Cluster) -> None:
    """As everything else, before the first use."""
    db = await cluster.open()
    await db.dispose()

    db.configure(cluster.primary, replicas=[cluster.copies[1]], replica_policy=always)

    assert db.replicas.urls == cluster.copies[1:]
    assert (await User.get(1)).name == "second"


@pytest.mark.parametrize(
    ("primary", "replica", "says"),
    [
        ("postgresql+asyncpg://h/d", "mysql+asyncmy://h/d", "mysql.*postgresql"),
        ("sqlite+aiosqlite:///app.db", "sqlite+aiosqlite://", "memory"),
    ],
)
def test_a_replica_is_of_the_primary_s_kind(primary: str, replica: str, says: str) -> None:
    """And no database in memory."""
    with pytest.raises(UsageError, match=says):
        Database(primary, replicas=[replica])
