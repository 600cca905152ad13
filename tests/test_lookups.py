"""Lookups: `filter_by(age__gte=18)`, paths across relations, groups with `Q`, and lookups of one's own."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Integer, NullPool, String, bindparam, create_engine, func, literal, select

from activerow import Database, Q
from activerow.aggregates import Count
from activerow.backends.text_sql import Like, Pattern
from activerow.errors import InvalidDataError, UnknownFieldError, UnknownLookupError, UsageError
from activerow.lookups import LOOKUPS, Lookup, register
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


@settings(deadline=None)
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


# --- one's own ------------------------------------------------------------------------------------------------------


@register
class Divides(Lookup):
    """The column's value divides the given one."""

    word, kinds, takes = "divides", ("integer",), Integer()
    summary = "A divisor of this."

    def check(self, value: Any) -> str | None:
        return None if value > 0 else "a number from 1 on"

    def sql(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return value % func.nullif(column, 0) == 0


@register
class HasWords(Lookup):
    """The text has these words, in any form that English has of them (PostgreSQL)."""

    word, kinds, takes = "has_words", ("text",), String()

    def sql(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.to_tsvector("english", column).bool_op("@@")(func.plainto_tsquery("english", value))


@pytest.mark.parametrize(
    ("lookups", "expected"),
    [
        ({"age__divides": 72}, [1]),
        ({"age__divides": 17}, [2]),
        ({"boss__age__divides": 34}, [3]),
        ({"seen_at__month__divides": 10}, [1]),
    ],
)
async def test_a_registered_lookup_works_like_any_other(
    db: Database, lookups: dict[str, object], expected: list[int]
) -> None:
    """It stands behind columns of its kinds, parts of moments and paths, and in groups."""
    assert await ids(User.filter_by(lookups)) == expected
    assert await ids(User.where(~Q(lookups), Q(lookups) | Q(id=99))) == []


async def test_a_registered_lookup_narrows_groups(db: Database) -> None:
    """What is computed has a kind, too."""
    groups = User.query().group_by("id").having(posts__divides=3).order_by("id")

    assert await groups.values(posts=Count("posts", where=Q(id__lt=3))) == []
    assert await groups.having(posts__divides=2).values(posts=Count("posts")) == [{"id": 2, "posts": 1}]


def test_a_registered_lookup_is_offered_where_it_belongs() -> None:
    """Other kinds of columns do not have it; what it takes is checked before any SQL is made."""
    with pytest.raises(UnknownLookupError, match="name has no lookup 'divides'"):
        User.filter_by(name__divides=3)
    with pytest.raises(InvalidDataError, match="int is needed and not str"):
        User.filter_by(age__divides="3")
    with pytest.raises(UsageError, match="age__divides takes a number from 1 on"):
        User.filter_by(age__divides=0)
    with pytest.raises(UsageError, match="age__isnull=True"):
        User.filter_by(age__divides=None)


@pytest.mark.backends("postgresql")
async def test_full_text_search_of_ones_own(db: Database) -> None:
    """A lookup may speak one server's SQL."""
    await Post.create(id=9, title="The quick foxes jumped", user_id=1)

    assert await Post.filter_by(title__has_words="jumping fox").pluck("id") == [9]
    assert await ids(User.filter_by(posts__title__has_words="fox", posts__id__gt=3)) == [1]


@pytest.mark.parametrize("word", ["", "a__b", "_x", "x_", "not a name"])
def test_a_word_that_no_path_could_end_in_is_refused(word: str) -> None:
    """Words are parted by two underscores."""
    name = word
    with pytest.raises(UsageError, match="must be a name"):

        @register
        class Odd(Lookup):
            word = name


def test_a_word_is_taken_once() -> None:
    """Two meanings of one word would depend on which was imported first."""
    with pytest.raises(UsageError, match="'gte' exists already: Gte"):

        @register
        class Other(Lookup):
            word = "gte"

    assert isinstance(LOOKUPS, Mapping)


@pytest.mark.parametrize(
    ("path", "meant"),
    [("age__eq", "exact"), ("age__nin", "not_in"), ("age__range", "between"), ("age__null", "isnull")],
)
def test_the_words_of_others_are_known(path: str, meant: str) -> None:
    """Who comes from another library is told the word, and not the one that looks most like it."""
    with pytest.raises(UnknownLookupError, match=f"did you mean '{meant}'"):
        User.filter_by({path: 1})


# --- one answer on every backend ------------------------------------------------------------------------------------


async def test_truth_values_and_numbers_compare_the_same_everywhere(db: Database) -> None:
    """PostgreSQL compares no boolean with a number: 1 is True for a boolean, and True is none for an integer."""
    assert await Post.filter_by(published=1).pluck("id") == [1]
    assert await Post.filter_by(published__in=[1]).pluck("id") == [1]
    assert await Post.filter_by(published__ne=1).count() == 2
    with pytest.raises(InvalidDataError, match="int is needed and not bool"):
        User.filter_by(age=True)
    with pytest.raises(InvalidDataError, match="int is needed and not bool"):
        User.filter_by(age__in=[True])


async def test_a_value_is_compared_as_it_is(db: Database) -> None:
    """More digits than the column has are not rounded to it first, and larger numbers are no error."""
    await User.filter_by(id=1).update(balance=Decimal("10.00"))

    assert await ids(User.filter_by(balance=Decimal("9.999"))) == []
    assert await ids(User.filter_by(balance__lt=Decimal(10) ** 12, balance__gt=9.999)) == [1]
    assert await ids(User.filter_by(balance__in=[Decimal("9.996"), Decimal("10.0")])) == [1]


@pytest.mark.parametrize("value", [Decimal("NaN"), float("inf"), float("nan"), True])
def test_what_no_server_could_compare_is_refused(value: object) -> None:
    """MySQL and MariaDB have no NaN and no infinity."""
    with pytest.raises(InvalidDataError, match="balance"):
        User.filter_by(balance__lt=value)


async def test_rows_as_values_of_relations_are_compared_by_their_keys(db: Database) -> None:
    """Any number of rows is one IN, across a to-many relation inside one EXISTS."""
    rows = [User(id=number, email=f"{number}@x.org") for number in range(10, 3_010)]
    posts = [Post(id=number, title="p", user_id=1) for number in range(10, 3_010)]
    await User.create_many(rows)
    await Post.create_many(posts)
    stored = await Post.filter_by(id__gte=10).all()

    with statements(db) as sent:
        assert await Post.filter_by(user__in=await User.query().all()).count() == 3_003
        assert await ids(User.filter_by(posts__in=stored)) == [1]
        assert await User.filter_by(posts__not_in=stored).count() == 3_002

    assert [sql.count("EXISTS") for sql in sent if "count(" in sql] == [0, 1]
    assert all("OR" not in sql.split() for sql in sent)
