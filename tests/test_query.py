"""`Query`: its links, its terminals, and getting rows by key."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import joinedload, with_loader_criteria

from activerow import Database, Q
from activerow.errors import (
    ForeignKeyViolationError,
    InstanceMethodError,
    InvalidDataError,
    LockTimeoutError,
    MultipleRecordsError,
    NotLoadedError,
    ReadOnlyFieldError,
    RecordNotFoundError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from activerow.query.query import Query
from tests.models.blog import Base, Comment, Post, Seat, Tag, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Four authors named a to d, of whom a has two posts and b one."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in enumerate("abcd", start=1):
            await User.create(id=id_, email=f"{name}@x.org", name=name, age=id_ * 10, balance=100)
        for id_, (title, user_id) in enumerate([("one", 1), ("two", 1), ("three", 2)], start=1):
            await Post.create(id=id_, title=title, user_id=user_id)
    return db


async def names(query: Query[User]) -> list[str | None]:
    """The names of the rows, in their order."""
    return [user.name for user in await query.all()]


# --- links ----------------------------------------------------------------------------------------------------------


async def test_a_query_is_data(db: Database) -> None:
    """A link gives a new query and sends nothing; one query may be narrowed in two ways and asked twice."""
    with statements(db) as sent:
        adults = User.where(User.age >= 20)
        first, rest = adults.limit(1), adults.offset(1)
        assert sent == []

    assert await names(first.order_by("id")) == ["b"]
    assert await names(rest.order_by("id")) == ["c", "d"]
    assert await names(adults.order_by("id")) == await names(adults.order_by("id")) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["-age"], "dcba"),
        (["name"], "abcd"),
        ([User.age.desc()], "dcba"),
        ([func.abs(User.age - 20), "-id"], "bcad"),
        (["status", "-id"], "dcba"),
    ],
)
async def test_order(db: Database, keys: list[Any], expected: str) -> None:
    """Names, names with a minus, and expressions sort; `last` is the first of the opposite order."""
    assert await names(User.order_by(*keys)) == list(expected)
    last = await User.order_by(*keys).last()
    assert last is not None
    assert last.name == expected[-1]


async def test_order_across_a_relation(db: Database) -> None:
    """A path sorts by a column of the row it leads to, and drops no row that has none."""
    await Post.create(id=4, title="four", user_id=None)

    posts = await Post.order_by("-user__name", "id").all()

    assert [post.id for post in posts if post.user_id] == [3, 1, 2]
    assert len(posts) == 4


async def test_order_can_be_forgotten(db: Database) -> None:
    """`order_by(None)` starts anew; further calls add keys."""
    assert await names(User.order_by("-id").order_by(None).order_by("status").order_by("id")) == list("abcd")


async def test_unknown_keys_are_refused_before_any_sql(db: Database) -> None:
    """A wrong name in a link is an error where it stands."""
    calls: list[Callable[[], object]] = [
        lambda: User.order_by("-nme"),
        lambda: User.query().include("psts"),
        lambda: User.query().only("nme"),
        lambda: User.query().defer("nme"),
        lambda: User.order_by("boss__nme"),
    ]

    for call in calls:
        with pytest.raises(UnknownFieldError, match="did you mean"):
            call()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (lambda: User.order_by("posts__title"), "leads to many rows"),
        (lambda: User.order_by("posts"), "must end at a column"),
        (lambda: User.query().include("name"), "is a column"),
        (lambda: User.query().include(Post.comments), "write the whole path"),
        (lambda: User.query().include(User.posts.and_(Post.published)), "options"),
        (lambda: User.query().limit(-1), "whole number"),
        (lambda: User.query().offset("1"), "whole number"),  # type: ignore[arg-type]  # the mistake meant
        (lambda: User.order_by(5), "string or an SQL expression"),  # type: ignore[arg-type]  # the mistake meant
    ],
)
def test_links_refuse_what_they_cannot_mean(link: Callable[[], object], words: str) -> None:
    """The error says what to write instead."""
    with pytest.raises(UsageError, match=words):
        link()


async def test_limit_and_offset(db: Database) -> None:
    """They cut the result, count for `count` and `exists`, and None takes them away."""
    page = User.order_by("id").limit(2).offset(1)

    assert await names(page) == ["b", "c"]
    assert await page.count() == 2
    assert await names(page.limit(None).offset(None)) == list("abcd")
    assert await User.order_by("id").offset(3).count() == 1
    assert not await User.query().limit(0).exists()
    assert not await User.query().offset(4).exists()


async def test_distinct(db: Database) -> None:
    """A condition that joins by hand repeats no row, and `distinct` no value."""
    query = User.where(User.id == Post.user_id, Post.title != "")

    assert await query.count() == 2
    assert await query.distinct().count() == 2
    assert await names(query.distinct().order_by("boss__name", "-id")) == ["b", "a"]
    assert await query.distinct().order_by("boss__name").count() == 2
    assert await query.distinct().order_by("name").pluck("name") == ["a", "b"]


async def test_only_and_defer_choose_columns(db: Database) -> None:
    """Columns that were left out are not read, and say so."""
    only = await User.query().only("name", User.age).order_by("id").first()
    without = await User.query().defer("age").order_by("id").first()

    assert only is not None
    assert without is not None
    assert (only.id, only.name, only.age, without.name) == (1, "a", 10, "a")
    with pytest.raises(NotLoadedError, match="email"):
        _ = only.email
    with pytest.raises(NotLoadedError, match="age"):
        _ = without.age


async def test_a_column_that_was_left_out_is_not_guessed(db: Database) -> None:
    """Reading it names the cure, in units and outside; writing the rest leaves it alone, and `refresh` reads it."""
    lone = await User.query().only("name").get(1)
    async with db.transaction():
        user = await User.query().only("name").get(2)
        with pytest.raises(NotLoadedError, match=r'User.age is not loaded; await user.refresh\("age"\)'):
            _ = user.age
        await user.update(name="x")
        await user.refresh("age")
        assert user.age == 20

    assert "age" not in lone.to_dict()
    with pytest.raises(NotLoadedError, match="age"):
        lone.to_dict(only=["age"])
    await lone.update(name="y", age=11)
    await lone.save()
    await lone.refresh("balance")
    assert (lone.age, lone.balance) == (11, Decimal(100))
    with pytest.raises(NotLoadedError, match="bio"):
        _ = lone.bio


async def test_options_are_sqlalchemys_own(db: Database) -> None:
    """Joined eager loading needs no `.unique()` in any terminal, and a limit counts parents."""
    query = User.query().options(joinedload(User.posts)).order_by("id")

    rows = await query.limit(2).all()
    first, last = await query.first(), await query.last()

    assert [len(row.posts) for row in rows] == [2, 1]
    assert first is not None
    assert last is not None
    assert (len(first.posts), len(last.posts)) == (2, 0)
    assert len((await query.where(User.id == 1).one()).posts) == 2
    assert [len(row.posts) for row in await query.get_many([2, 1])] == [1, 2]


async def test_loader_criteria_hold_in_every_terminal(db: Database) -> None:
    """`with_loader_criteria` narrows rows, numbers, columns and changes alike."""
    query = User.query().options(with_loader_criteria(User, User.age > 20))

    assert await query.count() == 2
    assert await query.sum("age") == 70
    assert sorted(await query.pluck("name")) == ["c", "d"]
    assert not await query.filter_by(id=1).exists()
    assert await query.delete(all_rows=True) == 2


async def test_the_statement_is_a_select(db: Database) -> None:
    """`Query.statement` goes into any SQL."""
    adults = User.filter_by(age__gte=30).statement.subquery()

    async with db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(adults)) == 2


async def test_columns_are_of_the_model_whatever_else_is_selected(db: Database) -> None:
    """A name that another table has too is the model's."""
    assert await names(User.where(Post.user_id == User.id).filter_by(id=2)) == ["b"]


# --- terminals ------------------------------------------------------------------------------------------------------


async def test_first_and_last_go_by_primary_key(db: Database) -> None:
    """Without an order it is still a certain row; without rows it is None."""
    first, last = await User.query().first(), await User.query().last()

    assert first is not None
    assert last is not None
    assert (first.id, last.id) == (1, 4)
    assert await User.filter_by(id=99).first() is None
    assert await User.filter_by(id=99).last() is None


async def test_last_refuses_what_cannot_be_reversed(db: Database) -> None:
    """A limit cuts the other end, and text has no opposite."""
    with pytest.raises(UsageError, match="reverse its order_by"):
        await User.query().limit(2).last()
    with pytest.raises(UsageError, match="cannot reverse"):
        await User.order_by(text("name")).last()


async def test_last_keeps_nulls_where_the_opposite_order_has_them(db: Database) -> None:
    """`last` is the last row of `all`, NULLs included."""
    await User.filter_by(id=2).update(age=None)

    for key in ["age", "-age"]:
        last = await User.order_by(key, "id").last()

        assert last is not None
        assert last.id == (await User.order_by(key, "id").all())[-1].id


async def test_one(db: Database) -> None:
    """One row, or an error that carries what was asked for."""
    assert (await User.filter_by(name="b").one()).id == 2
    with pytest.raises(RecordNotFoundError) as none:
        await User.filter_by(name="x", age__gt=3).one()
    with pytest.raises(MultipleRecordsError) as many:
        await User.where(Q(age__gt=20)).one()

    assert none.value.criteria == {"name": "x", "age__gt": 3}
    assert many.value.criteria == {"age__gt": 20}
    assert await User.filter_by(name="x").one_or_none() is None
    with pytest.raises(MultipleRecordsError):
        await User.query().one_or_none()


async def test_numbers(db: Database) -> None:
    """Aggregates take names, paths and expressions, and count what a limit leaves."""
    query = User.where(User.id > 1)

    assert await query.count() == 3
    assert await query.exists()
    assert await query.sum("age") == 90
    assert await query.avg(User.age) == 30
    assert (await query.min(User.age), await query.max("age")) == (20, 40)
    assert await query.order_by("-age").limit(2).sum("age") == 70
    assert await User.filter_by(id=99).sum("age") is None
    assert await Post.query().max("user__age") == 20


async def test_values_and_pluck(db: Database) -> None:
    """Single columns come without building rows, across relations too."""
    posts = Post.order_by("id")

    assert await posts.pluck(Post.title) == ["one", "two", "three"]
    assert await posts.limit(1).values("id", "user__name") == [{"id": 1, "user__name": "a"}]
    assert list((await posts.values())[0]) == list(Post.fields.columns)
    assert await posts.distinct().order_by(None).order_by("user_id").pluck("user_id") == [1, 2]


async def test_a_terminal_costs_one_statement(db: Database) -> None:
    """Each terminal sends one statement, and `include` one more for a to-many relation."""
    for call in [
        User.query().all,
        User.query().first,
        User.query().count,
        User.query().exists,
        User.filter_by(id=1).one,
        User.query().include("boss", "passport").all,
    ]:
        with statements(db) as sent:
            await call()
        assert len([sql for sql in sent if sql.startswith("SELECT")]) == 1


# --- by key ---------------------------------------------------------------------------------------------------------


async def test_get(db: Database) -> None:
    """By primary key or by a unique key; `get` raises, `get_or_none` does not."""
    user = await User.get(1)
    assert (user.name, (await User.get(email="b@x.org")).id, (await User.get(id=3)).name) == ("a", 2, "c")
    assert (await User.get({"email": "b@x.org"})).id == 2

    with pytest.raises(RecordNotFoundError) as by_key:
        await User.get(99)
    with pytest.raises(RecordNotFoundError) as by_email:
        await User.get(email="z@x.org")

    assert by_key.value.criteria == {"id": 99}
    assert by_email.value.criteria == {"email": "z@x.org"}
    assert await User.get_or_none(99) is None
    assert await User.get_or_none(email="z@x.org") is None
    assert await User.get_or_none(None) is None


async def test_get_takes_unique_keys_only(db: Database) -> None:
    """Other fields might have many rows; the error names the keys there are."""
    with pytest.raises(UsageError, match=r"unique key \(id, email\)"):
        await User.get(name="a")
    with pytest.raises(UsageError, match="not nothing"):
        await User.get()
    with pytest.raises(UsageError, match="not both"):
        await User.get(1, email="a@x.org")
    with pytest.raises(UnknownFieldError, match="did you mean 'email'"):
        await User.get(emial="a@x.org")


async def test_get_with_a_composite_key(db: Database) -> None:
    """A tuple, a mapping, or the names; another unique key by its names."""
    await Seat.create(row=1, number=2, hall="h", code="c")

    seats = [
        await Seat.get((1, 2)),
        await Seat.get({"number": 2, "row": 1}),
        await Seat.get(row=1, number=2),
        await Seat.get(hall="h", code="c"),
    ]

    assert {(seat.row, seat.number) for seat in seats} == {(1, 2)}
    with pytest.raises(UsageError, match=r"a tuple \(row, number\); int given"):
        await Seat.get(1)
    with pytest.raises(UsageError, match="tuple"):
        await Seat.get((1, 2, 3))
    with pytest.raises(UsageError, match=r"hall \+ code|code \+ hall"):
        await Seat.get(hall="h")


@pytest.mark.parametrize("key", ["1", "abc", 1.5, b"1", 2**70])
async def test_a_key_of_the_wrong_type_is_the_same_error_everywhere(db: Database, key: object) -> None:
    """No backend guesses: what cannot be in the column is refused before anything is sent."""
    with statements(db) as sent:
        with pytest.raises(InvalidDataError) as caught:
            await User.get(key)
        with pytest.raises(InvalidDataError):
            await User.get_or_none(key)

    assert (caught.value.columns, sent) == (("id",), [])


async def test_get_in_a_unit_asks_memory_first(db: Database) -> None:
    """One object per row and unit; a row that the unit holds costs no statement."""
    async with db.transaction():
        user = await User.get(1)
        with statements(db) as sent:
            again = await User.get(1)

        assert again is user
        assert sent == []
        assert await User.get(email="a@x.org") is user


async def test_get_many(db: Database) -> None:
    """Rows in the order asked; what is missing is named."""
    rows = await User.query().get_many([3, 1, 3])

    assert [row.id for row in rows] == [3, 1, 3]
    assert await User.query().get_many([]) == []
    with pytest.raises(RecordNotFoundError) as caught:
        await User.query().get_many([98, 1, 99])
    assert caught.value.missing == (98, 99)
    await Seat.create(row=1, number=2, hall="h", code="c")
    await Seat.create(row=1, number=3, hall="h", code="d")
    assert [seat.number for seat in await Seat.query().get_many([(1, 3), (1, 2)])] == [3, 2]


async def test_get_many_of_ten_thousand_keys(db: Database) -> None:
    """500 keys for each statement, within one unit; keys that occur twice are asked for once."""
    async with db.transaction() as session:
        session.add_all([User(id=id_, email=f"{id_}@y.org") for id_ in range(100, 1300)])
    keys = [*range(1299, 99, -1), *range(100, 1300)]

    with statements(db) as sent:
        rows = await User.query().get_many(keys)
        with pytest.raises(RecordNotFoundError) as caught:
            await User.query().get_many([*keys, *range(10_000, 18_800)])

    assert [row.id for row in rows] == keys
    assert len(caught.value.missing) == 8_800
    assert len([sql for sql in sent if sql.startswith("SELECT")]) == 3 + 20


async def test_get_of_a_query(db: Database) -> None:
    """`get` and `get_many` of a query find only its rows, and bring what it includes."""
    young = User.filter_by(age__lt=25).include("posts")

    assert len((await young.get(1)).posts) == 2
    assert len((await young.get_many([2, 1]))[0].posts) == 1
    with pytest.raises(RecordNotFoundError):
        await young.get(4)
    assert await young.get_or_none(4) is None


def test_a_row_starts_no_query() -> None:
    """Calling a query method on a row is a mistake, and the error says what to write."""
    user: Any = User(email="a@x.org")

    for method in ["query", "filter_by", "where", "order_by", "get", "get_or_none"]:
        with pytest.raises(InstanceMethodError, match=rf"write User.{method}\("):
            getattr(user, method)()


# --- locks ----------------------------------------------------------------------------------------------------------


@pytest.mark.backends("postgresql", "mysql")
async def test_for_update_shows_what_others_committed(db: Database, other_connection: OtherConnection) -> None:
    """A row that was read before shows its current values once it is locked."""
    async with db.transaction(isolation="READ COMMITTED"):
        user = await User.get(1)
        await other_connection.execute("UPDATE users SET balance = 70, name = 'z' WHERE id = 1")

        assert (await User.filter_by(id=1).one()).balance == 100
        locked = await User.filter_by(id=1).for_update().one()
        assert locked is user
        assert (user.balance, user.name) == (Decimal(70), "z")

        await other_connection.execute("UPDATE users SET name = 'y' WHERE id = 2")
        assert (await User.get(2, lock=True)).name == "y"


async def test_for_update_refuses_rows_with_unsaved_changes(db: Database) -> None:
    """A change made from older values must not overwrite the locked ones; other rows are none of its business."""
    async with db.transaction():
        user, other = await User.get(1), await User.get(2)
        user.name = "unsaved"

        with pytest.raises(UsageError, match="unsaved changes"):
            await User.filter_by(id__in=[1, 2]).for_update().all()
        with pytest.raises(UsageError, match="unsaved changes"):
            await User.get(1, lock=True)

        assert (await User.get(2, lock=True)) is other
        assert user.name == "unsaved"
    assert (await User.get(1)).name == "unsaved"


@pytest.mark.backends("postgresql", "mysql")
async def test_nowait_and_skip_locked(db: Database) -> None:
    """A row locked by somebody else is refused at once, or left out."""

    async def of_another(query: Query[User]) -> list[User]:
        async with db.transaction(independent=True):
            return await query.all()

    async with db.transaction():
        await User.get(1, lock=True)
        free = await of_another(User.order_by("id").for_update(skip_locked=True))
        with pytest.raises(LockTimeoutError):
            await of_another(User.query().for_update(nowait=True))

    assert [user.id for user in free] == [2, 3, 4]


async def test_a_lock_goes_with_everything_that_loads_rows(db: Database) -> None:
    """Includes, joined options, paths in the order, keys and columns work with a lock; numbers refuse it."""
    locked = User.order_by("boss__name", "id").for_update()
    async with db.transaction():
        rows = await locked.include("boss", "posts").all()
        assert [len(row.posts) for row in rows] == [2, 1, 0, 0]
        assert len(await locked.options(joinedload(User.posts)).limit(2).all()) == 2
        assert len(await locked.values("id", "boss__name")) == 4
        assert await locked.exists()
        assert len(await locked.get_many([1, 2])) == 2
        with pytest.raises(UsageError, match="cannot lock"):
            await locked.count()


# --- update and delete ----------------------------------------------------------------------------------------------


async def test_update_sets_many_rows(db: Database, other_connection: OtherConnection) -> None:
    """One statement, committed, and the number of rows it meant, also those that had the value before."""
    await User.filter_by(id=1).update(name="z")

    with statements(db) as sent:
        count = await User.filter_by(id__lte=2).update(name="z")

    assert count == 2
    assert len([sql for sql in sent if "users" in sql]) == 1
    assert await other_connection.scalar("SELECT count(*) FROM users WHERE name = 'z'") == 2


async def test_update_and_delete_across_relations(db: Database) -> None:
    """Conditions on related rows, also of the same table, choose what is changed."""
    await User.filter_by(id=2).update(boss_id=1)

    assert await User.filter_by(posts__title="one").update(name="writer") == 1
    assert await User.filter_by(boss__name="writer").update(name="staff") == 1
    assert await User.filter_by(staff__name="staff").update(age=99) == 1
    assert await User.filter_by(boss__isnull=True, posts__isnull=True).delete() == 2
    assert await User.order_by("id").pluck("name") == ["writer", "staff"]


async def test_limit_and_order_become_a_key_subquery(db: Database) -> None:
    """Only as many rows as the limit says, counted in the query's order."""
    assert await User.order_by("-id").limit(2).update(name="z") == 2
    assert await User.order_by("id").pluck("name") == ["a", "b", "z", "z"]
    assert await User.filter_by(name="z").order_by("id").limit(1).delete() == 1
    assert await User.filter_by(id__gt=0).order_by("id").offset(2).update(name="y") == 1
    assert await User.order_by("id").pluck("id") == [1, 2, 4]
    await Seat.create(row=1, number=2, hall="h", code="c")
    await Seat.create(row=1, number=3, hall="h", code="d")
    assert await Seat.order_by("-number").limit(1).delete() == 1
    assert await Seat.query().pluck("number") == [2]


async def test_without_conditions_all_rows_must_be_said(db: Database) -> None:
    """A forgotten condition changes nothing; an empty group is no condition."""
    for query in [User.query(), User.filter_by(), User.where(Q()), User.order_by("id"), User.query().offset(0)]:
        with pytest.raises(UsageError, match="all_rows=True"):
            await query.delete()
        with pytest.raises(UsageError, match="all_rows=True"):
            await query.update(name="z")

    assert await User.query().update(name="z", all_rows=True) == 4
    assert await Post.query().delete(all_rows=True) == 3


async def test_other_links_are_refused(db: Database) -> None:
    """Links that load something, or lock it, mean nothing in a change."""
    query = User.filter_by(id=1)
    for wrong in [query.distinct(), query.include("posts"), query.for_update(), query.only("id"), query.defer("bio")]:
        with pytest.raises(UsageError, match="leave that out"):
            await wrong.update(name="z")
        with pytest.raises(UsageError, match="leave that out"):
            await wrong.delete()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"nmae": "x"}, UnknownFieldError),
        ({"name": "x", "nmae": "x"}, UnknownFieldError),
        ({"id": 5}, ReadOnlyFieldError),
        ({"created_at": None}, ReadOnlyFieldError),
        ({"boss": None}, ReadOnlyFieldError),
        ({"is_adult": True}, ReadOnlyFieldError),
        ({"age": "many"}, InvalidDataError),
        ({}, UsageError),
    ],
)
async def test_update_refuses_values_before_any_sql(
    db: Database, values: dict[str, object], error: type[Exception]
) -> None:
    """Names and values are checked as those of a row are."""
    with statements(db) as sent, pytest.raises(error):
        await User.filter_by(id=1).update(values)

    assert sent == []


async def test_update_moves_updated_at(db: Database) -> None:
    """Columns with a Python-side `onupdate` are written by set-based updates too."""
    before = await User.get(1)

    await User.filter_by(id=1).update(name="z")

    after = await User.get(1)
    assert after.updated_at > before.updated_at
    assert after.created_at == before.created_at


async def test_loaded_rows_show_the_update(db: Database, other_connection: OtherConnection) -> None:
    """Rows of the unit show what the database holds now: plain values, computed ones, and `updated_at`."""
    async with db.transaction():
        user, other = await User.get(1), await User.get(2)
        before = user.updated_at

        count = await User.filter_by(id=1).update(name="z", balance=User.balance - 30)

        assert (count, user.name, user.balance, other.balance) == (1, "z", Decimal(70), Decimal(100))
        assert user.updated_at > before
    assert await other_connection.scalar("SELECT balance FROM users WHERE id = 1") == 70


@pytest.mark.backends("mysql")
async def test_loaded_rows_are_those_the_server_meant(db: Database) -> None:
    """The collation finds 'A' for 'a', and so does the row in memory."""
    async with db.transaction():
        user = await User.get(1)

        assert await User.filter_by(name="A").update(age=77) == 1

        assert user.age == 77


async def test_deleted_rows_leave_the_unit(db: Database) -> None:
    """What was deleted is not found in the unit's memory either."""
    async with db.transaction():
        user = await User.get(4)

        assert await User.filter_by(name="d").delete() == 1

        assert await User.get_or_none(4) is None
        assert user.name == "d"


async def test_unsaved_changes_are_written_before_a_change_of_many(db: Database) -> None:
    """Autoflush comes first, so the order of calls is the order of changes."""
    async with db.transaction():
        user = await User.get(1)
        user.name = "changed"

        assert await User.filter_by(name="changed").update(age=5) == 1

        assert user.age == 5


async def test_an_error_undoes_changes_of_the_transaction(db: Database, other_connection: OtherConnection) -> None:
    """A change of many rows joins the open unit."""

    async def fail() -> None:
        async with db.transaction():
            await User.filter_by(id=1).update(name="z")
            await User.filter_by(id=2).update(email="a@x.org")

    with pytest.raises(UniqueViolationError):
        await fail()

    assert await other_connection.scalar("SELECT name FROM users WHERE id = 1") == "a"


async def test_changes_obey_auto_commit(db: Database, other_connection: OtherConnection) -> None:
    """`auto_commit=False` leaves the commit to a later call."""
    await User.filter_by(id=1).update(name="z", auto_commit=False)
    before = await other_connection.scalar("SELECT name FROM users WHERE id = 1")
    await User.filter_by(id=4).delete(auto_commit=True)

    assert before == "a"
    assert await other_connection.scalar("SELECT name FROM users WHERE id = 1") == "z"


async def test_a_refused_delete_names_the_model(db: Database) -> None:
    """Rows that others refer to stay."""
    with pytest.raises(ForeignKeyViolationError) as caught:
        await User.filter_by(id=1).delete()

    assert (caught.value.operation, await User.query().count()) == ("delete", 4)


async def test_relations_as_conditions_of_a_delete(db: Database) -> None:
    """To-many paths over a secondary table work in a DELETE."""
    async with db.transaction() as session:
        tag = await Tag.create(name="t")
        post = await Post.get(1)
        await session.refresh(post, ["tags"])
        post.tags.append(tag)

    assert await Comment.filter_by(post__tags__name="t").delete() == 0
    assert await Post.filter_by(tags__name="t").delete() == 1


async def test_a_session_of_the_callers_is_used(db: Database) -> None:
    """`session=` is where a query reads and writes, and nobody else commits it."""
    async with db.transaction(independent=True) as session:
        user = await User.query(session=session).filter_by(id=1).one()
        assert user in session
        assert await User.get(1, session=session) is user
        assert await User.where(User.id == 1, session=session).update(name="z") == 1
        assert user.name == "z"
        assert (await User.order_by("id", session=session).first()) is user
        assert (await User.query(session=session).get_many([1])) == [user]
        assert (await User.filter_by(id=1, session=session).one()) is user
