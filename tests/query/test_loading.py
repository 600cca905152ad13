"""Loading relations: with the query (`include`), and afterwards for all rows of its result (`load`)."""

import asyncio
import gc
import pickle
import weakref

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import selectinload

from activerow import Database
from activerow.errors import NotLoadedError, SessionConflictError, UnknownFieldError, UsageError
from tests.models.blog import Base, Comment, Passport, Post, Seat, Tag, Ticket, User, post_tags
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Three authors: the first has two posts, one of them with comments and tags; the second has one post."""
    db = await make_database(Base)
    async with db.transaction() as session:
        for id_ in (1, 2, 3):
            await User.create(id=id_, email=f"{id_}@x.org", boss_id=id_ - 1 or None)
        for id_, user_id in [(1, 1), (2, 1), (3, 2)]:
            await Post.create(id=id_, title=f"post {id_}", user_id=user_id, published=id_ != 2)
        for id_, post_id in [(1, 1), (2, 1), (3, 3)]:
            await Comment.create(id=id_, body="b", post_id=post_id, author_id=id_)
        await Passport.create(id=1, number="P", user_id=2)
        for id_ in (1, 2):
            await Tag.create(id=id_, name=f"tag {id_}")
        links = [{"post_id": 1, "tag_id": id_, "position": id_} for id_ in (1, 2)]
        await session.execute(post_tags.insert(), links)
    return db


def selects(sent: list[str]) -> int:
    """How many of the statements read."""
    return len([sql for sql in sent if sql.startswith("SELECT")])


# --- include --------------------------------------------------------------------------------------------------------


async def test_include_loads_to_one_by_join_and_to_many_by_a_second_select(db: Database) -> None:
    """However many relations are included, a limit counts parents and no row is repeated."""
    query = User.query().include("posts.comments.author", User.boss, "passport").order_by("id").limit(2)

    with statements(db) as sent:
        first, second = await query.all()

    assert selects(sent) == 3
    assert [[len(post.comments) for post in user.posts] for user in (first, second)] == [[2, 0], [1]]
    author = first.posts[0].comments[1].author
    assert author is not None
    assert author.id == 2
    assert (first.boss, second.boss, first.passport) == (None, first, None)
    assert second.passport is not None


async def test_include_of_the_same_path_twice_is_once(db: Database) -> None:
    """Repeated and overlapping paths add up."""
    with statements(db) as sent:
        users = await User.query().include("posts", User.posts).include("posts.comments").order_by("id").all()

    assert selects(sent) == 3
    assert len(users[0].posts[0].comments) == 2


async def test_include_fills_rows_that_the_unit_holds(db: Database) -> None:
    """A row that was read without the relation gets it; one object per row stays."""
    async with db.transaction():
        user = await User.get(1)

        found = await User.query().include("posts").get(1)

        assert found is user
        assert [post.id for post in user.posts] == [1, 2]


async def test_what_is_not_included_is_not_loaded(db: Database) -> None:
    """Reading it raises, and names the path and the cure."""
    user = await User.get(1)

    with pytest.raises(NotLoadedError, match=r'load\("posts"\)'):
        _ = user.posts


# --- load: which relations ------------------------------------------------------------------------------------------


async def test_load_every_kind_of_relation(db: Database) -> None:
    """To-one, to-many, many-to-many, one-to-one, self-referential, and with a condition of its own; in order."""
    user = await User.get(1)
    post = await Post.get(1)

    await user.load("posts", "passport", "boss", "staff", "published")
    await post.load(Post.tags, Post.user, "comments")

    assert [row.id for row in user.posts] == [1, 2]
    assert (user.passport, user.boss) == (None, None)
    assert [row.id for row in user.staff] == [2]
    assert [row.id for row in user.published] == [1]
    assert [row.id for row in post.tags] == [2, 1]
    assert post.user is not None
    assert post.user.id == 1


async def test_load_by_a_composite_key(db: Database) -> None:
    """Keys of several columns, also where one of them is NULL."""
    seats = [await Seat.create(row=1, number=number, hall="h", code=str(number)) for number in (1, 2)]
    await Ticket.create(seat_row=1, seat_number=2)
    await Ticket.create(seat_row=1, seat_number=None)

    tickets = await Ticket.order_by("id").all()
    await tickets[0].load("seat")
    rows = await Seat.order_by("number").all()
    await rows[0].load("tickets")

    assert [ticket.seat.number if ticket.seat else None for ticket in tickets] == [2, None]
    assert [len(row.tickets) for row in rows] == [0, 1]
    assert len(seats) == 2


async def test_load_nested_paths(db: Database) -> None:
    """Each level costs one statement; what is loaded already costs none."""
    user = await User.get(1)

    with statements(db) as sent:
        await user.load("posts.comments.author", "posts.tags")
    with statements(db) as again:
        await user.load("posts.comments.author", "posts.tags")

    assert (selects(sent), again) == (4, [])
    assert [len(post.comments) for post in user.posts] == [2, 0]
    assert user.posts[0].comments[0].author is not None
    assert [len(post.tags) for post in user.posts] == [2, 0]


async def test_load_refuses_what_is_no_relation(db: Database) -> None:
    """Wrong names, columns and relations of other models are errors before anything is sent."""
    user = await User.get(1)

    with pytest.raises(UnknownFieldError, match="did you mean 'posts'"):
        await user.load("post")
    with pytest.raises(UnknownFieldError, match="Post has no field 'coments'"):
        await user.load("posts.coments")
    with pytest.raises(UsageError, match=r"is a column.*refresh\('bio'\)"):
        await user.load("bio")
    with pytest.raises(UsageError, match="write the whole path"):
        await user.load(Post.comments)
    with pytest.raises(UsageError, match="save"):
        await User(email="new").load("posts")


# --- load: which rows -----------------------------------------------------------------------------------------------


async def test_load_serves_the_rows_of_the_result(db: Database) -> None:
    """A loop that loads row by row costs one statement per relation, not per row."""
    users = await User.order_by("id").all()

    with statements(db) as sent:
        for user in users:
            await user.load("posts.comments")

    assert selects(sent) == 2
    assert [[len(post.comments) for post in user.posts] for user in users] == [[2, 0], [1], []]


async def test_load_serves_rows_that_were_included_or_loaded(db: Database) -> None:
    """The posts of several users are one result too, whichever way they came."""
    users = await User.query().include("posts").order_by("id").all()
    others = await User.order_by("id").all()
    await others[0].load("posts")

    for rows in (users, others):
        with statements(db) as sent:
            for user in rows:
                for post in user.posts:
                    await post.load("comments")
        assert selects(sent) == 1


async def test_load_asks_for_500_rows_at_a_time(db: Database) -> None:
    """One statement for every 500 rows of the result."""
    async with db.transaction() as session:
        session.add_all([User(id=id_, email=f"{id_}@y.org") for id_ in range(10, 610)])
    users = await User.query().all()

    with statements(db) as sent:
        await users[0].load("posts")

    assert selects(sent) == 2
    assert sum(len(user.posts) for user in users) == 3


async def test_to_one_relations_share_the_related_row(db: Database) -> None:
    """Two posts of one author lead to one object; in a unit that holds it, without a statement."""
    posts = await Post.order_by("id").all()
    await posts[0].load("user")
    assert posts[0].user is posts[1].user

    async with db.transaction():
        author = await User.get(1)
        post = await Post.get(1)
        with statements(db) as sent:
            await post.load("user")
        assert (post.user is author, sent) == (True, [])


async def test_changed_rows_of_the_result_are_left_alone(db: Database) -> None:
    """Only the row itself is loaded when it has changes; others that have are passed over."""
    posts = await Post.order_by("id").all()
    posts[0].user_id = 3
    posts[2].title = "changed"

    await posts[0].load("user")

    assert posts[0].user is not None
    assert posts[1].user is not None
    assert (posts[0].user.id, posts[1].user.id) == (3, 1)
    with pytest.raises(NotLoadedError):
        _ = posts[2].user


async def test_rows_of_another_unit_are_left_alone(db: Database) -> None:
    """A row of the result that is attached elsewhere by now keeps what it has."""
    users = await User.order_by("id").all()
    async with db.transaction() as session:
        session.add(users[1])

        async def outside() -> None:
            async with db.detached():
                await users[0].load("posts")

        await asyncio.create_task(outside())
        assert [post.id for post in users[0].posts] == [1, 2]
        with pytest.raises(NotLoadedError):
            _ = users[1].posts


async def test_a_lone_call_gives_detached_rows(db: Database) -> None:
    """The related rows of a row outside any unit are outside too, and usable."""
    user = await User.get(1)

    await user.load("posts")

    assert inspect(user).detached
    assert all(inspect(post).detached for post in user.posts)
    assert await user.posts[0].update(title="changed") is not None


async def test_what_leads_back_to_a_row_of_the_result_is_that_row(db: Database) -> None:
    """Rows outside any unit are put together: one object per row, as far as they are known."""
    users = await User.order_by("id").all()

    await users[0].load("posts.user", "boss", "staff")

    assert users[0].posts[0].user is users[0]
    assert users[1].boss is users[0]
    assert users[0].staff == [users[1]]


async def test_in_a_unit_the_related_rows_belong_to_it(db: Database) -> None:
    """They are the unit's one object of each row."""
    async with db.transaction() as session:
        users = await User.order_by("id").all()
        await users[0].load("posts")

        assert await Post.get(1) is users[0].posts[0]
        assert all(post in session for user in users for post in user.posts)
        users[0].posts[0].title = "changed"
    assert (await Post.get(1)).title == "changed"


async def test_a_detached_row_is_loaded_in_the_open_unit(db: Database) -> None:
    """What is committed later by others does not matter: the unit's own work does."""
    user = await User.get(3)

    async with db.transaction():
        await Post.create(id=9, title="not committed yet", user_id=3)
        await user.load("posts")

        assert [post.title for post in user.posts] == ["not committed yet"]


async def test_load_of_an_attached_row_flushes_first(db: Database) -> None:
    """Pending changes are seen, as by any query of the session."""
    async with db.transaction() as session:
        user = await User.get(3)
        session.add(Post(id=9, title="new", user_id=3))

        await user.load("posts")

        assert [post.title for post in user.posts] == ["new"]


async def test_a_foreign_key_that_was_changed_decides(db: Database) -> None:
    """A to-one relation is loaded by the row's own key, saved or not."""
    post = await Post.get(1)
    post.user_id = 2

    await post.load("user")

    assert post.user is not None
    assert post.user.id == 2


async def test_load_keeps_what_was_appended(db: Database) -> None:
    """A row given for a to-many relation that was not loaded is still there after loading it."""
    async with db.transaction():
        user = await User.get(1)
        user.fill(posts=Post(id=9, title="appended"))

        await user.load("posts")

        assert [post.title for post in user.posts] == ["post 1", "post 2", "appended"]
    assert await Post.filter_by(user_id=1).count() == 3


async def test_load_takes_rows_of_a_session_of_the_callers(db: Database) -> None:
    """A row is loaded in its own session; a session given beside another one is refused."""
    async with db.transaction(read_only=True, independent=True) as session:
        user = await User.get(1, session=session)
        await user.load("posts")
        assert user.posts[0] in session
        async with db.transaction(independent=True) as other:
            with pytest.raises(SessionConflictError):
                await user.load("staff", session=other)


# --- load: at the same time -----------------------------------------------------------------------------------------


async def test_tasks_that_load_the_same_relation_share_one_statement(db: Database) -> None:
    """`gather` over the rows of a result is as cheap as a loop."""
    users = await User.order_by("id").all()

    with statements(db) as sent:
        await asyncio.gather(*[user.load("posts.comments") for user in users])

    assert selects(sent) == 2
    assert [[len(post.comments) for post in user.posts] for user in users] == [[2, 0], [1], []]


async def test_a_hundred_rows_cost_one_statement(db: Database) -> None:
    """In a loop and in a gather, outside units and inside; of 1,200 rows it is three statements."""
    async with db.transaction() as session:
        session.add_all([User(id=id_, email=f"{id_}@y.org") for id_ in range(1001, 2201)])
    hundred = User.order_by("id").limit(100)

    async def counted(rows: list[User], *, at_once: bool) -> int:
        with statements(db) as sent:
            if at_once:
                await asyncio.gather(*[row.load("posts") for row in rows])
            else:
                for row in rows:
                    await row.load("posts")
        return selects(sent)

    outside = [await counted(await hundred.all(), at_once=at_once) for at_once in (False, True)]
    async with db.transaction():
        inside = await counted(await hundred.all(), at_once=True)
    many = await counted(await User.order_by("-id").limit(1200).all(), at_once=True)

    assert (outside, inside, many) == ([1, 1], 1, 3)


async def test_tasks_in_one_unit_load_one_after_the_other(db: Database) -> None:
    """Inside a transaction the first task loads for all."""
    async with db.transaction():
        users = await User.order_by("id").all()
        with statements(db) as sent:
            await asyncio.gather(*[user.load("posts") for user in users])

    assert selects(sent) == 1


async def test_a_cancelled_load_does_not_stop_the_others(db: Database) -> None:
    """Who waited for a load that was given up does it."""
    users = await User.order_by("id").all()
    tasks = [asyncio.create_task(user.load("posts")) for user in users]
    await asyncio.sleep(0)
    tasks[0].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert results[1:] == users[1:]
    assert [len(user.posts) for user in users[1:]] == [1, 0]


# --- the batch ------------------------------------------------------------------------------------------------------


async def test_a_result_keeps_no_row_alive(db: Database) -> None:
    """Rows that nobody holds are gone, although the rest of their result is still there."""
    users = await User.order_by("id").all()
    kept, reference = users[0], weakref.ref(users[1])

    del users
    gc.collect()

    assert reference() is None
    await kept.load("posts")
    assert len(kept.posts) == 2


async def test_rows_of_a_result_can_be_pickled(db: Database) -> None:
    """A cache takes them one by one, and each can be loaded afterwards."""
    users = await User.order_by("id").all()

    copy = pickle.loads(pickle.dumps(users[0]))

    await copy.load("posts")
    assert [post.id for post in copy.posts] == [1, 2]


async def test_options_beyond_a_relation_are_sqlalchemys(db: Database) -> None:
    """`options()` takes what `include` does not: conditions on the related rows."""
    query = User.query().options(selectinload(User.posts.and_(Post.id > 1))).order_by("id")

    assert [[post.id for post in user.posts] for user in await query.all()] == [[2], [3], []]
