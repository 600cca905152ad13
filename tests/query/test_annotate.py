"""`annotate`: values that a query computes for each of its rows."""

import pickle
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from activerow import ActiveRecord, Database, Q
from activerow.aggregates import Avg, Count, Exists, Max, Sum
from activerow.errors import InvalidDataError, UnknownFieldError, UnknownLookupError, UsageError
from activerow.mixins import AutoTableName, SoftDelete
from activerow.query import Query
from tests.models import blog
from tests.models.blog import Base, Comment, Post, Seat, Tag, Ticket
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements

User: Any = blog.User
"""What is computed are attributes that no type checker knows."""


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Ada wrote posts 1 to 3, Bob 4; post 1 has two comments and two tags, 2 one comment, 3 one tag, 4 nothing."""
    db = await make_database(Base)
    async with db.transaction():
        for id_, name in enumerate(["ada", "bob"], start=1):
            await User.create(id=id_, email=f"{name}@x.org", name=name, boss_id=1 if id_ == 2 else None)
        tags = [await Tag.create(name=name) for name in ("a", "b")]
        await Post.create(id=1, title="p1", user_id=1, published=True, tags=tags)
        await Post.create(id=2, title="p2", user_id=1)
        await Post.create(id=3, title="p3", user_id=1, tags=tags[:1])
        await Post.create(id=4, title="p4", user_id=2)
        for post_id, author_id, body in ((1, 1, "x"), (1, 2, "y"), (2, 2, "x")):
            await Comment.create(post_id=post_id, author_id=author_id, body=body)
    return db


def selects(sent: list[str]) -> list[str]:
    """The statements that read."""
    return [sql for sql in sent if sql.startswith("SELECT")]


def counted() -> Any:
    """Posts with their comments and tags counted, and whether Bob commented."""
    return Post.query().annotate(
        replies=Count("comments"), words=Count("tags"), mine=Exists("comments", author__name="bob")
    )


async def test_rows_have_what_is_computed(db: Database) -> None:
    """Two counts and a condition beside each row, in one statement: nothing multiplies anything."""
    with statements(db) as sent:
        rows = await counted().order_by("id").all()

    assert [(row.id, row.replies, row.words, row.mine) for row in rows] == [
        (1, 2, 2, True),
        (2, 1, 0, True),
        (3, 0, 1, False),
        (4, 0, 0, False),
    ]
    assert len(selects(sent)) == 1
    assert type(rows[0].mine) is bool


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (counted().filter_by(replies__gt=1), [1]),
        (counted().filter_by(replies=0, mine=False), [3, 4]),
        (counted().filter_by(mine=True), [1, 2]),
        (counted().exclude(replies=0), [1, 2]),
        (counted().filter_by(Q(replies__gte=2) | Q(words=1)), [1, 3]),
        (counted().where(Post.id > 1, replies__in=[1, 2]), [2]),
        (counted().filter_by(user__name="ada", comments__body="x", words=0), [2]),
        (counted().filter_by(replies__between=(1, 1)), [2]),
    ],
)
async def test_lookups_know_computed_names(db: Database, query: Any, expected: list[int]) -> None:
    """Wherever rows are counted, found or read, the condition is the same."""
    query = query.order_by("id")

    assert [row.id for row in await query.all()] == expected
    assert await query.count() == len(expected)
    assert await query.exists()
    assert await query.pluck("id") == expected
    async with db.transaction():
        assert [row.id for row in await query.all()] == expected
    assert [row.id for row in await Post.filter_by(id__in=query).order_by("id").all()] == expected


async def test_sort_keys_know_computed_names(db: Database) -> None:
    """Descending, reversed, and the last row."""
    query = counted()

    assert [row.id for row in await query.order_by("-replies", "-id").all()] == [1, 2, 4, 3]
    assert [row.id for row in await query.order_by("-replies", "-id").reverse().all()] == [3, 4, 2, 1]
    first, last = await query.order_by("-words").first(), await query.order_by("words", "-id").last()
    assert first is not None
    assert last is not None
    assert (first.id, first.words) == (last.id, last.words) == (1, 2)
    assert (await query.filter_by(replies=2).one()).replies == 2
    assert (await query.get(3)).words == 1
    assert [row.replies for row in await query.get_many([2, 1])] == [1, 2]


async def test_columns_and_numbers_of_what_is_computed(db: Database) -> None:
    """`values`, `pluck`, `sum` and `group_by` know the names, also where nothing is named."""
    query = counted()

    assert await query.order_by("id").values("title", "replies", "mine") == [
        {"title": "p1", "replies": 2, "mine": True},
        {"title": "p2", "replies": 1, "mine": True},
        {"title": "p3", "replies": 0, "mine": False},
        {"title": "p4", "replies": 0, "mine": False},
    ]
    assert (await query.filter_by(id=1).values())[0] == {
        "id": 1, "title": "p1", "published": True, "user_id": 1, "replies": 2, "words": 2, "mine": True,
    }  # fmt: skip
    assert await query.sum("replies") == 3
    assert await query.max("words") == 2
    assert await query.group_by("replies").order_by("replies").values(posts=Count()) == [
        {"replies": 0, "posts": 2},
        {"replies": 1, "posts": 1},
        {"replies": 2, "posts": 1},
    ]
    async with db.transaction() as session:
        rows = await session.execute(query.select("id", "words").order_by(Post.id))
        assert [tuple(row) for row in rows] == [(1, 2), (2, 0), (3, 1), (4, 0)]


async def test_pages_walk_in_the_order_of_what_is_computed(db: Database) -> None:
    """Forwards and back, each row once with its values, as a page by number has them."""
    query = counted().order_by("-replies", "title")
    found: list[tuple[int, int]] = []
    cursor: str | None = None
    while True:
        page = await query.after(cursor, 1)
        found += [(row.id, row.replies) for row in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert found == [(1, 2), (2, 1), (3, 0), (4, 0)]
    back = await query.after(page.previous, 2)
    assert [(row.id, row.replies) for row in back.items] == [(2, 1), (3, 0)]
    numbered = await query.page(2, 3)
    assert [(row.id, row.words) for row in numbered.items] == [(4, 0)]
    assert numbered.total == 4


async def test_values_that_may_be_null_are_walked_too(db: Database) -> None:
    """The newest comment of posts that have none is None, on whichever side the server puts it."""
    query: Any = Post.query().annotate(newest=Max("comments__id")).order_by("-newest")
    found: list[tuple[int, Any]] = []
    cursor: str | None = None
    while True:
        page = await query.after(cursor, 1)
        found += [(row.id, row.newest is None) for row in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert sorted(found) == [(1, False), (2, False), (3, True), (4, True)]
    assert [id_ for id_, absent in found if not absent] == [2, 1]


async def test_streams_have_what_is_computed(db: Database) -> None:
    """Alone through a cursor, in a unit by windows or by keys."""
    query = counted()

    async def read(asked: Any) -> list[tuple[int, int]]:
        return [(row.id, row.replies) async for row in asked.stream(batch=2)]

    in_order = [(1, 2), (2, 1), (3, 0), (4, 0)]
    assert await read(query.order_by("-replies", "id")) == in_order
    async with db.transaction():
        assert await read(query) == in_order
        assert await read(query.order_by("-replies", "id")) == in_order


async def test_rows_that_the_unit_holds_get_new_values(db: Database) -> None:
    """Each query sets its values anew; unsaved changes of the row stay."""
    async with db.transaction():
        post = await Post.get(2)
        post.title = "changed"
        again = (await counted().filter_by(id=2).all())[0]
        assert id(again) == id(post)
        assert (again.replies, again.title) == (1, "changed")
        await Comment.create(post_id=2, body="z")
        await counted().filter_by(id=2).one()
        assert again.replies == 2

    assert await Post.filter_by(id=2).pluck("title") == ["changed"]


async def test_what_is_computed_is_no_column(db: Database) -> None:
    """A write passes over it, `to_dict` shows it where it is named, and a pickle keeps it."""
    post: Any = await counted().filter_by(id=1).one()

    assert post.to_dict(only=["id", "replies"]) == {"id": 1, "replies": 2}
    assert "replies" not in post.to_dict()
    assert pickle.loads(pickle.dumps(post)).replies == 2
    post.replies = 99
    assert await post.update(title="new") is post
    assert (await counted().get(1)).replies == 2
    with pytest.raises(UnknownFieldError):
        await post.update(replies=3)


async def test_relations_are_loaded_along(db: Database) -> None:
    """With `include`, a limit, and a JOIN of SQLAlchemy's own that repeats rows."""
    query = counted().order_by("-replies", "id")

    with statements(db) as sent:
        rows = await query.include("user", "tags").limit(2).all()
    assert [(row.replies, row.user.name, len(row.tags)) for row in rows] == [(2, "ada", 2), (1, "ada", 0)]
    assert len(selects(sent)) == 2
    rows = await query.options(joinedload(Post.tags)).limit(2).all()
    assert [(row.replies, len(row.tags)) for row in rows] == [(2, 2), (1, 0)]
    rows = await query.join(Post.tags).where(Tag.name == "a").all()
    assert [(row.id, row.replies, row.words) for row in rows] == [(1, 2, 2), (3, 0, 1)]


async def test_anything_that_a_row_has_one_of_can_be_computed(db: Database) -> None:
    """Aggregates with conditions, along several relations, groups of lookups, SQL and subqueries of one's own."""
    newest = select(func.max(Comment.id)).where(Comment.post_id == Post.id).scalar_subquery()
    rows: Any = (
        await Post.query()
        .annotate(
            xs=Count("comments", where=Q(body="x")),
            writers=Count("comments__author_id", distinct=True),
            shout=func.upper(Post.title),
            popular=Q(published=True) | Q(title="p4"),
            newest=newest,
            known=Exists("user", name="bob"),
        )
        .annotate(loud=Q(shout="P2"))
        .order_by("id")
        .all()
    )

    assert [(row.xs, row.writers, row.shout, row.popular, row.known, row.loud) for row in rows] == [
        (1, 2, "P1", True, False, False),
        (1, 1, "P2", False, False, True),
        (0, 0, "P3", False, False, False),
        (0, 0, "P4", True, True, False),
    ]
    assert [row.newest is None for row in rows] == [False, False, True, True]
    ada = await User.query().annotate(replies=Count("posts__comments"), people=Count("staff")).get(1)
    assert (ada.replies, ada.people) == (3, 1)
    assert await User.order_by("id").values("name", busy=Exists("posts__comments")) == [
        {"name": "ada", "busy": True},
        {"name": "bob", "busy": False},
    ]


async def test_window_functions_are_of_all_rows(db: Database) -> None:
    """They stand beside rows; what asks for some rows at a time refuses them, and so does a condition."""
    query: Query[Any] = Post.query().annotate(place=func.row_number().over(order_by=Post.id.desc()))

    assert [(row.id, row.place) for row in await query.order_by("id").limit(2).all()] == [(1, 4), (2, 3)]
    assert [row.id for row in await query.order_by("place").all()] == [4, 3, 2, 1]
    with pytest.raises(UsageError, match="computed after all conditions"):
        query.filter_by(place=1)
    with pytest.raises(UsageError, match="place is a window function"):
        await query.after()
    with pytest.raises(UsageError, match="place is a window function"):
        query.stream()
    with pytest.raises(UsageError, match="place is a window function"):
        await query.get(1)


async def test_composite_keys(db: Database) -> None:
    """Related rows are found by all columns of the key."""
    for number in (1, 2):
        await Seat.create(row=1, number=number, hall="h", code=str(number))
    await Ticket.create(seat_row=1, seat_number=2)

    rows: Any = await Seat.query().annotate(sold=Count("tickets"), taken=Exists("tickets")).order_by("-sold").all()

    assert [(row.number, row.sold, row.taken) for row in rows] == [(2, 1, True), (1, 0, False)]
    page = await Seat.query().annotate(sold=Count("tickets")).order_by("-sold").after(size=1)
    assert [row.number for row in page.items] == [2]


class PostOut(BaseModel):
    """A post with what is computed."""

    title: str
    replies: int
    mine: bool = False


async def test_a_schema_takes_what_is_computed(db: Database) -> None:
    """By its name, without an instance; a field with a default does without."""
    assert await counted().filter_by(replies__gt=0).order_by("-replies").into(PostOut) == [
        PostOut(title="p1", replies=2, mine=True),
        PostOut(title="p2", replies=1, mine=True),
    ]
    without = Post.query().annotate(replies=Count("comments")).filter_by(id=1)
    assert await without.into(PostOut) == [PostOut(title="p1", replies=2)]
    assert await without.json(PostOut) == b'[{"title":"p1","replies":2,"mine":false}]'
    with pytest.raises(UnknownFieldError, match="replies"):
        await Post.query().into(PostOut)


async def test_set_based_writes_take_the_condition(db: Database) -> None:
    """`update` and `delete` of rows with a number of related ones."""
    assert await counted().filter_by(replies__gt=0).update(title="seen") == 2
    assert await Post.filter_by(title="seen").order_by("id").pluck("id") == [1, 2]
    assert await counted().filter_by(replies=0, words=0).delete() == 1
    assert not await Post.filter_by(id=4).exists()


@pytest.mark.parametrize(
    ("computed", "message"),
    [
        ({"title": Count("comments")}, "Post has a title of its own"),
        ({"save": Count("comments")}, "Post has a save of its own"),
        ({"_n": Count("comments")}, "no _ before it"),
        ({"a__b": Count("comments")}, "no _ before it"),
        ({"n": Count()}, "one value of many rows"),
        ({"n": Max("user__age")}, "one value of many rows"),
        ({"n": "title"}, "aggregates and SQL, not a name"),
        ({"n": func.count()}, "is one value of many rows"),
        ({"n": func.max(Post.id) + 1}, "is one value of many rows"),
        ({"n": Comment.body}, "speaks of other tables"),
        ({"n": Exists("title")}, "is no relation"),
        ({"n": Q()}, "says nothing"),
        ({"n": 3}, "SQL expression"),
        ({"n": Count("comments", where=Q(Comment.body == "x"))}, "takes lookups on the related rows"),
    ],
)
async def test_what_is_not_one_value_of_each_row_is_refused(
    db: Database, computed: dict[str, Any], message: str
) -> None:
    """In words, before anything is sent."""
    with pytest.raises(UsageError, match=message):
        Post.query().annotate(**computed)


async def test_mistakes_are_named(db: Database) -> None:
    """Unknown names, unknown lookups and values that do not fit, as of columns."""
    query = counted()

    with pytest.raises(UnknownFieldError):
        Post.query().annotate(n=Count("comment"))
    with pytest.raises(UnknownFieldError):
        Post.query().annotate(n=Exists("comments", bdy="x"))
    with pytest.raises(UnknownLookupError):
        query.filter_by(replies__gtt=1)
    with pytest.raises(InvalidDataError):
        query.filter_by(replies="many")
    with pytest.raises(UsageError, match="given twice"):
        query.annotate(words=Count("tags"))
    with pytest.raises(UsageError, match="annotate"):
        query.from_statement(select(Post))


class Zoo(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables with subclasses and deleted rows."""


class Animal(Zoo):
    """Stored in two tables where it is a lion."""

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    weight: Mapped[int]
    meals: Mapped[list["Meal"]] = relationship(back_populates="animal")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012


class Lion(Animal):
    """Has a column of its own."""

    id: Mapped[int] = mapped_column(ForeignKey("animals.id"), primary_key=True)
    mane: Mapped[int]
    toys: Mapped[list["Toy"]] = relationship()
    __mapper_args__ = {"polymorphic_identity": "lion"}  # noqa: RUF012


class Meal(SoftDelete, Zoo):
    """Deleted ones do not count."""

    id: Mapped[int] = mapped_column(primary_key=True)
    grams: Mapped[int]
    animal_id: Mapped[int] = mapped_column(ForeignKey("animals.id"))
    animal: Mapped[Animal] = relationship(back_populates="meals")


class Toy(Zoo):
    """A lion's."""

    id: Mapped[int] = mapped_column(primary_key=True)
    lion_id: Mapped[int] = mapped_column(ForeignKey("lions.id"))


async def test_subclasses_and_deleted_rows(make_database: MakeDatabase) -> None:
    """A count is of the rows that are there, of the class that is asked, and of its subclasses."""
    await make_database(Zoo)
    lion = await Lion.create(weight=200, mane=3)
    mouse = await Animal.create(weight=1)
    meals = [await Meal.create(animal=lion, grams=grams) for grams in (100, 200, 600)]
    await meals[2].delete()
    await Toy.create(lion_id=lion.id)

    query: Any = Animal.query().annotate(meals_had=Count("meals"), eaten=Sum("meals__grams"), mean=Avg("meals__grams"))
    rows = await query.order_by("-meals_had").all()
    assert [(type(row), row.meals_had, row.eaten, row.mean) for row in rows] == [
        (Lion, 2, 300, 150.0),
        (Animal, 0, None, None),
    ]
    assert (await query.filter_by(eaten__isnull=True).one()).id == mouse.id
    assert not await Animal.query().annotate(big=Exists("meals", grams__gt=500)).filter_by(big=True).exists()
    (found,) = await query.with_deleted(Meal).filter_by(meals_had=3).all()
    assert found.eaten == 900
    toys: Any = Lion.query().annotate(owned=Count("toys"), had=Count("meals")).order_by("-owned")
    assert [(row.owned, row.had, row.mane) for row in await toys.all()] == [(1, 2, 3)]
    assert [row.had for row in (await toys.after(size=1)).items] == [2]
    with pytest.raises(UsageError, match="Lion has a mane of its own"):
        Animal.query().annotate(mane=Count("meals"))
