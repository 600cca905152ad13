"""A condition is applied or refused in words, whatever link it is given to: never accepted and dropped."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from activerow import Database, Q
from activerow.aggregates import Count
from activerow.errors import UnknownFieldError, UsageError
from activerow.query import Query
from activerow.store import Store
from tests.models import blog
from tests.models.blog import Base, Comment, Post
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements

User: Any = blog.User
group: Any = Q
count: Any = Count
"""Type checkers find most of these mistakes, and are not asked here."""


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Four authors, of whom two have written; the first is the boss of the second."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in enumerate(["a", "b", "c"], start=1):
            await User.create(id=id_, email=f"{name}@x.org", name=name, age=id_ * 10)
        await User.create(id=4, email="d@x.org", boss_id=1)
        await User.filter_by(id=2).update(boss_id=1)
        for id_, user_id in enumerate([1, 1, 2], start=1):
            await Post.create(id=id_, title=f"t{id_}", user_id=user_id)
        await Post.create(id=4, title="lost")
        await Comment.create(id=1, body="x", post_id=1)
    return db


async def ids(query: Query[Any]) -> list[int]:
    """The keys of the rows, sorted."""
    return sorted(row.id for row in await query.all())


class Users(Store[blog.User]):
    """The rows of `User`."""


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: User.where(User.age >= 20, name="b"), [2]),
        (lambda: User.where(name__in=["a", "b"], age__gt=10), [2]),
        (lambda: User.where(Q(age=10) | (User.name == "b"), id__lt=2), [1]),
        (lambda: User.filter_by(Q(age=10) | Q(name="b")), [1, 2]),
        (lambda: User.filter_by({"age__gte": 20}, Q(name="b") | Q(name="a"), id=2), [2]),
        (lambda: User.filter_by({"id": 1}, {"name": "b"}), []),
        (lambda: User.where(Q(User.age > 10, name="b")), [2]),
        (lambda: User.where(Q({"age": 10}) | Q(User.age == 20)), [1, 2]),
        (lambda: User.where(~Q(User.name == "b")), [1, 3]),
        (lambda: User.where(Q(id=1) | {"id": 2, "name": "b"}), [1, 2]),
        (lambda: User.where(Q(Q(id=1), Q())), [1]),
        (lambda: User.query().exclude(name="b"), [1, 3]),
        (lambda: User.query().exclude(age__gte=20, name="b"), [1, 3]),
        (lambda: User.query().exclude(Q(name="b") | Q(name="a")), [3]),
        (lambda: User.query().exclude({"posts__title": "t3"}), [1, 3, 4]),
        (lambda: User.query().none(), []),
        (lambda: Users().filter_by(Q(id=1) | Q(id=2), name="b"), [2]),
        (lambda: Users().where(User.age > 10, id__lt=3), [2]),
    ],
)
async def test_every_link_applies_what_it_is_given(
    db: Database, make: Callable[[], Query[Any]], expected: list[int]
) -> None:
    """Mappings, groups, keywords and SQL mean the same together as they do one by one."""
    assert await ids(make()) == expected
    assert await make().count() == len(expected)
    assert await make().exists() is bool(expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: User.filter_by(User.email == "x"), "SQL is where"),
        (lambda: User.filter_by(User.id > 1, id=2), "SQL is where"),
        (lambda: User.query().filter_by(User.is_adult), "SQL is where"),
        (lambda: Users().filter_by(User.id > 1), "SQL is where"),
        (lambda: User.query().exclude(User.email == "x"), "SQL is where"),
        (lambda: User.filter_by([]), "not list"),
        (lambda: User.filter_by(None), "not None"),
        (lambda: User.filter_by("name"), "not str"),
        (lambda: User.filter_by({len: [1]}), "named by a string"),
        (lambda: group([]), "not a list"),
        (lambda: group(None), "not a NoneType"),
        (lambda: group(id=1) | True, "not a bool"),
        (lambda: group(id=1) & "name", "not a str"),
        (lambda: User.where({1: 2}), "named by a string"),
        (lambda: User.where([User.id == 1]), "not a list"),
        (lambda: User.where(lambda: 1), "not a function"),
        (lambda: User.query().exclude(), r"none\(\) says so"),
        (lambda: User.query().exclude({}), r"none\(\) says so"),
        (lambda: User.query().exclude(Q()), r"none\(\) says so"),
        (lambda: User.query().include(where=Q(id=1)), "names no relation"),
        (lambda: User.query().include("posts", where=User.age > 1), "Post alone"),
        (lambda: User.query().include("posts", where=True), "not a bool"),
        (lambda: User.query().only(), "none is named"),
        (lambda: User.query().only(["name"]), "not list"),
        (lambda: User.query().only(Post.title), r"not Post\.title"),
        (lambda: User.query().defer(["name"]), "not list"),
        (lambda: User.query().defer(Post.id), r"not Post\.id"),
        (lambda: User.query().order_by(["name"]), "not by a list"),
        (lambda: User.query().order_by(Q(id=1)), "not by a Q"),
        (lambda: User.query().group_by(["name"]), "not by a list"),
        (lambda: User.query().options("posts"), "not str"),
        (lambda: User.query().limit("5"), "whole number"),
        (lambda: User.query().limit(True), "whole number"),
        (lambda: User.query().offset(10**23), "63 bits"),
        (lambda: User.query().limit(10**23), "63 bits"),
        (lambda: User.query().group_by("name").limit(10**23), "63 bits"),
        (lambda: User.query().join(User.posts, Q(id=1)), "SQL"),
    ],
)
def test_what_a_link_cannot_apply_it_refuses(call: Callable[[], Any], words: str) -> None:
    """Dropped, a condition would let every row through; refused, the error says what to write."""
    with pytest.raises(UsageError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: User.query().values(["name"]), "not by a list"),
        (lambda: User.query().values(Q(id=1)), "not by a Q"),
        (lambda: User.query().pluck(["name"]), "not by a list"),
        (lambda: User.query().update([("age", 1)], all_rows=True), "not list"),
        (lambda: User.filter_by(id=1).update(User.age == 5), "not BinaryExpression"),
        (lambda: User.query().values(n=count("posts", where=True)), "not a bool"),
        (lambda: User.query().group_by("name").having(True).values(n=Count()), "not a bool"),
        (lambda: User.query().group_by("name").having(Q(n=1)).values(n=Count()), "lookups on what is computed"),
    ],
)
async def test_what_a_terminal_cannot_apply_it_refuses(db: Database, call: Callable[[], Any], words: str) -> None:
    """So do the terminals, before anything is sent."""
    with statements(db) as sent, pytest.raises(UsageError, match=words):
        await call()

    assert not [sql for sql in sent if not sql.startswith(("BEGIN", "ROLLBACK"))]


def test_none_of_many_conditions_is_too_deep() -> None:
    """Groups of a kind are one group, however they were put together."""
    group = Q(id=0)
    for number in range(3_000):
        group = group | Q(id=number)

    assert len(group.parts) == 3_001


async def test_many_conditions(db: Database) -> None:
    """SQLite descends into a thousand alternatives at most, so they stand in brackets."""
    group, narrow = Q(id=1), Q(id__gt=0)
    for number in range(2_000):
        group = group | Q(id=number * 10)
        narrow = narrow & Q(id__lt=1_000 + number)

    assert await ids(User.where(group)) == [1]
    assert await ids(User.where(narrow & ~group)) == [2, 3, 4]


async def test_columns_beyond_a_relation_that_leads_to_nothing_are_null(db: Database) -> None:
    """As `values` and `order_by` see them; of a to-many relation there must be a row."""
    assert await ids(User.filter_by(boss__name=None)) == [1, 3]
    assert await ids(User.filter_by(boss__name__isnull=True)) == [1, 3]
    assert await ids(User.filter_by(boss__name__in=["a", None])) == [1, 2, 3, 4]
    assert await ids(User.filter_by(boss__boss__name=None)) == [1, 2, 3, 4]
    assert await ids(User.filter_by(boss__boss__isnull=True, boss__isnull=False)) == [2, 4]
    assert await ids(User.filter_by(boss__name=None, boss__age=10)) == []
    assert await ids(User.where(Q(boss__name=None) & (Q(boss__age=None) | Q(boss__id=5)))) == [1, 3]
    assert await ids(User.filter_by(boss__name__ne=None)) == [2, 4]
    assert await ids(User.where(~Q(boss__name=None))) == [2, 4]
    assert await ids(Post.filter_by(user__posts__title=None)) == []
    assert await ids(User.filter_by(posts__title=None)) == []
    assert await Post.filter_by(user__name=None).values("id", "user__name") == [{"id": 4, "user__name": None}]


# --- other tables -----------------------------------------------------------------------------------------------------


async def test_a_condition_on_a_table_that_is_not_joined_is_refused(db: Database) -> None:
    """Each row would meet each row of it: `all` 2, `count` 4, and an update of everything."""
    other = aliased(User)
    for query in (
        User.where(Post.title == "t1"),
        User.where(User.id > 0, other.id == 1),
        User.where(Q(id=1) | (Post.title == "t1")).where(Comment.body == "x"),
        User.query().join(User.posts).where(Comment.body == "x"),
    ):
        calls: list[Callable[[], Any]] = [query.all, query.count, query.exists, query.first, query.page, query.delete]
        for call in (*calls, query.values, lambda q=query: q.update(age=1)):
            with pytest.raises(UsageError, match=r"write join\("):
                await call()
    assert await User.filter_by(age=1).count() == 0
    assert await User.query().count() == 4


@pytest.mark.parametrize(
    "call",
    [
        lambda: User.order_by(Post.title).all(),
        lambda: User.order_by(Post.title).after(),
        lambda: User.order_by(Post.title.desc().nulls_last()).values("id"),
        lambda: User.query().pluck(Post.title),
        lambda: User.query().max(Post.id),
        lambda: User.query().values("id", n=func.count(Post.id)),
        lambda: User.query().group_by("id").values(n=func.count(Post.id)),
        lambda: User.query().group_by("id").having(func.count(Post.id) > 1).values(n=Count()),
        lambda: User.query().group_by("id").order_by(func.count(Post.id)).values(n=Count()),
        lambda: User.query().group_by(Post.title).values(n=Count()),
        lambda: User.query().group_by("id").values(n=Count("id", where=Q(Post.title == "t1"))),
    ],
)
async def test_columns_of_a_table_that_is_not_joined_are_refused(db: Database, call: Callable[[], Any]) -> None:
    """So are values, sums, groups and orders of it."""
    with pytest.raises(UsageError, match=r"posts, which is not joined|sorts by another table"):
        await call()


async def test_a_condition_that_ties_another_table_joins_it(db: Database) -> None:
    """A row then comes and counts once, as with `join`."""
    query = User.where(User.id == Post.user_id, Post.id < 3).order_by(func.max(Post.id).desc())

    assert await ids(query) == [1]
    assert (await query.count(), await query.pluck("id"), (await query.page()).total) == (1, [1], 1)
    assert sorted(await query.order_by(None).pluck(Post.title)) == ["t1", "t2"]
    assert await query.order_by(None).update(age=99) == 1
    assert await User.filter_by(age=99).pluck("id") == [1]


async def test_subqueries_bring_their_own_tables(db: Database) -> None:
    """EXISTS and scalar subqueries speak of other tables, and need no join."""
    written = select(Post).where(Post.user_id == User.id).exists()
    latest = (
        Post.query().statement.with_only_columns(func.max(Post.id)).where(Post.user_id == User.id).scalar_subquery()
    )

    assert await ids(User.where(written)) == [1, 2]
    assert await User.where(latest > 2).order_by(latest).count() == 1


def test_a_column_of_another_model_is_not_taken_for_its_namesake() -> None:
    """`only(Post.id)` of users is a mistake, although users have an `id`, too."""
    with pytest.raises(UnknownFieldError, match="User has no field 'nmae'"):
        User.query().only("nmae")
    with pytest.raises(UsageError, match="columns of User"):
        User.query().only("name", Post.id)
