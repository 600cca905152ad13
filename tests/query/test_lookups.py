"""Lookups: `filter_by(age__gte=18)`, paths across relations, and groups with `Q`."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import NullPool, String, bindparam, create_engine, literal, select

from activerow import Database, Q
from activerow.backends.text_sql import Like, Pattern
from activerow.errors import InvalidDataError, UnknownFieldError, UnknownLookupError, UsageError
from activerow.query.query import Query
from tests.models.blog import Base, Comment, Passport, Post, Seat, Status, Tag, Ticket, User, post_tags
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Three authors; Ada is Bob's boss, Bob is Cy's, and Cy has written nothing."""
    db = await make_database(Base)
    seen = datetime(2024, 5, 6, 23, 30, tzinfo=UTC)
    async with db.transaction() as session:
        await User.create(id=1, email="ada@x.org", name="Ada", age=36, seen_at=seen, born=date(1990, 1, 2))
        await User.create(id=2, email="bob@x.org", name="böB_%", age=17, boss_id=1, status=Status.BLOCKED)
        await User.create(id=3, email="cy@x.org", boss_id=2)
        await Post.create(id=1, title="async one", published=True, user_id=1)
        await Post.create(id=2, title="Sync two", user_id=1)
        await Post.create(id=3, title="async three", user_id=2)
        await Comment.create(id=1, body="first", post_id=1, author_id=2)
        await Comment.create(id=2, body="second", post_id=3, author_id=3)
        await Passport.create(number="P1", user_id=1)
        await Tag.create(id=1, name="python")
        await Tag.create(id=2, name="sql")
        links = [(1, 1, 1), (1, 2, 2), (3, 2, 1)]
        rows = [{"post_id": post, "tag_id": tag, "position": position} for post, tag, position in links]
        await session.execute(post_tags.insert(), rows)
    return db


async def ids(query: Query[User]) -> list[int]:
    """The keys of the rows, sorted."""
    return sorted(row.id for row in await query.all())


@pytest.mark.parametrize(
    ("lookups", "expected"),
    [
        ({"name": "Ada"}, [1]),
        ({"name": None}, [3]),
        ({"age__ne": 36}, [2]),
        ({"age__ne": None}, [1, 2]),
        ({"age__gt": 17}, [1]),
        ({"age__gte": 17}, [1, 2]),
        ({"age__lt": 36}, [2]),
        ({"age__lte": 36}, [1, 2]),
        ({"age__in": [17, 99]}, [2]),
        ({"age__in": {17, None}}, [2, 3]),
        ({"age__in": [None]}, [3]),
        ({"age__in": []}, []),
        ({"age__not_in": [17]}, [1]),
        ({"age__not_in": [17, None]}, [1]),
        ({"age__not_in": []}, [1, 2, 3]),
        ({"age__between": (17, 36)}, [1, 2]),
        ({"age__isnull": True}, [3]),
        ({"age__isnull": False}, [1, 2]),
        ({"status": Status.BLOCKED}, [2]),
        ({"status": "BLOCKED"}, [2]),
        ({"is_adult": True}, [1]),
        ({"age": 36, "name": "Ada"}, [1]),
        ({"age": 36, "name": "Bob"}, []),
    ],
)
async def test_comparisons(db: Database, lookups: dict[str, object], expected: list[int]) -> None:
    """Each comparison finds the same rows on every backend."""
    assert await ids(User.filter_by(lookups)) == expected


@pytest.mark.parametrize(
    ("lookup", "value", "expected"),
    [
        ("contains", "d", [1]),
        ("contains", "D", []),
        ("contains", "ö", [2]),
        ("contains", "o", []),
        ("contains", "_%", [2]),
        ("contains", "_", [2]),
        ("contains", "", [1, 2]),
        ("icontains", "DA", [1]),
        ("icontains", "BÖB", [2]),
        ("icontains", "BOB", []),
        ("startswith", "A", [1]),
        ("startswith", "a", []),
        ("startswith", "%", []),
        ("istartswith", "a", [1]),
        ("istartswith", "BÖ", [2]),
        ("endswith", "a", [1]),
        ("endswith", "A", []),
        ("endswith", "%", [2]),
        ("iendswith", "DA", [1]),
        ("iendswith", "ÖB_%", [2]),
        ("iexact", "ADA", [1]),
        ("iexact", "BÖb_%", [2]),
        ("iexact", "___", []),
        ("like", "A%", [1]),
        ("like", "a%", []),
        ("like", "A_a", [1]),
        ("like", r"%\_\%", [2]),
        ("ilike", "a_A", [1]),
        ("ilike", "BÖ%", [2]),
        ("regex", "^A.a$", [1]),
        ("regex", "^a", []),
    ],
)
async def test_text_matches_the_same_on_every_backend(
    db: Database, lookup: str, value: str, expected: list[int]
) -> None:
    """Case counts, except after an `i`; accents always count; `%` and `_` mean themselves, except in `like`."""
    assert await ids(User.filter_by({f"name__{lookup}": value})) == expected


@pytest.mark.parametrize("value", ["*", "[a]", "a?", "/", "//", "/%", "\\", "\\%", "'", '"', "%(x)s", ":x", "{}"])
async def test_special_characters_mean_themselves(db: Database, value: str) -> None:
    """What some pattern language gives a meaning is found literally, and nothing else is."""
    await User.create(id=9, email="z@x.org", name=f"x{value}Y")

    for lookup, part in [("contains", value), ("icontains", f"X{value}"), ("startswith", f"x{value}")]:
        assert await ids(User.filter_by({f"name__{lookup}": part})) == [9]
    assert await ids(User.filter_by(name__iendswith=f"{value}y")) == [9]
    assert await ids(User.filter_by(name__iexact=f"X{value}y")) == [9]


_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_SQLITE = create_engine("sqlite://", poolclass=NullPool)


@given(text=_TEXTS, data=st.data())
def test_every_part_of_a_text_is_found_on_sqlite(text: str, data: st.DataObject) -> None:
    """Patterns, which SQLite has of another kind, find each part of any text."""
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    other = data.draw(_TEXTS)
    column = literal(text, String())

    def matches(shape: str, value: str) -> bool:
        pattern = bindparam(None, value, Pattern(shape, "exact"), unique=True)
        with _SQLITE.connect() as connection:
            return bool(connection.scalar(select(Like(column, pattern))))

    assert matches("contains", part)
    assert matches("startswith", text[:start])
    assert matches("endswith", text[start:])
    assert matches("contains", other) == (other in text)


@pytest.mark.parametrize(
    ("lookups", "expected"),
    [
        ({"seen_at__year": 2024}, [1]),
        ({"seen_at__year__gte": 2025}, []),
        ({"seen_at__month__in": [5, 6]}, [1]),
        ({"seen_at__day": 6}, [1]),
        ({"seen_at__hour__between": (23, 24)}, [1]),
        ({"seen_at__date": date(2024, 5, 6)}, [1]),
        ({"seen_at__date__lt": date(2024, 5, 6)}, []),
        ({"seen_at__year__isnull": True}, [2, 3]),
        ({"born__year": 1990, "born__month__lt": 2, "born__day__ne": 1}, [1]),
        ({"seen_at": datetime(2024, 5, 7, 1, 30, tzinfo=timezone(timedelta(hours=2)))}, [1]),
    ],
)
async def test_parts_of_dates(db: Database, lookups: dict[str, object], expected: list[int]) -> None:
    """Parts of a moment are those of its UTC wall clock."""
    assert await ids(User.filter_by(lookups)) == expected


@pytest.mark.backends("postgresql")
async def test_parts_of_dates_do_not_depend_on_the_time_zone_of_the_session(db: Database) -> None:
    """PostgreSQL shows a timestamptz in the session's zone; lookups stay in UTC."""
    async with db.transaction() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Seoul'")

        assert await ids(User.filter_by(seen_at__hour=23, seen_at__date=date(2024, 5, 6))) == [1]


@pytest.mark.parametrize(
    ("lookups", "expected"),
    [
        ({"boss__name": "Ada"}, [2]),
        ({"boss__boss__name": "Ada"}, [3]),
        ({"staff__staff__id": 3}, [1]),
        ({"passport__number": "P1"}, [1]),
        ({"posts__title__icontains": "ASYNC"}, [1, 2]),
        ({"posts__comments__author__name__startswith": "b"}, [1]),
        ({"posts__tags__name": "sql"}, [1, 2]),
        ({"posts__tags__posts__user__name": "Ada"}, [1, 2]),
        ({"posts__isnull": True}, [3]),
        ({"posts__isnull": False}, [1, 2]),
        ({"boss__isnull": True}, [1]),
        ({"boss": None}, [1]),
        ({"passport__isnull": True}, [2, 3]),
        ({"posts__comments__isnull": True}, [1]),
    ],
)
async def test_paths_across_relations(db: Database, lookups: dict[str, object], expected: list[int]) -> None:
    """A path asks whether there is such a related row; a row is found once, however many there are."""
    assert await ids(User.filter_by(lookups)) == expected
    assert await User.filter_by(lookups).count() == len(expected)


async def test_rows_as_values_of_relations(db: Database) -> None:
    """A relation is compared with rows: the one it leads to, or one of those."""
    ada, bob = await User.query().get_many([1, 2])
    post = await Post.get(3)

    assert await ids(User.filter_by(boss=ada)) == [2]
    assert await ids(User.filter_by(boss__in=[ada, bob])) == [2, 3]
    assert await ids(User.filter_by(boss__in=[])) == []
    assert await ids(User.filter_by(boss__ne=ada)) == [3]
    assert await ids(User.filter_by(posts=post)) == [2]
    assert await ids(User.filter_by(posts__ne=post)) == [1, 3]
    assert await ids(User.filter_by(staff__boss__boss=ada)) == [2]


async def test_paths_by_keys_of_several_columns(db: Database) -> None:
    """A composite foreign key is crossed, and its row compared, like any other; half a key refers to nothing."""
    seats = [await Seat.create(row=1, number=number, hall="h", code=str(number)) for number in (1, 2)]
    await Ticket.create(id=1, seat_row=1, seat_number=2)
    await Ticket.create(id=2, seat_row=1, seat_number=None)

    assert await Ticket.filter_by(seat__code="2").pluck("id") == [1]
    assert await Ticket.filter_by(seat=seats[1]).pluck("id") == [1]
    assert await Ticket.filter_by(seat__isnull=True).pluck("id") == [2]
    assert await Seat.filter_by(tickets__id=1).pluck("number") == [2]
    assert await Seat.filter_by(tickets__isnull=True).pluck("number") == [1]
    assert await Seat.filter_by(tickets__seat__tickets__seat__code="2").count() == 1


async def test_paths_over_a_join_condition_of_its_own(db: Database) -> None:
    """What a relation's `primaryjoin` says holds on every path over it."""
    assert await ids(User.filter_by(published__isnull=False)) == [1]
    assert await ids(User.filter_by(published__title__icontains="two")) == []
    assert await ids(User.filter_by(staff__published__isnull=True)) == [1, 2]
    assert await ids(User.where(~Q(published__id__gt=0))) == [2, 3]


async def test_order_by_a_relation_to_the_same_model(db: Database) -> None:
    """Each step has its own alias, also beside conditions on the same path."""
    query = User.filter_by(boss__boss__isnull=True, boss__isnull=False).order_by(
        "boss__boss__name", "-boss__name", "id"
    )

    assert [user.id for user in await query.all()] == [2]
    assert await User.order_by("-boss__boss__id", "-boss__id").limit(1).count() == 1


async def test_one_call_speaks_of_one_related_row(db: Database) -> None:
    """Two lookups of one call mean the same post, those of two calls may mean two."""
    assert await ids(User.filter_by(posts__title="Sync two", posts__published=True)) == []
    assert await ids(User.filter_by(posts__title="Sync two").filter_by(posts__published=True)) == [1]
    assert await ids(User.where(Q(posts__title="Sync two"), Q(posts__published=True))) == []
    assert await ids(User.where(Q(posts__title="Sync two") & Q(posts__published=True))) == []


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Q(age__gte=18) | Q(posts__title="async three"), [1, 2]),
        (Q(age__gte=18) | ~Q(posts__published=True), [1, 2, 3]),
        (~Q(posts__title="Sync two", posts__published=True), [1, 2, 3]),
        (~Q(posts__published=True), [2, 3]),
        (~~Q(posts__published=True), [1]),
        (Q(posts__title="Sync two") & (Q(posts__published=True) | Q(posts__title__startswith="S")), [1]),
        (Q(posts__title="Sync two") & (Q(posts__published=True) | Q(posts__title="x")), []),
        (Q(posts__title="Sync two") & ~Q(posts__published=True), []),
        (Q(posts__title="async three") & ~Q(posts__published=True), [2]),
        (Q(posts__comments__body="first", posts__published=True) | Q(id=3), [1, 3]),
        (Q(posts__comments__body="first") & Q(posts__comments__author__id=3), []),
        (Q() | Q(id=3), [3]),
        (Q() & Q(id=3), [3]),
        (~Q(), [1, 2, 3]),
        (Q({"id": 3}), [3]),
        (Q(id=1) | Q(id=2) | Q(id=3), [1, 2, 3]),
        (Q(age=17) | (User.name == "Ada"), [1, 2]),
        (Q(posts__id=1) & (User.age == 36), [1]),
    ],
    ids=repr,
)
async def test_groups(db: Database, group: Q, expected: list[int]) -> None:
    """`|`, `&` and `~` mean what they say, also across relations."""
    assert await ids(User.where(group)) == expected


async def test_a_null_is_neither_equal_nor_unequal(db: Database) -> None:
    """As in SQL, `ne`, `not_in` and `~Q` do not find the rows whose column is NULL."""
    assert await ids(User.filter_by(age__ne=36)) == [2]
    assert await ids(User.where(~Q(age=36))) == [2]
    assert await ids(User.where(~Q(age=36) | Q(age__isnull=True))) == [2, 3]


async def test_a_list_may_be_longer_than_a_driver_has_parameters(db: Database) -> None:
    """`in` takes any number of values, and quotes them."""
    names = [f"it's \\ %s :x {number}" for number in range(33_000)]

    assert await ids(User.filter_by(id__in=range(70_000))) == [1, 2, 3]
    assert await ids(User.filter_by(name__in=[*names, "Ada"])) == [1]
    assert await ids(User.filter_by(name__not_in=names)) == [1, 2]


async def test_a_number_too_large_for_its_column_is_no_such_row(db: Database) -> None:
    """An integer beyond the column's range is compared, not refused by the driver."""
    assert await ids(User.filter_by(age=2**40)) == []
    assert await ids(User.filter_by(age__lt=2**40)) == [1, 2]
    assert await User.get_or_none(2**40) is None


async def test_values_may_be_sql(db: Database) -> None:
    """Another column, or any expression, can stand for a value."""
    assert await ids(User.filter_by(id__lt=User.age)) == [1, 2]
    assert await ids(User.filter_by(id__in=User.where(User.age > 20).statement.with_only_columns(User.id))) == [1]


async def test_a_name_that_does_not_exist_is_refused_before_any_sql(db: Database) -> None:
    """The error names what was probably meant, for fields, paths and lookups alike."""
    with statements(db) as sent:
        with pytest.raises(UnknownFieldError, match="User has no field 'emial'; did you mean 'email'"):
            User.filter_by(emial="x")
        with pytest.raises(UnknownFieldError, match="Post has no field 'titel'; did you mean 'title'"):
            User.filter_by(posts__titel="x")
        with pytest.raises(UnknownLookupError, match="age has no lookup 'gtee'; did you mean 'gte'"):
            User.filter_by(age__gtee=3)
        with pytest.raises(UnknownLookupError, match="seen_at__year has no lookup 'contains'"):
            User.filter_by(seen_at__year__contains="2")
        with pytest.raises(UnknownLookupError, match="posts has no lookup 'gt'"):
            User.filter_by(posts__gt=3)

    assert sent == []


@pytest.mark.parametrize(
    ("lookups", "words"),
    [
        ({"age__in": "12"}, "age__in takes a list of values, not str"),
        ({"age__in": 12}, "age__in takes a list of values, not int"),
        ({"age__between": (1,)}, "two values"),
        ({"age__between": 5}, "two values"),
        ({"age__isnull": 1}, "True or False, not int"),
        ({"age__gt": None}, "age__isnull=True"),
        ({"name__contains": 5}, "name__contains takes a string, not int"),
        ({"name__like": None}, "takes a string, not None"),
        ({"boss": 5}, "takes a User row, not int; to compare its key, write boss__id="),
        ({"boss": User(email="new")}, "not stored: save"),
        ({"posts__user__in": 5}, "posts__user__in takes a list"),
    ],
)
def test_a_value_that_does_not_fit_the_lookup_is_refused(lookups: dict[str, object], words: str) -> None:
    """The error names the lookup and what it takes."""
    with pytest.raises(UsageError, match=words):
        User.filter_by(lookups)


@pytest.mark.parametrize(
    ("lookups", "field"),
    [
        ({"age": "36"}, "age"),
        ({"age__in": [1, "2"]}, "age"),
        ({"age": 2**70}, "age"),
        ({"name": 5}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name__contains": "\0"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"status": "nope"}, "status"),
        ({"seen_at": "2024-01-01"}, "seen_at"),
        ({"seen_at__gt": datetime(2024, 1, 1)}, "seen_at"),  # noqa: DTZ001
        ({"seen_at__date": datetime(2024, 1, 1, tzinfo=UTC)}, "seen_at"),
        ({"seen_at__year": "2024"}, "seen_at"),
        ({"born": datetime(2024, 1, 1, tzinfo=UTC)}, "born"),
        ({"posts__published": "yes"}, "published"),
    ],
)
def test_a_value_that_could_not_be_in_the_column_is_refused(lookups: dict[str, object], field: str) -> None:
    """PostgreSQL would refuse it, MySQL guess and SQLite find nothing; here it is one error on all."""
    with pytest.raises(InvalidDataError) as caught:
        User.filter_by(lookups)

    assert caught.value.columns == (field,)


def test_a_group_has_no_truth_value() -> None:
    """`and` between groups would silently drop the first."""
    with pytest.raises(TypeError, match="&"):
        bool(Q(age=1))


def test_a_group_shows_no_values() -> None:
    """Values belong neither into logs nor into tracebacks."""
    assert repr(~Q(name="secret") | Q(age=1)) == "Q(~Q(name) or Q(age))"


@pytest.mark.parametrize("condition", [True, "name = 'x'", 5, None, User])
def test_what_is_no_condition_is_refused(condition: Any) -> None:
    """`where(user.age > 3)` on a row is a bool, and would mean every row."""
    with pytest.raises(UsageError, match="SQL conditions"):
        User.where(condition)
