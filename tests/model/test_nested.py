"""Related rows that are given by their values: mappings and Pydantic models in the place of rows."""

import pickle
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, attribute_keyed_dict, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import (
    InvalidDataError,
    NotLoadedError,
    NotNullViolationError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from activerow.fastapi import SessionDep
from activerow.mixins import AutoTableName
from tests.models.web import client_of, make_app
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of authors."""


class Author(Base):
    """Has books, a page, texts by language and groups."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(
        back_populates="author", order_by="Book.id", cascade="all, delete-orphan"
    )
    page: Mapped["Page | None"] = relationship(back_populates="author", cascade="all, delete-orphan")
    texts: Mapped[dict[str, "Text"]] = relationship(
        collection_class=attribute_keyed_dict("lang"), cascade="all, delete-orphan"
    )
    memberships: Mapped[list["Membership"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    """Has chapters."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(10))
    isbn: Mapped[str | None] = mapped_column(String(10), unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")
    chapters: Mapped[list["Chapter"]] = relationship(order_by="Chapter.id", cascade="all, delete-orphan")


class Chapter(Base):
    """Of a book."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(10))
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))


class Page(Base):
    """At most one of an author."""

    id: Mapped[int] = mapped_column(primary_key=True)
    bio: Mapped[str]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author | None] = relationship(back_populates="page")


class Text(Base):
    """One in each language; the key is natural."""

    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), primary_key=True)
    lang: Mapped[str] = mapped_column(String(2), primary_key=True)
    words: Mapped[str]


class Group(Base):
    """Of authors."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Membership(Base):
    """An association object: its key are both foreign keys."""

    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), primary_key=True)
    role: Mapped[str] = mapped_column(default="member")
    author: Mapped[Author] = relationship(back_populates="memberships")
    group: Mapped[Group] = relationship()


class BookIn(BaseModel):
    """A book as a client sends it."""

    id: int | None = None
    title: str
    chapters: list[dict[str, str]] = []


class AuthorIn(BaseModel):
    """An author with books."""

    name: str
    books: list[BookIn] = []


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Empty tables."""
    return await make_database(Base)


async def shown() -> list[tuple[str, list[str]]]:
    """The books and their chapters, as they are stored."""
    books = await Book.order_by("id").include("chapters").all()
    return [(book.title, [chapter.title for chapter in book.chapters]) for book in books]


async def ada(**values: Any) -> Author:
    """An author with two books, the first of two chapters."""
    books = [{"title": "a", "chapters": [{"title": "a1"}, {"title": "a2"}]}, {"title": "b"}]
    return await Author.create({"name": "Ada", "books": books, **values})


async def test_create_makes_rows_of_any_depth(db: Database) -> None:
    """Lists in lists, a row that another one has, a dict by language, and an association object with its group."""
    author = await ada(
        page={"bio": "wrote"},
        texts={"en": {"words": "hello"}, "de": {"words": "hallo"}},
        memberships=[{"group": {"name": "poets"}, "role": "chair"}],
    )

    assert await shown() == [("a", ["a1", "a2"]), ("b", [])]
    assert [book.title for book in author.books] == ["a", "b"]
    assert author.page is not None
    assert (await Page.query().one()).author_id == author.id
    assert await Text.order_by("lang").values("lang", "words") == [
        {"lang": "de", "words": "hallo"},
        {"lang": "en", "words": "hello"},
    ]
    assert author.texts["en"].words == "hello"
    assert await Membership.query().values("group__name", "role") == [{"group__name": "poets", "role": "chair"}]


async def test_pydantic_models_are_their_set_fields(db: Database) -> None:
    """A whole body, nested models and mappings in it."""
    body = AuthorIn(name="Ada", books=[BookIn(title="a", chapters=[{"title": "a1"}]), BookIn(id=None, title="b")])

    author = await Author.create(body)

    assert await shown() == [("a", ["a1"]), ("b", [])]
    await author.update({"books": [BookIn(id=author.books[1].id, title="c"), BookIn(title="d")]})
    assert await shown() == [("c", []), ("d", [])]


async def test_an_update_changes_members_makes_new_ones_and_removes_the_rest(db: Database) -> None:
    """By the primary key of a member; of what is not loaded, too."""
    stored = await ada()
    author = await Author.get(stored.id)
    first = stored.books[0].id
    chapter = stored.books[0].chapters[1].id

    changed = await author.update(
        books=[
            {"id": first, "title": "A", "chapters": [{"id": chapter, "title": "A2"}, {"title": "A3"}]},
            {"title": "n"},
        ]
    )

    assert changed is author
    assert await shown() == [("A", ["A2", "A3"]), ("n", [])]
    assert [book.id == first for book in await Book.order_by("id").all()] == [True, False]
    assert await author.update(books=[{"id": book.id, "title": book.title} for book in author.books]) is None


@pytest.mark.parametrize("loaded", [True, False])
async def test_members_are_changed_in_a_unit_and_alone(db: Database, loaded: bool) -> None:
    """Rows that were loaded before are the ones that show it."""
    stored = await ada()
    query = Author.query().include("books.chapters") if loaded else Author.query()

    author = await query.get(stored.id)
    second = stored.books[1].id
    assert await author.update(books=[{"id": second, "title": "alone"}]) is author
    assert await shown() == [("alone", [])]
    async with db.transaction():
        author = await query.get(stored.id)
        book = await Book.get(second)
        await author.update(books=[{"id": second, "title": "unit"}, {"title": "new"}])
        assert book.title == "unit"
    assert await shown() == [("unit", []), ("new", [])]


async def test_to_one_relations(db: Database) -> None:
    """The row that is there is changed by its key, and replaced by values without one."""
    author = await ada(page={"bio": "one"})
    page = await Page.query().one()

    await author.update(page={"id": page.id, "bio": "two"})
    assert await Page.query().values("id", "bio") == [{"id": page.id, "bio": "two"}]
    await author.update(page={"bio": "three"})
    assert await Page.query().pluck("bio") == ["three"]
    book = await Book.order_by("id").include("author").first()
    assert book is not None
    await book.update(author={"id": author.id, "name": "Ada L."})
    assert (await Author.get(author.id)).name == "Ada L."


async def test_one_nested_row_is_appended(db: Database) -> None:
    """As one row is, without loading the others."""
    author = await Author.get((await ada()).id)

    await author.update(books={"title": "c", "chapters": [{"title": "c1"}]})

    assert [title for title, _ in await shown()] == ["a", "b", "c"]


async def test_dicts_and_association_objects_are_matched_by_what_their_key_implies(db: Database) -> None:
    """The author is the row itself, the language the key of the dict, the group a row or its key."""
    poets, painters = await Group.create(name="poets"), await Group.create(name="painters")
    author = await ada(texts={"en": {"words": "hello"}, "de": {"words": "hallo"}}, memberships=[{"group": poets}])

    await author.update(texts={"en": {"words": "hi"}, "fr": {"words": "salut"}})
    assert await Text.order_by("lang").values("lang", "words") == [
        {"lang": "en", "words": "hi"},
        {"lang": "fr", "words": "salut"},
    ]
    await author.update(memberships=[{"group": poets, "role": "chair"}, {"group_id": painters.id}])
    assert await Membership.order_by("group_id").pluck("role") == ["chair", "member"]
    await author.update(memberships=[{"group_id": painters.id, "role": "guest"}])
    assert await Membership.query().values("group__name", "role") == [{"group__name": "painters", "role": "guest"}]


async def test_fill_sets_and_save_writes(db: Database) -> None:
    """Of a detached row, whose members are saved along; what is not loaded is refused."""
    stored = await ada()
    author = await Author.query().include("books.chapters").get(stored.id)
    first = author.books[0]

    chapters: list[Any] = []
    assert author.fill(books=[{"id": first.id, "title": "F", "chapters": chapters}])
    assert author.books == [first]
    await author.save()

    assert await shown() == [("F", [])]
    assert author.fill(books=[{"id": first.id, "title": "G"}])
    await pickle.loads(pickle.dumps(author)).save()
    assert await shown() == [("G", [])]
    plain = await Author.get(stored.id)
    with pytest.raises(NotLoadedError):
        plain.fill(books=[{"id": first.id, "title": "H"}])
    new = Author()
    new.fill(name="Bob", books=[{"title": "z"}])
    await new.save()
    assert [book.title for book in new.books] == ["z"]


DEEP = {"books": [{"title": "x", "chapters": [{"title": 3}]}]}
TWICE = {"books": [{"title": "x", "isbn": "1"}, {"title": "y", "isbn": "1"}]}


@pytest.mark.parametrize(
    ("values", "kind", "place", "message"),
    [
        ({"books": [{"title": "x"}, {"titel": "x"}]}, UnknownFieldError, ("books", 1), "Book at books.1 has no field"),
        (
            {"books": [{"title": "x", "chapters": [{"title": 3}]}]},
            InvalidDataError,
            ("books", 0, "chapters", 0),
            "title",
        ),
        ({"books": [{"title": "x" * 11}]}, InvalidDataError, ("books", 0), "Book at books.0.title does not fit"),
        ({"texts": {"en": {"words": None}}}, NotNullViolationError, ("texts", "en"), "Text at texts.en.words"),
        ({"texts": {"en": {"words": "x", "lang": "de"}}}, InvalidDataError, ("texts", "en"), "differs from the key"),
        (
            {"books": [{"title": "x", "isbn": "1"}, {"title": "y", "isbn": "1"}]},
            UniqueViolationError,
            ("books", 1),
            "isbn",
        ),
        ({"books": [3]}, UsageError, (), "takes rows of Book, not int"),
    ],
)
async def test_errors_say_where(
    db: Database, values: dict[str, Any], kind: type[UsageError], place: tuple[Any, ...], message: str
) -> None:
    """In `create` and in `update`, and nothing is left of it."""
    with pytest.raises(kind, match=message) as caught:
        await Author.create({"name": "Bob", **values})
    assert caught.value.place == place
    author = await Author.create(name="Eve", texts={"fr": {"words": "salut"}})

    with pytest.raises(kind, match=message) as caught:
        await author.update(values)
    assert caught.value.place == place
    assert pickle.loads(pickle.dumps(caught.value)).place == place
    assert await Author.query().pluck("name") == ["Eve"]
    assert not await Book.query().exists()
    assert await Text.query().pluck("lang") == ["fr"]
    assert await author.update(name="Eva") is author


async def test_keys_that_are_no_members(db: Database) -> None:
    """Another author's book cannot be taken over by its number, nor a number be made up, nor given twice."""
    stored = await ada()
    other = await Author.create(name="Bob", books=[{"title": "his"}])
    theirs, mine = other.books[0].id, stored.books[0].id

    for books in ([{"id": theirs, "title": "mine"}], [{"id": 999, "title": "new"}]):
        with pytest.raises(InvalidDataError, match=r"Book at books\.0\.id .* no member has this key") as caught:
            await stored.update(books=books)
        assert caught.value.columns == ("id",)
    with pytest.raises(InvalidDataError, match=r"books\.1\.id .* given twice"):
        await stored.update(books=[{"id": mine, "title": "x"}, {"id": mine, "title": "y"}])
    with pytest.raises(InvalidDataError):
        await stored.update(books=[{"id": mine, "title": "x" * 11}])
    with pytest.raises(InvalidDataError, match=r"Author at books\.0\.author\.id"):
        await stored.update(books=[{"id": mine, "author": {"id": 7, "name": "x"}}])

    assert [title for title, _ in await shown()] == ["a", "b", "his"]
    assert (stored.books[0].title, stored.changes()) == ("a", {})


async def test_a_refused_update_takes_members_back(db: Database) -> None:
    """What was set on them is undone with the rest, in a unit that goes on, too."""
    author = await ada()
    first, second = author.books
    await Book.create(title="t", isbn="9", author=await Author.create(name="Bob"))

    async with db.transaction():
        with pytest.raises(UniqueViolationError) as caught:
            async with db.transaction():
                await author.update(books=[{"id": first.id, "title": "F"}, {"id": second.id, "isbn": "9"}])
        assert caught.value.place == ("books", 1)
        with pytest.raises(InvalidDataError):
            await author.update(books=[{"id": first.id, "title": "F"}, {"id": second.id, "isbn": "9" * 11}])
        await author.update(name="Ada L.")

    assert [title for title, _ in await shown()] == ["a", "b", "t"]
    assert (first.title, second.isbn) == ("a", None)


async def test_fastapi_answers_with_the_place(db: Database) -> None:
    """What does not fit, what is missing and what is taken: `loc` leads to the value in the body."""
    app = make_app(db)

    @app.post("/authors")
    async def create(body: dict[str, Any], _session: SessionDep) -> dict[str, int]:
        return {"id": (await Author.create(body)).id}

    async with client_of(app) as client:
        made = await client.post("/authors", json={"name": "Ada", "books": [{"title": "a", "isbn": "1"}]})
        long = await client.post("/authors", json={"name": "Bob", "books": [{"title": "x" * 11}]})
        missing = await client.post("/authors", json={"name": "Bob", "books": [{"title": "b"}, {"isbn": "2"}]})
        taken = await client.post("/authors", json={"name": "Bob", "books": [{"title": "b", "isbn": "1"}]})

    assert made.status_code == 200
    assert [answer.status_code for answer in (long, missing, taken)] == [422, 422, 409]
    assert [answer.json()["errors"][0]["loc"] for answer in (long, missing, taken)] == [
        ["body", "books", 0, "title"],
        ["body", "books", 1, "title"],
        ["body", "books", 0, "isbn"],
    ]
    assert long.json()["message"].startswith("books.0.title: ")
    assert await Author.query().pluck("name") == ["Ada"]
