"""Relations that are included in part: `include("posts", where=...)`."""

import pickle
from typing import Any

import pytest
from sqlalchemy import inspect

from activerow import Database, Q
from activerow.errors import UnknownFieldError, UsageError
from tests.models.blog import Base, Comment, Post, Tag, User, post_tags
from tests.models.bookshop import Base as ShopBase
from tests.models.bookshop import Folder
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Ada has two published posts and a draft, Bob a draft; the first post has comments, and each two tags."""
    db = await make_database(Base)
    async with db.transaction() as session:
        for id_ in (1, 2):
            await User.create(id=id_, email=f"{id_}@x.org", boss_id=id_ - 1 or None)
            await Tag.create(id=id_, name=f"tag {id_}")
        for id_, user_id in enumerate([1, 1, 1, 2], start=1):
            await Post.create(id=id_, title=f"t{id_}", user_id=user_id, published=id_ < 3)
        for id_, author_id in [(1, 1), (2, 2)]:
            await Comment.create(id=id_, body="b", post_id=1, author_id=author_id)
        links = [{"post_id": post, "tag_id": tag, "position": tag} for post in (1, 2, 3) for tag in (1, 2)]
        await session.execute(post_tags.insert(), links)
    return db


def ids(rows: Any) -> list[int]:
    """The keys of the rows."""
    return [row.id for row in rows]


async def test_only_chosen_rows_are_loaded(db: Database) -> None:
    """Lookups, groups and SQL choose; parents stay, in one statement more."""
    choices: list[Any] = [Q(published=True), Post.published, Q(published=True) & (Post.id < 9)]
    for where in choices:
        with statements(db) as sent:
            users = await User.query().include("posts", where=where).order_by("id").all()

        assert [ids(user.posts) for user in users] == [[1, 2], []]
        assert len([sql for sql in sent if sql.startswith("SELECT")]) == 2


async def test_conditions_on_every_level(db: Database) -> None:
    """Each path has its own, across relations, for tags between tables, and for a relation to the same model."""
    query = (
        User.query()
        .include(User.posts, where=Q(tags__id=1, published=True))
        .include("posts.comments", where=Q(author__id=2))
        .include("posts.tags", where=Tag.id > 1)
        .include("posts.comments.author", "boss")
        .include("staff", where=Q(posts__published=False))
    )

    ada = await query.order_by("id").first()

    assert ada is not None
    assert ids(ada.posts) == [1, 2]
    assert [ids(post.comments) for post in ada.posts] == [[2], []]
    assert [ids(post.tags) for post in ada.posts] == [[2], [2]]
    assert ada.posts[0].comments[0].author is not None
    assert ids(ada.staff) == [2]


async def test_the_values_of_a_condition_are_not_cached(db: Database) -> None:
    """The same path with another value is another query."""
    answers = [(await User.query().include("posts", where=Q(id__gt=low)).get(1)).posts for low in (0, 1, 2)]

    assert [ids(posts) for posts in answers] == [[1, 2, 3], [2, 3], [3]]


def test_wrong_conditions_are_refused() -> None:
    """Names are those of the related model; one row cannot be left out; a path has one condition."""
    with pytest.raises(UnknownFieldError, match="Post has no field 'publshed'; did you mean 'published'"):
        User.query().include("posts", where=Q(publshed=True))
    with pytest.raises(UsageError, match="leads to one row"):
        User.query().include("boss", where=Q(age=1))
    with pytest.raises(UsageError, match="asked for twice"):
        User.query().include("posts").include("posts", where=Q(id=1))
    with pytest.raises(UsageError, match="says nothing"):
        User.query().include("posts", where=Q())
    with pytest.raises(UsageError, match=r"include\('posts', where="):
        User.query().include(User.posts.and_(Post.published))


async def test_a_list_does_not_replace_what_it_cannot_see(db: Database) -> None:
    """It is refused before anything is set, also for a copy from a cache; single rows are added and taken out."""
    user = await User.query().include("posts", where=Q(published=True)).get(1)
    copy = pickle.loads(pickle.dumps(user))

    for row in (user, copy):
        with pytest.raises(UsageError, match="included in part"):
            await row.update(name="x", posts=[row.posts[0]])
        assert row.name is None
    await user.update(posts=Post(id=9, title="new"))

    assert ids(user.posts) == [1, 2, 9]
    assert await Post.filter_by(user_id=1).count() == 4


async def test_load_completes_the_relation(db: Database) -> None:
    """`load` and `refresh` read all of it, for the rows of the result together; then a list may replace it."""
    users = await User.query().include("posts", where=Q(published=True)).order_by("id").all()

    with statements(db) as sent:
        await users[0].load("posts")

    assert [ids(user.posts) for user in users] == [[1, 2, 3], [4]]
    assert len([sql for sql in sent if sql.startswith("SELECT")]) == 1
    again = await User.query().include("posts", where=Q(published=True)).get(1)
    await again.refresh("posts")
    await again.update(posts=again.posts[:2])
    assert await Post.filter_by(user_id=1).order_by("id").pluck("id") == [1, 2]


async def test_load_keeps_unsaved_members(db: Database) -> None:
    """A part with unsaved changes is not read over."""
    user = await User.query().include("posts", where=Q(published=True)).get(1)
    user.posts.append(Post(id=9, title="new"))

    with pytest.raises(UsageError, match="save"):
        await user.load("posts")
    await user.save()
    await user.load("posts")

    assert ids(user.posts) == [1, 2, 3, 9]


async def test_a_unit_shows_what_the_last_query_asked_for(db: Database) -> None:
    """Rows that the unit holds already show the part, and the whole again; rows that are not read keep theirs."""
    async with db.transaction():
        ada, bob = await User.query().include("posts").get_many([1, 2])
        assert ids(ada.posts) == [1, 2, 3]

        await User.query().include("posts", where=Q(published=True)).get(1)
        part = ids(ada.posts)
        await User.query().include("posts").get(1)

        assert (part, ids(ada.posts), ids(bob.posts)) == ([1, 2], [1, 2, 3], [4])


async def test_deleting_a_row_takes_all_of_its_relation_along(make_database: MakeDatabase) -> None:
    """What cascades goes by the database's rows, not by those that were shown."""
    await make_database(ShopBase)
    await Folder.create(id=1, name="root", children=[Folder(id=2, name="a"), Folder(id=3, name="b")])
    root = await Folder.query().include("children", where=Q(name="a")).get(1)

    await root.delete()

    assert await Folder.query().count() == 0


async def test_a_part_is_of_the_attribute_not_of_the_row(db: Database) -> None:
    """Other relations of the row are whole, and what is shown is committed state."""
    user = await User.query().include("posts", where=Q(published=True)).include("staff").get(1)

    await user.update(staff=[])

    assert await User.filter_by(boss_id=1).count() == 0
    assert not inspect(user).modified
