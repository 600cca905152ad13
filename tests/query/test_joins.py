"""`Query.join`: other tables by hand, and each row of the model once."""

import pytest
from sqlalchemy import func
from sqlalchemy.orm import aliased

from activerow import Database
from activerow.errors import UsageError
from tests.models.blog import Base, Comment, Post, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Ada has three posts and Bob one; Cy has none. Bob's boss is Ada."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in enumerate(["ada", "bob", "cy"], start=1):
            await User.create(id=id_, email=f"{name}@x.org", name=name, balance=100, boss_id=1 if id_ == 2 else None)
        for id_, user_id in enumerate([1, 1, 1, 2], start=1):
            await Post.create(id=id_, title=f"t{id_}", user_id=user_id, published=id_ != 2)
        await Comment.create(id=1, body="b", post_id=1)
        await Comment.create(id=2, body="b", post_id=1)
    return db


async def test_a_row_comes_once_and_counts_once(db: Database) -> None:
    """Joined rows repeat nothing: not rows, limits, counts, keys or sums of the model's columns."""
    query = User.query().join(User.posts).order_by("id")

    assert [user.id for user in await query.all()] == [1, 2]
    assert [user.id for user in await query.limit(2).all()] == [1, 2]
    assert [user.id for user in await query.offset(1).all()] == [2]
    assert await query.count() == 2
    assert await query.exists()
    assert await query.pluck("id") == [1, 2]
    assert await query.sum("balance") == 200
    assert (await query.where(Post.id < 4).one()).id == 1
    assert (await query.get(2)).id == 2
    last = await query.last()
    assert last is not None
    assert last.id == 2


async def test_joined_columns_come_once_for_each_joined_row(db: Database) -> None:
    """`values`, `pluck` and aggregates of another table see its rows."""
    query = User.query().join(User.posts).order_by(Post.id)

    assert await query.pluck(Post.title) == ["t1", "t2", "t3", "t4"]
    assert await query.limit(2).values("name", Post.title) == [
        {"name": "ada", "title": "t1"},
        {"name": "ada", "title": "t2"},
    ]
    assert await User.query().join(User.posts).max(Post.id) == 4
    assert await User.query().join(User.posts).sum(Post.id) == 10


async def test_order_by_what_is_joined(db: Database) -> None:
    """An aggregate sorts the rows, also beside a path across a relation."""
    newest = func.max(Post.id)

    latest = await User.query().join(User.posts).order_by(newest.desc()).all()
    with_boss = await User.query().join(User.posts).order_by("boss__name", newest).include("boss", "posts").all()

    assert [user.id for user in latest] == [2, 1]
    assert {user.id: user.boss.name if user.boss else None for user in with_boss} == {1: None, 2: "ada"}
    assert {user.id: len(user.posts) for user in with_boss} == {1: 3, 2: 1}


async def test_conditions_outer_joins_and_aliases(db: Database) -> None:
    """A condition of one's own, rows without a match, chains, and the same table twice."""
    other = aliased(Post)
    on = (Post.user_id == User.id) & Post.published
    both = User.query().join(Post, on).join(other, (other.user_id == User.id) & (other.id > Post.id))

    assert await User.query().join(User.posts, outer=True).where(Post.id.is_(None)).pluck("name") == ["cy"]
    assert await User.query().join(User.posts).join(Post.comments).count() == 1
    assert await both.pluck("name") == ["ada"]
    assert await User.query().join(Post, Post.title == "t2").where(Post.user_id == User.id).count() == 1


async def test_changes_mean_the_rows_of_the_model(db: Database) -> None:
    """UPDATE and DELETE go by key, and count rows of the model."""
    query = User.query().join(User.posts)

    assert await query.where(Post.published).update(name="writer") == 2
    assert await User.query().join(User.posts, outer=True).where(Post.id.is_(None)).delete() == 1
    with pytest.raises(UsageError, match="all_rows=True"):
        await query.delete()


async def test_what_a_join_cannot_mean_is_refused(db: Database) -> None:
    """Names are for lookups; rows that are grouped cannot be locked. Nothing is sent."""
    with statements(db) as sent:
        with pytest.raises(UsageError, match=r"like User.posts"):
            User.query().join("posts")
        with pytest.raises(UsageError, match="cannot be locked"):
            await User.query().join(User.posts).for_update().all()

    assert not [sql for sql in sent if sql.startswith("SELECT")]
