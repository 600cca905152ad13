"""Relations whose first rows alone are included: `include("comments", order_by="-id", limit=3)`."""

import pickle
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from activerow import Database, Q
from activerow.aggregates import Count
from activerow.errors import NotLoadedError, UnknownFieldError, UsageError
from tests.models import library
from tests.models.blog import Base, Comment, Post, Seat, Tag, Ticket, User
from tests.models.library import Author, Book, Review
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Post 1 has comments 1 to 5, post 2 comment 6, post 3 none; posts 1 and 2 have the tags a, b, c."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in ((1, "ada"), (2, "bob")):
            await User.create(id=id_, email=f"{id_}@x.org", name=name)
        tags = [await Tag.create(id=id_, name=name) for id_, name in enumerate("abc", start=1)]
        for id_ in (1, 2, 3):
            await Post.create(id=id_, title=f"t{id_}", user_id=1, tags=tags if id_ < 3 else [])
        for id_ in range(1, 7):
            await Comment.create(id=id_, body="xy"[id_ % 2], post_id=1 if id_ < 6 else 2, author_id=1 + id_ % 2)
    return db


def ids(rows: Any) -> list[int]:
    """The keys of the rows."""
    return [row.id for row in rows]


async def test_the_latest_of_each_row_in_one_statement(db: Database) -> None:
    """Newest first, two of each; who has fewer shows fewer, and what stands behind them is loaded along."""
    query = Post.order_by("id").include("comments", order_by="-id", limit=2).include("comments.author", "user")

    with statements(db) as sent:
        posts = await query.all()

    assert [ids(post.comments) for post in posts] == [[5, 4], [6], []]
    assert [comment.author.name for comment in posts[0].comments if comment.author] == ["bob", "ada"]
    assert posts[0].user is not None
    assert len([sql for sql in sent if sql.startswith("SELECT")]) == 2
    assert ids(pickle.loads(pickle.dumps(posts[0])).comments) == [5, 4]


async def test_conditions_orders_and_limits_together(db: Database) -> None:
    """A condition narrows before the limit; an order across a relation; an order alone; the relation's own order."""

    async def first(**options: Any) -> list[int]:
        return ids((await Post.order_by("id").include("comments", **options).all())[0].comments)

    assert await first(where=Q(body="y"), order_by="-id", limit=2) == [5, 3]
    assert await first(where=Q(author__name="ada"), limit=1) == [2]
    assert await first(order_by=["author__name", "-id"], limit=3) == [4, 2, 5]
    assert await first(order_by=[Comment.body.desc(), Comment.id], limit=2) == [1, 3]
    assert await first(order_by="-id") == [5, 4, 3, 2, 1]
    assert await first(limit=2) == [1, 2]
    assert await first(limit=0) == []


async def test_members_of_several_rows_are_ranked_for_each(db: Database) -> None:
    """A tag may be among the first of one post and not of another one; composite keys count as one."""
    posts = await Post.order_by("id").include("tags", order_by="-name", limit=2).all()
    assert [[tag.name for tag in post.tags] for post in posts] == [["c", "b"], ["c", "b"], []]
    tags = await Tag.order_by("id").include("posts", order_by="-id", limit=1).all()
    assert [ids(tag.posts) for tag in tags] == [[2], [2], [2]]
    for number in (1, 2):
        await Seat.create(row=1, number=number, hall="h", code=str(number))
        for _ in range(2):
            await Ticket.create(seat_row=1, seat_number=number)
    seats = await Seat.order_by("number").include("tickets", order_by="-id", limit=1).all()
    assert [ids(seat.tickets) for seat in seats] == [[2], [4]]


async def test_on_every_level(db: Database) -> None:
    """The first posts of each author, and the last comment of each of these."""
    latest = User.order_by("id").include("posts", order_by="-id", limit=2)

    users = await latest.include("posts.comments", order_by="-id", limit=1).all()

    assert [[(post.id, ids(post.comments)) for post in user.posts] for user in users] == [[(3, []), (2, [6])], []]
    plain = await User.order_by("id").include("posts.comments", order_by="-id", limit=1).all()
    assert [ids(post.comments) for post in plain[0].posts] == [[5], [6], []]


async def test_every_terminal(db: Database) -> None:
    """Pages, streams and single rows, with computed values beside."""
    query: Any = Post.order_by("id").include("comments", order_by="-id", limit=1).annotate(replies=Count("comments"))

    assert ids((await query.after(size=1)).items[0].comments) == [5]
    assert [(ids(post.comments), post.replies) for post in (await query.page(1, 2)).items] == [([5], 5), ([6], 1)]
    assert [ids(post.comments) async for post in query.stream(batch=2)] == [[5], [6], []]
    assert ids((await query.get(1)).comments) == [5]
    async with db.transaction():
        assert [ids(post.comments) async for post in query.stream(batch=2)] == [[5], [6], []]


async def test_the_relation_is_a_part_and_knows_it(db: Database) -> None:
    """No list replaces it, `load` reads the whole; a held row shows what the last query asked for."""
    query = Post.query().include("comments", order_by="-id", limit=2)
    post = await query.get(1)

    with pytest.raises(UsageError, match="included in part"):
        await post.update(comments=[])
    await post.load("comments")
    assert ids(post.comments) == [1, 2, 3, 4, 5]
    async with db.transaction():
        held = await Post.query().include("comments").get(1)
        await query.get(1)
        assert ids(held.comments) == [5, 4]
        held.comments.append(Comment(id=9, body="new"))
        await query.get(1)
        assert 9 in ids(held.comments)
    assert await Comment.filter_by(post_id=1).count() == 6
    ordered = await Post.query().include("comments", order_by="-id").get(2)
    await ordered.update(comments=[ordered.comments[0]])


async def test_own_statements_include_them_too(db: Database) -> None:
    """`from_statement` says which rows, `include` what of their relations."""
    query = Post.query().include("comments", order_by="-id", limit=1)

    posts = await query.from_statement(select(Post).order_by(Post.id)).all()

    assert [ids(post.comments) for post in posts] == [[5], [6], []]


async def test_mistakes_are_refused(db: Database) -> None:
    """One row, unknown keys, no number, two ways for one path."""
    with pytest.raises(UsageError, match="leads to one row"):
        Post.query().include("user", limit=1)
    with pytest.raises(UnknownFieldError):
        Post.query().include("comments", order_by="-idd")
    with pytest.raises(UsageError, match="whole number"):
        Post.query().include("comments", limit=-1)
    with pytest.raises(UsageError, match="names no relation"):
        Post.query().include(limit=1)
    with pytest.raises(UsageError, match="asked for twice"):
        Post.query().include("comments").include("comments", limit=1)
    with pytest.raises(UsageError, match="of the related rows alone"):
        Post.query().include("comments", order_by=User.name)
    with pytest.raises(UsageError, match="both say how to load it"):
        await Post.query().include("comments", limit=1).options(selectinload(Post.comments)).all()
    with pytest.raises(NotLoadedError):
        _ = (await Post.query().include("comments", limit=1).get(1)).tags


async def test_deleted_rows_take_no_place(make_database: MakeDatabase) -> None:
    """The latest that are there, unless the deleted ones are asked for."""
    await make_database(library.Base)
    author = await Author.create(name="Ada")
    book = await Book.create(title="t", author=author)
    reviews = [await Review.create(book=book, stars=stars) for stars in (1, 2, 3)]
    await reviews[2].delete()

    query = Author.query().include("books.reviews", order_by="-id", limit=2)
    (found,) = await query.all()
    assert [review.stars for review in found.books[0].reviews] == [2, 1]
    (found,) = await query.with_deleted(Review).all()
    assert [review.stars for review in found.books[0].reviews] == [3, 2]
