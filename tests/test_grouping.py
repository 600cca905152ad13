"""`group_by` and aggregates of related rows."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func
from sqlalchemy.orm import with_loader_criteria

from activerow import Database, Q
from activerow.aggregates import Avg, Count, Max, Min, Sum
from activerow.errors import UnknownFieldError, UnknownLookupError, UsageError
from tests.models.blog import Base, Comment, Post, Seat, Status, Ticket, User, post_tags
from tests.models.bookshop import Page
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Authors a to d, of whom the last two are blocked; a has two posts, b one; the first post has three comments."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in enumerate("abcd", start=1):
            status = Status.ACTIVE if id_ < 3 else Status.BLOCKED
            await User.create(id=id_, email=f"{name}@x.org", name=name, age=id_ * 10, balance="1.25", status=status)
        await User.filter_by(id=4).update(age=None, boss_id=1)
        await User.filter_by(id=3).update(boss_id=1)
        for id_, (title, user_id) in enumerate([("one", 1), ("two", 1), ("three", 2)], start=1):
            await Post.create(id=id_, title=title, user_id=user_id, published=id_ != 2)
        for id_, author in enumerate([2, 2, 1], start=1):
            await Comment.create(id=id_, body=f"c{id_}", post_id=1, author_id=author)
    return db


# --- groups ---------------------------------------------------------------------------------------------------------


async def test_groups_with_sql_and_with_aggregates(db: Database) -> None:
    """One dict per group, in one statement, of SQLAlchemy's functions or of aggregates by name."""
    by_status = User.query().group_by("status").order_by("-users", "status")

    with statements(db) as sent:
        sql = await by_status.values(users=func.count(), oldest=func.max(User.age))

    assert len([each for each in sent if each.startswith("SELECT")]) == 1
    assert sorted(sql, key=lambda row: row["oldest"]) == [
        {"status": Status.ACTIVE, "users": 2, "oldest": 20},
        {"status": Status.BLOCKED, "users": 2, "oldest": 30},
    ]
    assert await by_status.values(users=Count(), oldest=Max("age")) == sql


async def test_only_the_rows_of_the_query(db: Database) -> None:
    """Conditions and loader criteria narrow the rows before they are grouped."""
    young = User.where(User.age < 30).group_by("status")
    criteria = User.query().options(with_loader_criteria(User, User.id > 3)).group_by("status")

    assert await young.values(users=Count()) == [{"status": Status.ACTIVE, "users": 2}]
    assert await criteria.values(users=Count()) == [{"status": Status.BLOCKED, "users": 1}]


async def test_having_order_limit_and_offset(db: Database) -> None:
    """They are about the groups; `having` takes lookups on what is computed, or SQL."""
    by_author = Post.query().group_by("user_id").order_by("-posts", "user_id")

    assert await by_author.having(posts__gte=2).values(posts=Count()) == [{"user_id": 1, "posts": 2}]
    assert await by_author.having(func.count() < 2).values(posts=Count()) == [{"user_id": 2, "posts": 1}]
    assert await by_author.having(posts__in=[1, 7], last__isnull=False).values(posts=Count(), last=Max("id")) == [
        {"user_id": 2, "posts": 1, "last": 3}
    ]
    assert await by_author.limit(1).values(posts=Count()) == [{"user_id": 1, "posts": 2}]
    assert await by_author.limit(5).offset(1).values(posts=Count()) == [{"user_id": 2, "posts": 1}]


async def test_paths_across_to_one_relations(db: Database) -> None:
    """As keys and in aggregates; a row without the related one is in the group of None."""
    await Post.create(id=4, title="four", user_id=None)

    rows = (
        await Post.query()
        .group_by("user__name")
        .order_by("posts", "user__name")
        .values(posts=Count(), comments=Count("comments"), age=Min("user__age"), users=Count("user"))
    )

    assert sorted(rows, key=lambda row: str(row["user__name"])) == [
        {"user__name": None, "posts": 1, "comments": 0, "age": None, "users": 0},
        {"user__name": "a", "posts": 2, "comments": 3, "age": 10, "users": 2},
        {"user__name": "b", "posts": 1, "comments": 0, "age": 20, "users": 1},
    ]


async def test_keys_that_are_sql(db: Database) -> None:
    """An expression with bound values is a key under its label; a hybrid under its name."""
    decade = (func.coalesce(User.age, 15) / 20 * 0 + func.coalesce(User.age, 20)).label("decade")

    by_decade = await User.query().group_by(decade).order_by("decade").values(users=Count())
    by_age = await User.query().group_by("is_adult").values(users=Count())

    assert [(int(row["decade"]), row["users"]) for row in by_decade] == [(10, 1), (20, 2), (30, 1)]
    assert {row["is_adult"]: row["users"] for row in by_age} == {False: 1, True: 2, None: 1}


async def test_tuples(db: Database) -> None:
    """Keys and what is computed, in their order, for unpacking."""
    pairs = await User.query().group_by(User.status).tuples(func.count())

    assert dict(pairs) == {Status.ACTIVE: 2, Status.BLOCKED: 2}
    assert sorted(await Post.query().group_by(Post.user_id).tuples()) == [(1,), (2,)]
    counted = Post.query().group_by("user_id")
    assert await counted.having(func.count() > 1).tuples(Count(), Max(Post.title)) == [(1, 2, "two")]


async def test_no_keys_are_one_group(db: Database) -> None:
    """All rows together, also when there is none."""
    everybody = User.query().group_by()

    assert await everybody.values(users=Count(), oldest=Max("age"), ages=Count("age")) == [
        {"users": 4, "oldest": 30, "ages": 3}
    ]
    assert await User.filter_by(id=99).group_by().values(
        users=Count(), total=Sum("age"), mean=Avg("age"), posts=Count("posts")
    ) == [{"users": 0, "total": None, "mean": None, "posts": 0}]
    assert await User.filter_by(id=99).group_by("status").values(users=Count()) == []


async def test_distinct_and_filtered_aggregates(db: Database) -> None:
    """Every value once, and only the rows for which lookups hold."""
    everybody = Comment.query().group_by()

    assert await everybody.values(
        authors=Count("author_id", distinct=True),
        by_b=Count(where=Q(author__name="b")),
        last_of_a=Max("id", where=Q(author_id=1)),
        bodies=Count("body", where=Q(author_id=2) | Q(author_id=1)),
    ) == [{"authors": 2, "by_b": 2, "last_of_a": 3, "bodies": 3}]


# --- related rows ---------------------------------------------------------------------------------------------------


async def test_related_rows_do_not_multiply(db: Database) -> None:
    """Two to-many aggregates at once count each row once, and a row without related ones has zero."""
    rows = await User.order_by("id").values(
        "name", posts=Count("posts"), staff=Count("staff"), comments=Count("posts__comments"), last=Max("posts__title")
    )

    assert rows == [
        {"name": "a", "posts": 2, "staff": 2, "comments": 3, "last": "two"},
        {"name": "b", "posts": 1, "staff": 0, "comments": 0, "last": "three"},
        {"name": "c", "posts": 0, "staff": 0, "comments": 0, "last": None},
        {"name": "d", "posts": 0, "staff": 0, "comments": 0, "last": None},
    ]


async def test_related_rows_of_a_group(db: Database) -> None:
    """What the rows of a group are related to, together; of a group by primary key, each row's own."""
    by_status = User.query().group_by("status").order_by("posts")
    by_user = User.query().group_by("id", User.name).order_by("-commenters", "-posts", "id").limit(2)

    assert await by_status.values(
        users=Count(), posts=Count("posts"), last=Max("posts__id"), mean=Avg("posts__id"), staff=Sum("staff__age")
    ) == [
        {"status": Status.BLOCKED, "users": 2, "posts": 0, "last": None, "mean": None, "staff": None},
        {"status": Status.ACTIVE, "users": 2, "posts": 3, "last": 3, "mean": 2.0, "staff": 30},
    ]
    assert await by_user.having(posts__gt=0).values(
        posts=Count(User.posts), commenters=Count("posts__comments__author_id", distinct=True)
    ) == [{"id": 1, "name": "a", "posts": 2, "commenters": 2}, {"id": 2, "name": "b", "posts": 1, "commenters": 0}]


async def test_a_model_that_is_related_to_itself(db: Database) -> None:
    """Each step along such relations is to other rows than the step before."""
    await User.create(id=5, email="e@x.org", name="e", boss_id=3)

    rows = await User.order_by("id").values("id", below=Count("staff__staff"), beside=Count("boss__staff"))

    assert [row["below"] for row in rows] == [1, 0, 0, 0, 0]
    assert [row["beside"] for row in rows] == [0, 0, 2, 2, 1]


async def test_lookups_on_related_rows(db: Database) -> None:
    """`where` narrows the related rows, and may cross relations from them, also back to where it started."""
    rows = (
        await User.filter_by(id__in=[1, 2])
        .order_by("id")
        .values(
            "id",
            published=Count("posts", where=Q(published=True)),
            answered=Count("posts", where=Q(comments__author__name="b")),
            staff=Count("staff", where=Q(boss__staff__name="d", age=None)),
        )
    )

    assert rows == [
        {"id": 1, "published": 1, "answered": 1, "staff": 1},
        {"id": 2, "published": 1, "answered": 0, "staff": 0},
    ]


async def test_many_to_many_and_composite_keys(db: Database) -> None:
    """Relations through a table of pairs, with a condition of their own, or by keys of several columns."""
    await Seat.create(row=1, number=2, hall="A", code="x")
    await Seat.create(row=2, number=2, hall="A", code="y")
    await Ticket.create(id=5, seat_row=1, seat_number=2)
    async with db.transaction() as session:
        await session.execute(Base.metadata.tables["tags"].insert(), [{"id": 1, "name": "red"}])
        await session.execute(post_tags.insert(), [{"post_id": 1, "tag_id": 1, "position": 1}])

    seats = await Seat.query().group_by("row", "number").order_by("row").values(tickets=Count("tickets"))

    assert [seat["tickets"] for seat in seats] == [1, 0]
    assert await Post.order_by("id").values("id", tags=Count("tags"), first=Min("tags__name")) == [
        {"id": 1, "tags": 1, "first": "red"},
        {"id": 2, "tags": 0, "first": None},
        {"id": 3, "tags": 0, "first": None},
    ]
    assert await User.filter_by(id=1).values("id", published=Count("published")) == [{"id": 1, "published": 1}]


# --- numbers --------------------------------------------------------------------------------------------------------


async def test_numbers_have_the_same_type_everywhere(db: Database) -> None:
    """Sums of integers are int, averages float; sums and averages of decimals are Decimal; times stay times."""
    await User.filter_by(id=1).update(born=date(2000, 1, 2), seen_at=datetime(2024, 1, 2, tzinfo=UTC))
    (row,) = (
        await User.query()
        .group_by()
        .values(
            total=Sum("age"),
            mean=Avg("age"),
            money=Sum("balance"),
            per_head=Avg("balance"),
            born=Min("born"),
            seen=Max("seen_at"),
            status=Max("status"),
        )
    )

    assert (row["total"], type(row["total"])) == (60, int)
    assert (row["mean"], type(row["mean"])) == (20.0, float)
    assert (row["money"], type(row["money"])) == (Decimal("5.00"), Decimal)
    assert (row["per_head"], type(row["per_head"])) == (Decimal("1.25"), Decimal)
    assert (row["born"], row["seen"]) == (date(2000, 1, 2), datetime(2024, 1, 2, tzinfo=UTC))
    assert isinstance(row["status"], Status)


async def test_aggregates_of_a_query_have_these_types(db: Database) -> None:
    """`sum` and `avg` of a query answer as the aggregates of groups do, cut or not."""
    for query in (User.query(), User.order_by("id").limit(3)):
        assert type(await query.sum("age")) is int
        assert type(await query.avg("age")) is float
        assert type(await query.sum("balance")) is Decimal
        assert type(await query.avg(User.balance)) is Decimal


# --- values and pluck -----------------------------------------------------------------------------------------------


async def test_values_of_hybrids_labels_and_sql(db: Database) -> None:
    """Each under its name: a hybrid's, a label's, or the one it is given by."""
    query = User.filter_by(id=1)

    assert await query.values("is_adult", func.upper(User.name).label("loud")) == [{"is_adult": False, "loud": "A"}]
    assert await query.values("id", loud=func.upper(User.name)) == [{"id": 1, "loud": "A"}]
    assert await query.pluck("is_adult") == [False]
    assert await query.values(posts=Count("posts")) == [{"posts": 2}]


# --- refused before any SQL -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: User.order_by("id").group_by("age"), "order_by: write it after group_by"),
        (lambda: User.query().limit(3).group_by("age"), "limit: write it after"),
        (lambda: User.query().include("posts").group_by("age"), "include: leave that out"),
        (lambda: User.query().distinct().group_by("age"), "distinct: leave that out"),
        (lambda: User.query().group_by("posts"), "must end at a column"),
        (lambda: User.query().group_by(User.posts), "User.posts is a relation"),
        (lambda: User.query().group_by("age").limit(-1), "whole number"),
        (lambda: User.query().group_by("age").values(age=Count()), "age is a key of the groups"),
        (lambda: User.query().group_by(func.lower(User.name)).values(users=Count()), "label"),
        (lambda: User.query().group_by("age").having(age__gt=3).values(users=Count()), "filter_by"),
        (lambda: User.query().group_by("age").values(n=Count("posts__user_id", distinct=True)), "primary key"),
        (lambda: User.query().group_by("age").values(n=Sum("posts")), "needs a column"),
        (lambda: User.query().group_by("age").values(n=Count("posts", where=Q() | (Post.id > 3))), "not SQL"),
        (lambda: User.query().group_by("age").values(n=Count(distinct=True)), "counts rows"),
        (lambda: User.query().group_by().values(), "something to compute"),
        (
            lambda: User.query().group_by(User.age.label("id")).values(n=Count("posts__title", distinct=True)),
            "primary key",
        ),
        (lambda: Page.query().group_by("size"), "more than one column"),
        (lambda: User.query().values("id", n=Count("age")), "group_by"),
        (lambda: User.query().values(func.lower(User.name)), "label"),
        (lambda: User.query().values("posts"), "must end at a column"),
        (lambda: User.query().values(User.posts), "User.posts is a relation"),
        (lambda: User.query().pluck(User.posts), "User.posts is a relation"),
    ],
)
async def test_what_has_no_meaning(db: Database, call: Callable[[], Any], words: str) -> None:
    """A call that cannot be meant is refused before any SQL, with the way out."""
    with statements(db) as sent, pytest.raises(UsageError, match=words):
        await call()

    assert sent == []


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: User.query().group_by("nme"), UnknownFieldError),
        (lambda: User.query().group_by("age").order_by("-user").values(users=Count()), UnknownFieldError),
        (lambda: User.query().group_by("age").having(user__gt=1).values(users=Count()), UnknownFieldError),
        (lambda: User.query().group_by("age").having(users__gtt=1).values(users=Count()), UnknownLookupError),
        (lambda: User.query().group_by("age").values(posts=Count("psts")), UnknownFieldError),
        (lambda: User.query().values("id", posts=Count("posts", where=Q(titel="x"))), UnknownFieldError),
    ],
)
async def test_unknown_names(db: Database, call: Callable[[], Any], error: type[UsageError]) -> None:
    """A wrong name is refused before any SQL, with the nearest one."""
    with statements(db) as sent, pytest.raises(error, match="did you mean"):
        await call()

    assert sent == []
