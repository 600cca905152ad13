"""Deleted rows are hidden from every terminal of a query, and shown where they are asked for."""

import pytest
from pydantic import BaseModel

from activerow import Database
from activerow.aggregates import Count
from tests.models.library import Author, Base, Book, Review, Tag
from tests.tools.backends.active import MakeDatabase


class ReviewOut(BaseModel):
    """A review, by its stars."""

    stars: int


class AuthorOut(BaseModel):
    """An author, by name."""

    name: str


class BookOut(BaseModel):
    """A book with what belongs to it."""

    title: str
    author: AuthorOut | None
    reviews: list[ReviewOut]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Ada and Eve with a book each, and Bob; Eve is deleted, and one of two reviews and tags of Ada's book."""
    db = await make_database(Base)
    async with db.transaction():
        await Author.create(id=1, name="Ada")
        eve = await Author.create(id=2, name="Eve")
        await Author.create(id=3, name="Bob")
        await Book.create(id=1, title="first", author_id=1)
        await Book.create(id=2, title="second", author_id=2)
        for id_ in (1, 2):
            await Review.create(id=id_, stars=id_, book_id=1)
            await Tag.create(id=id_, word=f"word {id_}", books=[await Book.get(1)])
        await eve.delete()
        await (await Review.get(2)).delete()
        await (await Tag.get(2)).delete()
    return db


async def test_numbered_pages_count_what_they_show(db: Database) -> None:
    """The total knows nothing of deleted rows either."""
    page = await Author.query().page(1, size=10)

    assert [author.name for author in page.items] == ["Ada", "Bob"]
    assert page.total == 2


async def test_cursor_pages_pass_over_deleted_rows(db: Database) -> None:
    """From page to page, and also where rows are sorted by a related one."""
    first = await Author.order_by("name").after(None, size=1)
    second = await Author.order_by("name").after(first.next, size=1)

    assert [author.name for author in (*first.items, *second.items)] == ["Ada", "Bob"]
    assert second.next is None


async def test_streams_pass_over_deleted_rows(db: Database) -> None:
    """Alone, and in a unit."""
    alone = [author.name async for author in Author.order_by("id").stream()]
    async with db.transaction():
        within = [author.name async for author in Author.order_by("id").stream()]

    assert alone == within == ["Ada", "Bob"]


async def test_projections_pass_over_deleted_rows_and_relatives(db: Database) -> None:
    """A deleted author is none, a deleted review is not in the list."""
    books = await Book.order_by("id").into(BookOut)
    everything = await Book.order_by("id").with_deleted(Author, Review).into(BookOut)

    assert [(book.author and book.author.name, [r.stars for r in book.reviews]) for book in books] == [
        ("Ada", [1]),
        (None, []),
    ]
    assert [(book.author and book.author.name, [r.stars for r in book.reviews]) for book in everything] == [
        ("Ada", [1, 2]),
        ("Eve", []),
    ]


async def test_groups_and_counts_of_related_rows_pass_over_deleted_ones(db: Database) -> None:
    """Neither the rows of a group nor the related rows that are counted are deleted ones."""
    reviews = await Book.order_by("id").values("title", reviews=Count("reviews"))
    names = await Author.query().group_by("name").order_by("name").values(authors=Count())

    assert reviews == [{"title": "first", "reviews": 1}, {"title": "second", "reviews": 0}]
    assert names == [{"name": "Ada", "authors": 1}, {"name": "Bob", "authors": 1}]


async def test_json_passes_over_deleted_rows(db: Database) -> None:
    """As `into` does."""
    assert await Tag.query().only_deleted().count() == 1
    assert b"word 2" not in await Tag.query().json()
