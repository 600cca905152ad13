"""`page` and `after`: what a page holds, what it costs, and what is refused."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload, with_loader_criteria

from activerow import Database
from activerow.errors import InvalidCursorError, InvalidPageError, NotLoadedError, UsageError
from activerow.paging import CursorPage, Page
from tests.models.blog import Base, Comment, Post, Seat, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements
from tests.tools.walking import backwards, both_ways, forwards, keys


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Five authors, two of each age; the first has three posts, the second one, all with the same title."""
    db = await make_database(Base)
    async with db.transaction() as session:
        for id_ in range(1, 6):
            session.add(User(id=id_, email=f"{id_}@x.org", name="ab"[id_ % 2], age=id_ // 2 * 10))
        await session.flush()
        for id_, user_id in enumerate([1, 1, 1, 2], start=1):
            session.add(Post(id=id_, title="same", published=id_ % 2 == 0, user_id=user_id))
    return db


def selects(sent: list[str]) -> list[str]:
    """The SELECTs among the statements."""
    return [statement for statement in sent if statement.startswith("SELECT")]


def ids(page: Page[Any] | CursorPage[Any]) -> list[int]:
    """The ids of a page's rows."""
    return [row.id for row in page]


# --- numbered pages -------------------------------------------------------------------------------------------------


async def test_a_page_has_its_rows_and_the_total(db: Database) -> None:
    """Items, number, size, total and pages, in two statements."""
    with statements(db) as sent:
        page = await User.query().page(2, size=2)

    assert (ids(page), page.number, page.size, page.total, page.pages) == ([3, 4], 2, 2, 5, 3)
    assert len(selects(sent)) == 2


async def test_pages_are_in_the_order_of_the_query_and_by_primary_key(db: Database) -> None:
    """Rows that are equal by the order asked for do not change places between pages."""
    assert [ids(await User.order_by("age").page(number, 2)) for number in (1, 2, 3)] == [[1, 2], [3, 4], [5]]
    assert [ids(await User.order_by("-age").page(number, 2)) for number in (1, 2, 3)] == [[5, 4], [3, 2], [1]]
    assert "ORDER BY posts.title, posts.id" in await first_select(db, Post.order_by("title").page())
    assert "ORDER BY posts.id DESC LIMIT" in await first_select(db, Post.order_by("-id").page())


async def first_select(db: Database, call: Any) -> str:
    """The first SELECT of a call, in one line and without quotes."""
    with statements(db) as sent:
        await call
    return " ".join(selects(sent)[0].replace("`", "").split())


async def test_a_page_beyond_the_end_is_empty(db: Database) -> None:
    """It tells the total all the same; the number may be of any size."""
    for number in (4, 2**30, 2**31, 2**62, 10**30):
        page = await User.query().page(number, size=2)

        assert (page.items, page.number, page.total, page.pages) == ([], number, 5, 3)


async def test_without_rows_there_is_no_page(db: Database) -> None:
    """`pages` is 0 then."""
    page = await User.filter_by(name="nobody").page()

    assert (page.items, page.number, page.size, page.total, page.pages) == ([], 1, 50, 0, 0)


async def test_limit_and_offset_bound_all_pages_together(db: Database) -> None:
    """A page is a part of the query's rows, not of the table's."""
    query = User.query().limit(3).offset(1)

    pages = [await query.page(number, 2) for number in (1, 2, 3)]

    assert [(ids(page), page.total, page.pages) for page in pages] == [([2, 3], 3, 2), ([4], 3, 2), ([], 3, 2)]
    assert (await User.query().limit(0).page()).total == 0


async def test_the_total_is_right_whatever_the_query_joins(db: Database) -> None:
    """Conditions and orders across relations, distinct and loader options multiply nothing."""
    joined = User.query().options(joinedload(User.posts))
    for query, expected, total in (
        (User.filter_by(posts__title="same"), [1, 2], 2),
        (Post.order_by("user__name"), [4, 1, 2], 4),
        (Post.order_by("-user__age", "title").distinct(), [4, 1, 2], 4),
        (joined, [1, 2, 3], 5),
        (User.query().include("posts.comments", "boss"), [1, 2, 3], 5),
        (User.where(User.id == Post.user_id).distinct(), [1, 2], 2),
        (User.query().options(with_loader_criteria(User, User.age > 0)), [2, 3, 4], 4),
        (User.query().only("id").defer("age"), [1, 2, 3], 5),
    ):
        page = await query.page(size=3)
        assert (ids(page), page.total) == (expected, total)
    assert [len(user.posts) for user in await joined.page(1, 2)] == [3, 1]


async def test_a_page_of_a_composite_key(db: Database) -> None:
    """All columns of the key make the order."""
    async with db.transaction() as session:
        session.add_all([Seat(row=row, number=2 - row, hall="h", code=str(row)) for row in (1, 0, 2)])

    assert [seat.row for seat in await Seat.query().page()] == [0, 1, 2]
    assert [seat.row for seat in await Seat.order_by("-hall").page()] == [2, 1, 0]


async def test_rows_of_a_page_can_be_locked(db: Database) -> None:
    """The count needs no lock, and takes none."""
    async with db.transaction():
        page = await User.query().for_update().page(size=2)
        assert (ids(page), page.total) == ([1, 2], 5)
        page.items[0].name = "changed"

        with pytest.raises(UsageError, match="has unsaved changes"):
            await User.query().for_update().page(size=2)


@pytest.mark.parametrize(("number", "size", "argument"), [(0, 5, "number"), (-1, 5, "number"), (1, 0, "size")])
async def test_numbers_below_one_are_refused(db: Database, number: int, size: int, argument: str) -> None:
    """The error names the argument and its bound, and nothing is sent."""
    with statements(db) as sent, pytest.raises(InvalidPageError, match=f"{argument} as a whole number from 1 on"):
        await User.query().page(number, size)

    assert sent == []


@pytest.mark.parametrize("value", ["2", 1.0, None, True])
async def test_what_is_no_number_is_refused(db: Database, value: Any) -> None:
    """Text and fractions are not guessed at."""
    with pytest.raises(InvalidPageError, match=r"page\(\) takes number"):
        await User.query().page(value)
    with pytest.raises(InvalidPageError, match=r"page\(\) takes size"):
        await User.query().page(1, value)
    with pytest.raises(InvalidPageError, match=r"after\(\) takes size"):
        await User.query().after(None, value)


async def test_a_page_may_be_larger_than_any_table(db: Database) -> None:
    """A size that no server could take as a LIMIT is all rows."""
    assert len(await User.query().page(1, 10**30)) == 5
    assert len(await User.query().after(None, 10**30)) == 5


# --- pages by cursor ------------------------------------------------------------------------------------------------


async def test_pages_follow_each_other(db: Database) -> None:
    """One statement each; the cursors are None where nothing is beyond."""
    first = await User.query().after(size=2)
    with statements(db) as sent:
        second = await User.query().after(first.next, size=2)
    third = await User.query().after(second.next, size=2)

    assert [ids(page) for page in (first, second, third)] == [[1, 2], [3, 4], [5]]
    assert (first.previous, third.next) == (None, None)
    assert len(selects(sent)) == 1


async def test_pages_lead_back(db: Database) -> None:
    """`previous` gives the rows before, in the same order."""
    third = (await forwards(User.order_by("-age")))[-1]

    back = await backwards(User.order_by("-age"), third.previous)

    assert [ids(page) for page in back] == [[5, 4], [3, 2]]
    assert back[0].previous is None
    assert keys(await forwards(User.order_by("-age"), cursor=back[0].next)) == [3, 2, 1]


async def test_a_page_that_is_full_may_be_the_last(db: Database) -> None:
    """There is no next cursor that leads to an empty page."""
    assert (await User.query().after(size=5)).next is None
    assert (await User.query().after(size=4)).next is not None


async def test_no_rows_are_a_page_too(db: Database) -> None:
    """It leads nowhere."""
    assert await User.filter_by(name="nobody").after() == CursorPage([], None, None)


async def test_an_empty_cursor_is_none(db: Database) -> None:
    """That is what a form without one sends."""
    assert ids(await User.query().after("", size=2)) == [1, 2]


async def test_the_way_back_from_where_nothing_is_left(db: Database) -> None:
    """When the rows ahead were deleted meanwhile, the cursor of the empty page leads to what is behind."""
    page = await User.query().after(size=3)
    await User.filter_by(id__gt=3).delete()

    empty = await User.query().after(page.next, size=3)
    back = await User.query().after(empty.previous, size=3)

    assert (empty.items, empty.next) == ([], None)
    assert ids(back) == [1, 2, 3]


async def test_the_way_on_from_where_nothing_is_left_before(db: Database) -> None:
    """The same at the other end."""
    page = (await forwards(Post.query()))[-1]
    await Post.filter_by(id__lt=3).delete()

    empty = await Post.query().after(page.previous)
    on = await Post.query().after(empty.next)

    assert (empty.items, empty.previous) == ([], None)
    assert ids(on) == [3, 4]


async def test_the_row_of_a_cursor_may_be_gone(db: Database) -> None:
    """A cursor is a place, not a row."""
    page = await Post.order_by("title").after(size=2)
    await Post.filter_by(id=2).delete()

    assert ids(await Post.order_by("title").after(page.next)) == [3, 4]


async def test_rows_that_come_before_the_place_move_nothing(db: Database) -> None:
    """Where a numbered page would repeat a row, the next one by cursor does not."""
    page = await User.order_by("-id").after(size=2)
    await User.create(id=6, email="6@x.org")

    assert ids(await User.order_by("-id").after(page.next, size=2)) == [3, 2]


async def test_conditions_may_change_between_pages(db: Database) -> None:
    """A cursor is for a model and its order; what the query leaves out is asked anew each time."""
    page = await User.order_by("age").after(size=2)

    assert ids(await User.filter_by(name="a").order_by("age").after(page.next)) == [4]


@pytest.mark.parametrize(
    "other",
    [User.order_by("-age"), User.order_by("age", "-id"), User.order_by("age", "name"), User.query(), Post.query()],
    ids=["direction", "last direction", "more keys", "no order", "model"],
)
async def test_a_cursor_of_another_order_is_refused(db: Database, other: Any) -> None:
    """Values of other columns would be compared; nothing is sent."""
    page = await User.order_by("age").after(size=2)

    with statements(db) as sent, pytest.raises(InvalidCursorError):
        await other.after(page.next)

    assert selects(sent) == []


async def test_values_in_the_order_are_a_part_of_it(db: Database) -> None:
    """Expressions that differ in a value only are two orders."""
    page = await User.order_by(func.coalesce(User.name, "a")).after(size=2)

    assert await User.order_by(func.coalesce(User.name, "a")).after(page.next)
    with pytest.raises(InvalidCursorError):
        await User.order_by(func.coalesce(User.name, "b")).after(page.next)


async def test_a_cursor_that_is_refused_does_not_break_the_unit(db: Database) -> None:
    """It is found before anything is sent."""
    async with db.transaction():
        with pytest.raises(InvalidCursorError):
            await User.query().after("forged")

        assert await User.query().count() == 5


async def test_limit_and_offset_have_no_meaning_for_a_walk(db: Database) -> None:
    """The error says what bounds a page instead."""
    for query in (User.query().limit(2), User.query().offset(1)):
        with pytest.raises(UsageError, match="size is the limit of each page"):
            await query.after()


async def test_cursor_pages_load_what_the_query_asks_for(db: Database) -> None:
    """Included relations and options multiply no rows."""
    for query in (
        User.order_by("name").include("posts"),
        User.order_by("name").options(joinedload(User.posts)),
        User.order_by("name").options(selectinload(User.posts)),
    ):
        pages = await forwards(query)
        assert keys(pages) == [2, 4, 1, 3, 5]
        assert [len(user.posts) for page in pages for user in page] == [1, 0, 3, 0, 0]
    assert await both_ways(Post.order_by("user__name").distinct().include("user")) == [4, 1, 2, 3]
    joined = User.order_by(User.name.desc().nulls_first(), func.lower(User.email).desc())
    assert await both_ways(joined.options(joinedload(User.posts))) == [5, 3, 1, 4, 2]


async def test_each_to_many_relation_is_one_more_statement(db: Database) -> None:
    """And a to-one relation is none, for pages of both kinds."""
    query = User.order_by("age").include("posts", "boss")
    with statements(db) as sent:
        await query.page(size=2)
    assert len(selects(sent)) == 3
    with statements(db) as sent:
        await query.after(size=2)
    assert len(selects(sent)) == 2


async def test_columns_left_out_can_be_sorted_by(db: Database) -> None:
    """The sort keys are read beside the row, not into it."""
    page = await User.order_by("age").only("email").after(size=2)

    assert ids(await User.order_by("age").only("email").after(page.next, 1)) == [3]
    with pytest.raises(NotLoadedError):
        _ = page.items[0].age


async def test_rows_of_a_cursor_page_can_be_locked(db: Database) -> None:
    """As with `all`, unsaved changes are refused."""
    async with db.transaction():
        page = await User.order_by("age").for_update().after(size=2)
        page.items[0].name = "changed"
        with pytest.raises(UsageError, match="has unsaved changes"):
            await User.order_by("age").for_update().after(size=2)

        assert ids(await User.order_by("age").for_update().after(page.next, size=2)) == [3, 4]


async def test_cursors_work_across_databases_of_one_secret(make_database: MakeDatabase) -> None:
    """A worker reads what another one wrote."""
    await make_database(Base, secret="shared")
    await User.create(id=1, email="1@x.org")
    await User.create(id=2, email="2@x.org")
    cursor = (await User.query().after(size=1)).next
    second = await make_database(Base, secret="shared")
    await User.create(id=7, email="7@x.org")

    assert ids(await User.query().after(cursor)) == [7]
    second.secret = "other"
    with pytest.raises(InvalidCursorError):
        await User.query().after(cursor)


# --- sessions, rows -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def raw_session(db: Database) -> AsyncGenerator[AsyncSession]:
    """A session that the library did not open."""
    async with AsyncSession(db.engine) as session:
        yield session


async def test_pages_are_read_in_the_open_unit(db: Database) -> None:
    """They show what it wrote, and their rows are its own."""
    async with db.transaction() as session:
        await User.create(id=6, email="6@x.org")
        page = await User.query().page(2, size=4)
        following = await User.order_by("-id").after(size=1)

        assert (ids(page), page.total) == ([5, 6], 6)
        assert following.items == page.items[1:]
        assert page.items[0] in session


async def test_pages_are_read_with_a_given_session(db: Database) -> None:
    """One that the library did not open, too."""
    async with raw_session(db) as session:
        session.add(User(id=6, email="6@x.org"))
        page = await User.query(session=session).page(2, size=4)
        following = await User.query(session=session).after(size=5)
        last = await User.query(session=session).after(following.next)

        assert (ids(page), page.total, ids(last)) == ([5, 6], 6, [6])
    assert await User.query().count() == 5


async def test_a_lone_page_is_one_unit(db: Database) -> None:
    """Its two statements use one connection and one transaction."""
    with statements(db) as sent:
        page = await User.query().page(size=2)

    assert sum(statement.startswith("BEGIN") for statement in sent) <= 1
    assert page.items[0].name == "b"
    assert await page.items[0].update(name="new") is page.items[0]


async def test_load_batches_the_rows_of_a_page(db: Database) -> None:
    """A relation loaded for one row of a page is loaded for all of them."""
    for page in (await User.query().page(size=3), await User.query().after(size=3)):
        with statements(db) as sent:
            for user in page:
                await user.load("posts")

        assert [len(user.posts) for user in page] == [3, 1, 0]
        assert len(selects(sent)) == 1


async def test_pages_are_read_side_by_side(db: Database) -> None:
    """Outside a unit each call has its own connection, inside one they take turns."""
    numbers = range(1, 6)
    lone = await asyncio.gather(*(User.query().page(number, 1) for number in numbers))
    async with db.transaction():
        joined = await asyncio.gather(*(User.query().page(number, 1) for number in numbers))

    assert [ids(page) for page in lone] == [ids(page) for page in joined] == [[1], [2], [3], [4], [5]]


async def test_a_long_table_is_walked_to_its_end(db: Database) -> None:
    """Hundreds of equal rows, a page at a time."""
    async with db.transaction() as session:
        rows = [{"id": id_, "body": "same", "post_id": id_ % 3 + 1} for id_ in range(1, 301)]
        await session.execute(insert(Comment), rows)

    pages = await forwards(Comment.order_by("-body", "post__title"), size=40)

    assert sorted(keys(pages)) == list(range(1, 301))
    assert [len(page) for page in pages] == [40] * 7 + [20]


# --- Page and CursorPage --------------------------------------------------------------------------------------------


async def test_pages_are_sequences_of_their_items(db: Database) -> None:
    """Iterating, `len` and truth are those of the items; `map` makes a page of something else."""
    page = await User.query().page(2, size=3)
    following = await User.query().after(size=3)

    assert page.map(lambda user: user.id) == Page([4, 5], 2, 3, 5, 2)
    assert following.map(lambda user: user.id) == CursorPage([1, 2, 3], following.next, None)
    assert len(page) == 2
    assert not Page[int]([], 1, 50, 0, 0)
