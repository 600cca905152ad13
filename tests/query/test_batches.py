"""Batches: whichever way they are read, they are the rows that `all()` gives."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func
from sqlalchemy.orm import joinedload, subqueryload, with_loader_criteria

from activerow import Database, Q
from activerow.query.query import Query
from tests.model import test_inheritance as inheritance
from tests.models import bookshop
from tests.models.blog import Base, Post, Seat, Status, Tag, User
from tests.models.bookshop import Voucher
from tests.models.units import cancelled_everywhere, held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.counting import statements

BATCHES = [1, 3, 4, 11, 500]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Eleven authors in three ages, some with posts; twelve seats; four tags."""
    db = await make_database(Base)
    async with db.transaction():
        for id_ in range(1, 12):
            boss = 1 if id_ % 2 == 0 else None
            email = f"{id_ % 5}{id_}@x.org"
            await User.create(id=id_, email=email, name="abc"[id_ % 3], age=id_ % 3 or None, boss_id=boss)
        for id_ in range(1, 20):
            await Post.create(id=id_, title=f"{id_ % 4}", published=id_ % 2 == 0, user_id=id_ % 6 + 1)
        for row in range(3):
            for number in range(4):
                await Seat.create(row=row, number=number, hall="north", code=f"{row}{number % 2}{number}")
    return db


async def keys(query: Query[Any]) -> list[object]:
    """The primary keys of all rows."""
    return [row.__mapper__.primary_key_from_instance(row) for row in await query.all()]


async def streamed(query: Query[Any], batch: int) -> list[object]:
    """The same, from a stream."""
    return [row.__mapper__.primary_key_from_instance(row) async for row in query.stream(batch)]


QUERIES: dict[str, Callable[[], Query[Any]]] = {
    "by key": lambda: User.query().order_by("id"),
    "by key, backwards": lambda: User.query().order_by("-id"),
    "by attribute": lambda: User.query().order_by(User.id.asc()),
    "by key and more": lambda: User.query().order_by("-id", "name"),
    "by name": lambda: User.query().order_by("name", "-id"),
    "by a column with NULLs": lambda: User.query().order_by("age", "id"),
    "by a related column": lambda: User.query().order_by("boss__email", "id"),
    "by an expression": lambda: User.query().order_by(func.lower(User.email), User.id),
    "some": lambda: User.filter_by(age__gte=1).order_by("id"),
    "with related ones": lambda: User.filter_by(posts__published=True).order_by("-id"),
    "either": lambda: User.where(Q(name="a") | Q(id__gt=8)).order_by("name", "id"),
    "limit": lambda: User.query().order_by("id").limit(5),
    "limit and offset": lambda: User.query().order_by("id").offset(2).limit(7),
    "sorted, with limit and offset": lambda: User.query().order_by("name", "id").offset(3).limit(6),
    "distinct": lambda: User.query().order_by("id").distinct(),
    "distinct, by a related column": lambda: User.query().order_by("boss__email", "id").distinct(),
    "criteria": lambda: User.query().order_by("id").options(with_loader_criteria(User, User.age == 1)),
    "columns": lambda: User.query().order_by("name", "id").only("name"),
    "include": lambda: User.query().order_by("id").include("posts.tags", "boss.posts"),
    "joined": lambda: User.query().order_by("id").options(joinedload(User.posts)),
    "joined and limited": lambda: User.query().order_by("-id").limit(5).options(joinedload(User.posts)),
    "joined and sorted": lambda: User.query().order_by("name", "id").options(joinedload(User.posts)),
    "by subquery": lambda: User.query().order_by("id").options(subqueryload(User.posts)),
    "composite key": lambda: Seat.query().order_by("row", "number"),
    "composite key, backwards": lambda: Seat.query().order_by("-row", "-number").limit(7),
    "composite key, mixed": lambda: Seat.query().order_by("row", "-number"),
    "part of a composite key": lambda: Seat.query().order_by("row", "code"),
    "composite key, sorted": lambda: Seat.query().order_by("code"),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_stream_gives_the_rows_of_all_in_their_order(db: Database, name: str) -> None:
    """In a unit and outside, whatever the size of a batch."""
    query = QUERIES[name]()
    expected = await keys(query)
    assert expected

    for batch in BATCHES:
        assert await streamed(query, batch) == expected
        async with db.transaction():
            assert await streamed(query, batch) == expected
    assert held(db) == 0


async def test_what_was_asked_for_is_loaded_with_each_batch(db: Database) -> None:
    """Whichever way is taken."""
    for query in (
        User.query().include("posts"),
        User.query().order_by("name").include("posts"),
        User.query().options(joinedload(User.posts)),
    ):
        posts = [len(user.posts) async for user in query.stream(4)]
        async with db.transaction():
            joined = [len(user.posts) async for user in query.stream(4)]

        assert sum(posts) == sum(joined) == 19


async def test_windows_cost_a_statement_each(db: Database) -> None:
    """And one to know the end, where there is more than one."""
    async with db.transaction():
        with statements(db) as small:
            assert len(await streamed(User.query(), 12)) == 11
        with statements(db) as sent:
            assert len(await streamed(User.query(), 4)) == 11

    assert len([statement for statement in small if statement.startswith("SELECT")]) == 1
    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 4


async def test_another_order_costs_one_statement_for_the_keys(db: Database) -> None:
    """And one for the rows of each batch."""
    async with db.transaction():
        with statements(db) as sent:
            assert len(await streamed(User.query().order_by("name"), 4)) == 11

    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 4


@pytest.mark.backends("sqlite", "postgresql")
async def test_a_cursor_costs_one_statement(db: Database) -> None:
    """Where the connection is the stream's own, whatever the order."""
    with statements(db) as sent:
        assert len(await streamed(User.query().order_by("name"), 4)) == 11

    assert len([statement for statement in sent if "FROM users" in statement]) == 1


async def test_rows_that_are_deleted_meanwhile_do_not_come(db: Database) -> None:
    """Not even where their keys were read before."""
    for query in (User.query().order_by("id"), User.query().order_by("name", "id")):
        seen: list[int] = []
        async with db.transaction():
            async for user in query.filter_by(id__gt=6).stream(2):
                seen.append(user.id)
                if len(seen) == 2:
                    await User.filter_by(id__gt=6).delete()
            db.rollback_only()

        assert len(seen) == 2


async def test_rows_that_no_longer_match_do_not_come(db: Database) -> None:
    """Each batch shows the unit's data as they are when it is read."""
    for query in (User.query().order_by("id"), User.query().order_by("name", "id")):
        seen: list[int] = []
        async with db.transaction():
            async for user in query.filter_by(status=Status.ACTIVE).stream(2):
                seen.append(user.id)
                await User.query().update(status=Status.BLOCKED, all_rows=True)
            db.rollback_only()

        assert len(seen) == 2


async def test_text_keys_are_read_by_windows(make_database: MakeDatabase) -> None:
    """In the order in which the server compares them."""
    db = await make_database(bookshop.Base)
    names = ["Zoe", "anna", "Ärger", "a", "b b", "B"] if db.dialect != "mysql" else ["Zoe", "anna", "c", "b b"]
    async with db.transaction():
        for name in names:
            await bookshop.Tag.create(name=name)
    expected = [tag.name for tag in await bookshop.Tag.query().order_by("name").all()]

    async with db.transaction():
        seen = [tag.name async for tag in bookshop.Tag.query().order_by("name").stream(2)]

    assert seen == expected


async def test_keys_of_other_types_are_read_by_windows(make_database: MakeDatabase) -> None:
    """UUIDs, in the order in which the server has them."""
    db = await make_database(bookshop.Base)
    async with db.transaction():
        for _ in range(5):
            await Voucher.create()
        expected = await keys(Voucher.query().order_by("id"))
        seen = await streamed(Voucher.query().order_by("id"), 2)

    assert seen == expected
    assert len(set(map(str, seen))) == 5


async def test_subclasses_have_streams_of_their_own(make_database: MakeDatabase) -> None:
    """Stored in the table of their base, or in one more."""
    db = await make_database(inheritance.Base)
    async with db.transaction():
        for number in range(1, 4):
            await inheritance.Manager.create(name=str(number))
            await inheritance.Worker.create(name=str(number))
            await inheritance.Manual.create(title=str(number), code=str(4 - number))
        for query in (
            inheritance.Manager.query().order_by("id"),
            inheritance.Worker.query().order_by("name", "-id"),
            inheritance.Manual.query().order_by("-id"),
            inheritance.Manual.query().order_by("code"),
        ):
            assert await streamed(query, 2) == await keys(query)


async def test_reading_keys_can_be_cancelled(db: Database) -> None:
    """At any moment; nothing stays checked out and the next stream works."""

    async def work(_number: int) -> None:
        async with db.transaction():
            await streamed(User.query().order_by("name"), 3)

    async def check(_number: int, _cancelled: bool) -> None:
        assert held(db) == 0
        assert await User.query().count() == 11

    assert await cancelled_everywhere(work, check, times=2) > 5


async def test_without_rows_there_is_no_second_statement(db: Database, backend: Backend) -> None:
    """Of any kind."""
    async with db.transaction():
        with statements(db) as sent:
            assert await streamed(Tag.query(), 5) == []
            assert await streamed(Tag.query().order_by("name"), 5) == []

    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 2
