"""What `fill`, `create` and `update` make of the values they are given; nothing here needs a database."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import JSON, ForeignKey, Integer, Numeric, TypeDecorator, inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    attribute_keyed_dict,
    make_transient_to_detached,
    mapped_column,
    relationship,
)

from activerow import ActiveRecord
from activerow.errors import NotLoadedError, ReadOnlyFieldError, UnknownFieldError, UsageError
from activerow.mixins import AutoTableName
from tests.models.bookshop import Author, Book, Shelf, Tag


class Lower(TypeDecorator[str]):
    """Text without capitals: compares as it is stored."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value and value.lower()

    def compare_values(self, x: Any, y: Any) -> bool:
        return bool(x.lower() == y.lower())


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables that need no database."""


class Form(Base):
    """Has names that forms send along, and columns that compare in their own way."""

    id: Mapped[int] = mapped_column(primary_key=True)
    submit: Mapped[str | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    code: Mapped[str | None] = mapped_column(Lower())
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    notes: Mapped[dict[str, "Note"]] = relationship(collection_class=attribute_keyed_dict("word"))


class Note(Base):
    """Is kept in a dict by its word."""

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str]
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id"))


class AuthorIn(BaseModel):
    """What a request brings."""

    email: str
    nick: str | None = None
    balance: int = 0


def stored(**columns: object) -> Author:
    """An author as it comes from the database, outside any session, without relations."""
    author = Author(**{"id": 1, "email": "ada@example.com", "nick": "a", "balance": 1, **columns})
    make_transient_to_detached(author)
    return author


# --- names ----------------------------------------------------------------------------------------------------------


def test_fill_sets_many_and_says_whether_anything_changed() -> None:
    """True when at least one value is another one, False when all are the same."""
    author = stored()

    answers = author.fill(email="ada@example.com", nick="b"), author.fill(email="ada@example.com", nick="b")

    assert answers == (True, False)
    assert (author.email, author.nick) == ("ada@example.com", "b")
    assert author.changes() == {"nick": ("a", "b")}


def test_a_name_that_is_not_mapped_changes_nothing() -> None:
    """Names are checked before anything is set, and the nearest one is proposed."""
    author = stored()

    with pytest.raises(UnknownFieldError, match="did you mean 'nick'") as caught:
        author.fill(email="x@example.com", nikc="b")

    assert isinstance(caught.value, KeyError)
    assert author.changes() == {}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("id", "primary key"),
        ("created_at", "created"),
        ("sold_books", "viewonly"),
        ("is_rich", "setter"),
    ],
)
def test_what_may_not_be_set_says_why(name: str, reason: str) -> None:
    """The primary key, `created_at`, viewonly relations and what has no setter are read-only."""
    author = stored()

    with pytest.raises(ReadOnlyFieldError, match=reason):
        author.fill({"email": "x@example.com", name: None})

    assert author.changes() == {}


def test_a_computed_column_may_not_be_set() -> None:
    """What the database computes is not the program's to set."""
    with pytest.raises(ReadOnlyFieldError, match="area"):
        Shelf(label="x").fill(area=3)


def test_a_hybrid_property_is_set_through_its_setter() -> None:
    """A hybrid with a setter is as good as the columns behind it."""
    author = stored(first="Ada", last="Love")

    answers = author.fill(name="Ada Love"), author.fill(name="Grace Hopper")

    assert answers == (False, True)
    assert (author.first, author.last) == ("Grace", "Hopper")


def test_a_property_that_cannot_be_read_is_set() -> None:
    """A write-only property, such as a password, counts as changed."""
    author = stored()

    changed = author.fill(secret="abc")

    assert changed
    assert author.nick == "cba"


def test_what_forms_send_along_is_passed_over() -> None:
    """`csrf_token`, `submit` and `hidden_*` are not meant for the row."""
    author = stored()

    changed = author.fill({"csrf_token": "x", "submit": "Save", "hidden_tag": "", "nick": "a"})

    assert not changed


def test_a_mapped_name_is_not_passed_over() -> None:
    """A model that has such a column gets its value."""
    form = Form()

    form.fill({"csrf_token": "x", "submit": "Save"})

    assert form.submit == "Save"


def test_other_leftovers_are_typos() -> None:
    """Only the known names are passed over."""
    with pytest.raises(UnknownFieldError, match="token"):
        stored().fill({"token": "x"})


# --- where values come from -----------------------------------------------------------------------------------------


def test_a_pydantic_model_gives_the_fields_that_were_set() -> None:
    """A default of the schema does not overwrite what the row has."""
    author = stored(balance=7)

    author.fill(AuthorIn(email="x@example.com"))

    assert (author.email, author.nick, author.balance) == ("x@example.com", "a", 7)


def test_keywords_win_over_the_mapping() -> None:
    """What the program writes beside data from outside counts."""
    author = stored()

    author.fill({"nick": "outside", "balance": 5}, nick="inside")

    assert (author.nick, author.balance) == ("inside", 5)


@pytest.mark.parametrize("name", ["session", "auto_commit", "refresh", "values"])
async def test_data_from_outside_does_not_meet_our_keywords(name: str) -> None:
    """A key that is named like a keyword of the method is a field, and an unknown one."""
    with pytest.raises(UnknownFieldError, match=name):
        await Author.create({"email": "ada@example.com", name: True})


@pytest.mark.parametrize("values", [["nick"], "nick", 5, object()])
def test_anything_else_is_refused(values: Any) -> None:
    """Values come in a mapping or a Pydantic model."""
    with pytest.raises(UsageError, match="mapping or a Pydantic model"):
        stored().fill(values)


# --- equality -------------------------------------------------------------------------------------------------------


def test_the_same_moment_in_another_zone_is_no_change() -> None:
    """Aware datetimes compare as moments."""
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    author = stored(updated_at=moment)

    changed = author.fill(updated_at=moment.astimezone(timezone(timedelta(hours=9))))

    assert not changed


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("price", Decimal("1.50"), Decimal("1.5"), False),
        ("price", Decimal("1.50"), Decimal("1.51"), True),
        ("code", "Abc", "aBC", False),
        ("code", "abc", "abd", True),
        ("code", None, "abc", True),
        ("code", "abc", None, True),
        ("code", None, None, False),
        ("data", {"a": 1}, {"a": 1}, False),
        ("data", {"a": 1}, {"a": 2}, True),
    ],
)
def test_equality_is_that_of_the_column_type(name: str, old: object, new: object, changed: bool) -> None:
    """A type that compares in its own way decides, and None equals only None."""
    form = Form(**{"id": 1, name: old})
    make_transient_to_detached(form)

    assert form.fill({name: new}) is changed


def test_a_value_that_was_not_loaded_is_a_change() -> None:
    """What the row holds is not known, so it is set."""
    author = Author(id=1)
    make_transient_to_detached(author)

    assert author.fill(nick=None)


# --- relations ------------------------------------------------------------------------------------------------------


def test_one_object_is_appended_without_loading_the_collection() -> None:
    """A to-many relation need not be in memory to get one more member."""
    author, book = stored(), Book(title="Notes")

    changed = author.fill(books=book)

    assert changed
    with pytest.raises(NotLoadedError, match="books"):
        author.books  # noqa: B018


def test_a_list_for_a_relation_that_is_not_loaded_changes_nothing() -> None:
    """Replacing needs to know what is replaced; that is found out before anything is set."""
    author = stored()

    with pytest.raises(NotLoadedError, match="books"):
        author.fill(nick="b", books=[Book(title="Notes")])

    assert author.changes() == {}


def test_a_list_replaces_a_loaded_relation() -> None:
    """The members are those of the list, in its order."""
    kept, gone, new = Book(title="kept"), Book(title="gone"), Book(title="new")
    author = Author(books=[gone, kept])

    changed = author.fill(books=[new, kept])

    assert changed
    assert author.books == [new, kept]


def test_the_same_members_are_no_change() -> None:
    """Neither a list of the same members nor a member that is there already."""
    one, two = Book(title="one"), Book(title="two")
    author = Author(books=[one, two])

    assert not author.fill(books=[one, two])
    assert not author.fill(books=one)
    assert author.books == [one, two]


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_any_collection_replaces_a_relation_of_any_kind(kind: type[Any]) -> None:
    """A relation that is a set takes a list, and one that is a list takes a set."""
    tag, book = Tag(name="math"), Book(title="Notes")

    tag.fill(books=kind([book]))
    book.fill(tags=kind([tag]))

    assert (tag.books, book.tags) == ([book], {tag})


def test_a_relation_that_is_a_dict_takes_members_and_mappings() -> None:
    """Members are filed by their key, whatever they come in."""
    one, two = Note(word="one"), Note(word="two")
    form = Form()

    form.fill(notes=[one])
    form.fill(notes=two)
    filed = dict(form.notes)
    same = form.fill(notes={"one": one, "two": two})
    form.fill(notes={"two": two})

    assert filed == {"one": one, "two": two}
    assert not same
    assert form.notes == {"two": two}


def test_the_same_object_for_a_relation_to_one_is_no_change() -> None:
    """Another object, and None, are."""
    author = Author()
    book = Book(author=author)

    assert not book.fill(author=author)
    assert book.fill(author=Author())
    assert book.fill(author=None)
    assert book.author is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("author", 5), ("author", Tag(name="math")), ("tags", 5), ("tags", [Author()]), ("tags", None), ("tags", "math")],
)
def test_a_relation_takes_rows_of_its_model_only(name: str, value: object) -> None:
    """A key, a row of another model or nothing at all is refused before anything is set."""
    book = Book(title="Notes", tags=set())

    with pytest.raises(UsageError, match=rf"Book\.{name} takes"):
        book.fill({"title": "New", name: value})

    assert book.title == "Notes"


async def test_create_refuses_such_values_too() -> None:
    """`create(author=5)` says what a relation takes, before a database is asked for."""
    with pytest.raises(UsageError, match=r"Book\.author takes"):
        await Book.create(title="Notes", author=5)


def test_fill_leaves_a_shared_row_unchanged() -> None:
    """A stored row that is given as a relation value does not learn of it."""
    author, book = stored(), Book(title="Notes")

    book.fill(author=author)

    assert (book.author, book.author_id) == (author, 1)
    assert not inspect(author).modified
