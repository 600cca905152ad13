"""`With` and `Without`: members join and leave a relation that nobody has loaded."""

from typing import Any

import pytest
from sqlalchemy import inspect

from activerow import Database, Q
from activerow.errors import NotLoadedError, UsageError
from activerow.members import With, Without
from tests.models.bookshop import Author, Base, Book, Folder, Tag, book_tags, undone
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A book with three tags by Ada, and a folder with two more in it."""
    db = await make_database(Base)
    async with db.transaction() as session:
        await Author.create(id=1, email="a@x.org")
        await Author.create(id=2, email="b@x.org")
        await Book.create(id=1, title="t", author_id=1)
        for name in "abc":
            await Tag.create(name=name)
        await session.execute(book_tags.insert(), [{"book_id": 1, "tag_name": name} for name in "abc"])
        await Folder.create(id=1, name="root")
        for id_ in (2, 3):
            await Folder.create(id=id_, name="leaf", parent_id=1)
    return db


async def tags_of(other: OtherConnection) -> str:
    """The names in the table between, as others see them."""
    names = [await other.scalar(f"SELECT count(*) FROM book_tags WHERE tag_name = '{name}'") for name in "abc"]
    return "".join(name for name, count in zip("abc", names, strict=True) if count)


async def test_a_tag_leaves_without_the_others_being_read(db: Database, other_connection: OtherConnection) -> None:
    """One DELETE in the table between, whether rows are detached or not; nothing is loaded."""
    book, a, b = await Book.get(1), await Tag.get("a"), await Tag.get("b")

    with statements(db) as sent:
        assert await book.update(tags=Without(a)) is book
    async with db.transaction():
        attached = await Book.get(1)
        await attached.update(tags=Without(await Tag.get("b")))
    assert await tags_of(other_connection) == "c"

    assert [sql.split()[0] for sql in sent if "book_tags" in sql] == ["SELECT", "DELETE"]
    assert inspect(a).detached
    assert inspect(b).detached
    with pytest.raises(NotLoadedError):
        _ = book.tags


async def test_several_leave_at_once_and_loaded_collections_follow(
    db: Database, other_connection: OtherConnection
) -> None:
    """Any object of the row will do."""
    book = await Book.query().include("tags").get(1)

    await book.update(tags=Without(await Tag.get("a"), await Tag.get("b")))

    assert {tag.name for tag in book.tags} == {"c"}
    assert await tags_of(other_connection) == "c"


async def test_what_is_no_member_is_passed_over(db: Database, other_connection: OtherConnection) -> None:
    """A loaded collection knows it, and so does a foreign key; nothing is sent."""
    book = await Book.query().include("tags").get(1)
    tag = await Tag.create(name="z")
    other = await Author.get(2)

    with statements(db) as sent:
        assert await book.update(tags=Without(tag)) is None
        assert await other.update(books=Without(await Book.get(1))) is None

    assert not [sql for sql in sent if sql.startswith(("UPDATE", "DELETE"))]
    assert await other_connection.scalar("SELECT author_id FROM books") == 1


async def test_a_link_that_is_gone_already_is_no_error(db: Database, other_connection: OtherConnection) -> None:
    """Two people may take out the same tag, on every backend."""
    first, second, a = await Book.get(1), await Book.get(1), await Tag.get("a")

    await first.update(tags=Without(a))
    await second.update(tags=Without(a, await Tag.get("b")))

    assert await tags_of(other_connection) == "c"


async def test_children_are_orphaned_or_deleted_as_the_relation_says(
    db: Database, other_connection: OtherConnection
) -> None:
    """delete-orphan deletes the row; the others are not read."""
    root, leaf = await Folder.get(1), await Folder.get(2)

    with statements(db) as sent:
        await root.update(children=Without(leaf))

    assert await other_connection.scalar("SELECT count(*) FROM folders") == 2
    assert len([sql for sql in sent if sql.startswith("SELECT")]) <= 2
    with pytest.raises(NotLoadedError):
        _ = root.children


async def test_a_rollback_puts_links_back(db: Database, other_connection: OtherConnection) -> None:
    """The relation is not loaded after it, and complete when it is; a loaded one shows what it had."""
    async with undone(db):
        book, a = await Book.get(1), await Tag.get("a")
        loaded = await Book.query().include("tags").get(1)
        await book.update(tags=Without(a))
        assert {tag.name for tag in loaded.tags} == {"b", "c"}

    assert {tag.name for tag in loaded.tags} == {"a", "b", "c"}
    async with undone(db):
        other = await Folder.get(1)
        await other.update(children=Without(await Folder.get(2)))
    with pytest.raises(NotLoadedError):
        _ = other.children
    await other.load("children")
    assert [child.id for child in other.children] == [2, 3]
    assert await tags_of(other_connection) == "abc"


async def test_a_part_that_was_included_knows_no_better(db: Database, other_connection: OtherConnection) -> None:
    """What is not shown is asked for, and what is shown is taken out of it."""
    book = await Book.query().include("tags", where=Q(name__in=["a", "b"])).get(1)

    await book.update(tags=Without(await Tag.get("a"), await Tag.get("c")))

    assert {tag.name for tag in book.tags} == {"b"}
    assert await tags_of(other_connection) == "b"


async def test_wrong_values_are_refused(db: Database) -> None:
    """New rows have no members, one row is no collection, and a row of another model is none of its."""
    book: Any = await Book.get(1)
    tag = await Tag.get("a")

    with pytest.raises(UsageError, match="could be taken out"):
        await Book.create(title="x", author_id=1, tags=Without(tag))
    with pytest.raises(UsageError, match="leads to one row"):
        book.fill(author=Without(await Author.get(1)))
    with pytest.raises(UsageError, match="takes rows of Tag, not Author"):
        book.fill(tags=Without(await Author.get(1)))
    with pytest.raises(UsageError, match="not stored"):
        await book.update(tags=Without(Tag(name="new")))
    with pytest.raises(NotLoadedError, match="load"):
        book.fill(tags=Without(tag))
    assert repr(Without(tag)) == "Without(<Tag name='a'>)"


@pytest.mark.parametrize("loaded", [True, False])
async def test_what_is_no_member_yet_is_added(db: Database, other_connection: OtherConnection, loaded: bool) -> None:
    """New and stored rows, each once; a member is passed over, whether the unit is its own or an open one."""
    book = await (Book.query().include("tags") if loaded else Book.query()).get(1)
    a, b, c = [await Tag.get(name) for name in "abc"]
    await book.update(tags=Without(b, c))

    assert await book.update(tags=With(a)) is None
    assert await book.update(tags=With(a, b, b)) is book
    assert await tags_of(other_connection) == "ab"
    async with db.transaction():
        held = await Book.get(1)
        await held.update(tags=With(await Tag.get("b"), await Tag.get("c"), Tag(name="new")))
    assert await tags_of(other_connection) == "abc"
    assert await Book.filter_by(tags__name="new").exists()
    if loaded:
        assert {tag.name for tag in book.tags} == {"a", "b"}
    else:
        with pytest.raises(NotLoadedError):
            _ = book.tags


async def test_children_move_and_new_rows_take_members(db: Database) -> None:
    """Of a one-to-many relation the foreign key changes; a new row has nothing yet; one row is set, not added."""
    book, other = await Book.get(1), await Book.create(id=9, title="u", author_id=2)

    ada = await Author.get(1)
    with statements(db) as sent:
        await ada.update(books=With(book, other))
    assert len([sql for sql in sent if sql.startswith("UPDATE")]) == 1
    assert await Book.filter_by(author_id=1).count() == 2
    eve = await Author.create(id=3, email="e@x.org", books=With(other))
    assert await Book.filter_by(author=eve).pluck("title") == ["u"]
    with pytest.raises(UsageError, match="leads to one row: set it to the row"):
        await book.update(author=With(eve))
    with pytest.raises(UsageError, match="takes rows of Book, not Tag"):
        await ada.update(books=With(await Tag.get("a")))
    with pytest.raises(NotLoadedError):
        (await Author.get(1)).fill(books=With(book))
