"""A query inside of SQL, and SQL inside of a query."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, text

from activerow import Database, Q
from activerow.errors import MultipleRecordsError, NotLoadedError, RecordNotFoundError, UsageError
from activerow.query import Query
from tests.models import blog
from tests.models.blog import Base, Post, Seat, Ticket
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements

User: Any = blog.User
"""Type checkers find most of these mistakes, and are not asked here."""


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Ada has two posts, Bob one, Cy none; Bob's boss is Ada."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in enumerate(["ada", "bob", "cy"], start=1):
            await User.create(id=id_, email=f"{name}@x.org", name=name, boss_id=1 if id_ == 2 else None)
        for id_, user_id in enumerate([1, 1, 2], start=1):
            await Post.create(id=id_, title=f"t{id_}", user_id=user_id, published=id_ != 2)
        for number in (1, 2):
            await Seat.create(row=1, number=number, hall="h", code=str(number))
        await Ticket.create(id=1, seat_row=1, seat_number=2)
    return db


async def ids(query: Query[Any]) -> list[int]:
    """The keys of the rows, sorted."""
    return sorted(row.id for row in await query.all())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Post.filter_by(user__in=User.filter_by(name="ada")), [1, 2]),
        (lambda: Post.filter_by(user__not_in=User.filter_by(name="ada")), [3]),
        (lambda: Post.filter_by(user_id__in=User.filter_by(name__startswith="b")), [3]),
        (lambda: User.filter_by(id__in=Post.filter_by(published=True).select("user_id")), [1, 2]),
        (lambda: User.filter_by(id__not_in=Post.query().select("user_id")), [3]),
        (lambda: User.filter_by(name__in=Post.query().select("user__name")), [1, 2]),
        (lambda: User.filter_by(posts__in=Post.filter_by(title="t3")), [2]),
        (lambda: User.filter_by(posts__not_in=Post.filter_by(title="t3")), [1, 3]),
        (lambda: User.filter_by(staff__posts__in=Post.query()), [1]),
        (lambda: User.where(~Q(id__in=User.filter_by(name="cy"))), [1, 2]),
        (lambda: Post.filter_by(id__in=Post.order_by("-id").limit(2)), [2, 3]),
        (lambda: User.filter_by(id__in=Post.order_by("-id").limit(1).select("user_id")), [2]),
        (lambda: Post.filter_by(user__in=User.order_by("id").offset(1).limit(1)), [3]),
        (lambda: Post.filter_by(user__in=User.query().none()), []),
        (lambda: Ticket.filter_by(seat__in=Seat.filter_by(code="2")), [1]),
        (lambda: Ticket.filter_by(seat__in=Seat.filter_by(code="1")), []),
        (lambda: User.filter_by(id__in=select(Post.user_id).where(Post.id == 3)), [2]),
    ],
)
async def test_a_query_as_the_value_of_in(db: Database, make: Callable[[], Query[Any]], expected: list[int]) -> None:
    """It is a subquery, of its primary key or of a column that is named; nothing is read before."""
    with statements(db) as sent:
        assert await ids(make()) == expected

    assert len([sql for sql in sent if sql.startswith("SELECT")]) == 1
    assert await make().count() == len(expected)


async def test_a_query_narrows_what_is_changed(db: Database) -> None:
    """Also where the server would not read the table that it writes."""
    assert await Post.filter_by(id__in=Post.filter_by(published=True).order_by("-id").limit(1)).update(title="x") == 1
    assert await User.filter_by(id__in=Post.query().select("user_id"), name="bob").update(age=3) == 1
    assert await Post.filter_by(user__in=User.filter_by(age=3)).delete() == 1
    assert await Post.query().pluck("id") == [1, 2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Ticket.filter_by(id__in=Seat.query()), "one column"),
        (lambda: User.filter_by(id__in=Post.query().select("id", "user_id")), "one column"),
        (lambda: Post.filter_by(user__in=Post.query()), "rows of User"),
        (lambda: Post.filter_by(user__in=User.query().select("id")), "rows of User"),
        (lambda: Post.filter_by(user=User.query()), "takes a User row, not Query"),
        (lambda: User.query().select(func.max(User.id)), "no name"),
        (lambda: User.query().select("posts"), "many rows|must end at a column"),
    ],
)
def test_a_query_that_is_no_such_value_is_refused(call: Callable[[], Any], words: str) -> None:
    """The error says what the lookup takes."""
    with pytest.raises(UsageError, match=words):
        call()


async def test_select_is_for_sql_of_ones_own(db: Database) -> None:
    """An inert SELECT with the lookups applied, whose columns have the names that were asked for."""
    posts = Post.filter_by(user__name="ada").select("user_id", "user__name", Post.title.label("t")).cte()
    found = select(User.name, posts.c.user__name, posts.c.t).join(posts, posts.c.user_id == User.id)

    async with db.transaction() as session:
        assert sorted(tuple(row) for row in await session.execute(found)) == [
            ("ada", "ada", "t1"),
            ("ada", "ada", "t2"),
        ]
        assert [row.id for row in await session.scalars(User.order_by("-id").limit(2).select())] == [3, 2]
    assert await User.query().join(posts, posts.c.user_id == User.id).pluck("id") == [1]


# --- statements of one's own ------------------------------------------------------------------------------------------


async def test_rows_by_a_statement_of_ones_own(db: Database) -> None:
    """They are rows like any other, in the order of the statement; relations may be included."""
    by_text = User.query().from_statement(
        text("SELECT * FROM users WHERE id < :most ORDER BY id DESC").bindparams(most=3)
    )
    by_select = Post.query().include("user").from_statement(select(Post).where(Post.id > 1).order_by(Post.id))

    assert [user.name for user in await by_text.all()] == ["bob", "ada"]
    assert [(post.id, post.user.name) for post in await by_select.all() if post.user] == [(2, "ada"), (3, "bob")]
    with statements(db) as sent:
        assert [len(user.posts) for user in await by_text.include("posts").all()] == [1, 2]
    assert len([sql for sql in sent if sql.startswith("SELECT")]) == 2
    first = await by_text.first()
    assert first is not None
    with pytest.raises(NotLoadedError):
        _ = first.posts
    await (await by_text.all())[0].update(name="Bob")
    assert await User.filter_by(name="Bob").count() == 1


async def test_one_row_by_a_statement_of_ones_own(db: Database) -> None:
    """There is one, or the error that `one` has."""
    found = User.query().from_statement(select(User).where(User.id == 1))
    none = User.query().from_statement(select(User).where(User.id == 9))
    two = User.query().from_statement(select(User).where(User.id < 3))

    assert (await found.one()).name == "ada"
    assert (await none.first(), await none.one_or_none()) == (None, None)
    with pytest.raises(RecordNotFoundError):
        await none.one()
    with pytest.raises(MultipleRecordsError):
        await two.one_or_none()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: User.filter_by(id=1).from_statement(select(User)), "conditions"),
        (lambda: User.order_by("id").limit(2).from_statement(select(User)), "order_by, limit"),
        (lambda: User.query().join(User.posts).from_statement(select(User)), "join"),
        (lambda: User.query().from_statement("SELECT * FROM users"), "not a str"),
        (lambda: User.query().from_statement(User.query()), "not a Query"),
    ],
)
def test_a_statement_of_ones_own_says_which_rows(call: Callable[[], Any], words: str) -> None:
    """Conditions and orders beside it would be dropped."""
    with pytest.raises(UsageError, match=words):
        call()


# --- reverse ----------------------------------------------------------------------------------------------------------


async def test_reverse_is_the_opposite_order(db: Database) -> None:
    """Of keys in any direction, and of the primary key where there are none; twice is as before."""
    assert await User.query().reverse().pluck("id") == [3, 2, 1]
    assert await User.order_by("boss__name", "-id").reverse().reverse().pluck("id") == await User.order_by(
        "boss__name", "-id"
    ).pluck("id")
    assert await User.order_by("-name").reverse().limit(1).pluck("name") == ["ada"]
    with pytest.raises(UsageError, match=r"reverse\(\) of a query with limit"):
        User.query().limit(2).reverse()


# --- what a query is not ----------------------------------------------------------------------------------------------


async def test_who_awaits_a_query_is_told_the_terminal() -> None:
    """A query that is awaited, looped over or tested would otherwise be true, or an error about Python."""
    query = User.filter_by(name="ada")
    for use, words in (
        (lambda: bool(query), r"await query.exists\(\)"),
        (lambda: len(query), r"await query.count\(\)"),
        (lambda: list(query), r"await query.all\(\)"),
        (lambda: query[0:3], r"query.offset"),
    ):
        with pytest.raises(UsageError, match=words):
            use()
    with pytest.raises(UsageError, match="await one of its terminals"):
        await query
    with pytest.raises(UsageError, match=r"query.stream\(\)"):
        async for _ in query:
            pass


def test_who_asks_the_model_for_what_a_query_does_is_told_the_word_between() -> None:
    """The names stay free for columns."""
    for name in ("all", "first", "count", "page"):
        with pytest.raises(AttributeError, match=rf"User\.query\(\)\.{name}"):
            getattr(User, name)
    assert not hasattr(User, "count")
    with pytest.raises(AttributeError, match=r"no attribute 'nmae'$"):
        _ = User.nmae
