"""Rows come into a unit for its length, and their relatives stay where they are."""

import asyncio

import pytest
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.errors import InvalidDataError, NotLoadedError, SessionConflictError, UsageError
from tests.models.bookshop import Author, Base, Book, Country, Folder, Profile, Seat, Tag, Ticket, sent, undone
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


def is_attached(row: object) -> bool:
    return bool(inspect(row).session)


# --- a detached row in a unit ---------------------------------------------------------------------------------------


async def test_a_detached_row_is_attached_for_the_length_of_the_unit(db: Database) -> None:
    """A row from outside is written by the unit as the same object, and let go at its end."""
    ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        returned = await ada.update(nick="a")
        inside = is_attached(ada)

    assert returned is ada
    assert (inside, is_attached(ada)) == (True, False)


async def test_a_lone_call_leaves_the_row_detached(db: Database) -> None:
    """Outside any unit a row is attached only while a call works with it."""
    ada = await Author.create(email="ada@example.com")

    await ada.update(nick="a")

    assert not is_attached(ada)
    assert ada.nick == "a"


async def test_the_relatives_of_a_row_stay_outside(db: Database) -> None:
    """Loaded relations of a row that is written are neither attached nor lost."""
    ada = await Author.create(email="ada@example.com", books=[Book(title="Notes")], profile=Profile(text="p"))
    book, profile = ada.books[0], ada.profile

    async with db.transaction():
        await ada.update(nick="a")
        inside = is_attached(book), is_attached(profile)

    assert inside == (False, False)
    assert (ada.books, ada.profile) == ([book], profile)


async def test_unsaved_relatives_are_saved_with_the_row(db: Database) -> None:
    """A new row brings the new rows it refers to, and those they refer to."""
    country = await Country.create(code="kr")
    book = Book(title="Notes", country=country)
    ada = Author(email="ada@example.com", books=[book])

    await ada.save()

    stored = await Book.filter_by(title="Notes").one()
    assert (stored.author_id, stored.country_code) == (ada.id, "kr")
    assert not is_attached(country)


# --- relation values ------------------------------------------------------------------------------------------------


async def test_a_stored_row_given_as_a_relation_value_contributes_its_key(db: Database) -> None:
    """The new row refers to the very object it was given, which is neither attached nor changed."""
    ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        book = await Book.create(title="Notes", author=ada)
        inside = is_attached(ada)

    assert (book.author, book.author_id) == (ada, ada.id)
    assert (inside, inspect(ada).modified) == (False, False)
    with pytest.raises(NotLoadedError):
        ada.books  # noqa: B018


async def test_many_tasks_share_one_relation_value(db: Database, other_connection: OtherConnection) -> None:
    """Twenty tasks give the same detached row to rows of their own, each in a unit of its own."""
    ada = await Author.create(email="ada@example.com")

    books = await asyncio.gather(*(Book.create(title=f"{number}", author=ada) for number in range(20)))

    assert {book.author for book in books} == {ada}
    assert await other_connection.scalar("SELECT count(*) FROM books WHERE author_id = :id", id=ada.id) == 20
    assert (ada.changes(), inspect(ada).modified) == ({}, False)


async def test_open_units_share_one_relation_value(db: Database) -> None:
    """Two transactions that are open side by side may refer to the same detached row."""
    ada = await Author.create(email="ada@example.com")
    both = asyncio.Barrier(2) if db.dialect != "sqlite" else asyncio.Barrier(1)

    async def write(title: str) -> None:
        async with db.transaction():
            await Book.create(title=title, author=ada)
            await both.wait()

    await asyncio.gather(write("a"), write("b"))

    assert await Book.filter_by(author_id=ada.id).count() == 2


async def test_a_relation_value_may_be_written_by_another_task_meanwhile(db: Database) -> None:
    """Rows that refer to it and updates of the row itself do not get into each other's way."""
    ada = await Author.create(email="ada@example.com")

    async with asyncio.TaskGroup() as tasks:
        for number in range(10):
            tasks.create_task(Book.create(title=f"{number}", author=ada))
            tasks.create_task(ada.update(balance=number + 1))

    assert await Book.filter_by(author_id=ada.id).count() == 10
    assert (await Author.get(ada.id)).balance == ada.balance


async def test_a_constructor_takes_a_stored_row_too(db: Database) -> None:
    """`Book(author=ada)` and `save` refer to the row by its key; later writes of it send nothing else."""
    ada = await Author.create(email="ada@example.com")
    book = Book(title="Notes", author=ada)

    await book.save()
    with sent(db) as statements:
        await ada.update(nick="a")

    assert (await Book.get(book.id)).author_id == ada.id
    assert (is_attached(ada), is_attached(book)) == (False, False)
    assert len(statements) == 1


async def test_a_constructor_leaves_no_trace_in_the_row_it_takes(db: Database) -> None:
    """What the back-reference noted there does not bring the new row into units of the other one."""
    ada = await Author.create(email="ada@example.com")
    book = await Book(title="Notes", author=ada).save()

    async with db.transaction():
        await ada.update(nick="a")
        inside = is_attached(ada), is_attached(book)

    assert inside == (True, False)


async def test_an_update_takes_a_stored_row_as_a_relation_value(db: Database) -> None:
    """`update(author=bob)` writes the foreign key and leaves `bob` outside."""
    ada, bob = await Author.create(email="ada@example.com"), await Author.create(email="bob@example.com")
    book = await Book.create(title="Notes", author=ada)

    async with db.transaction():
        await book.update(author=bob)
        inside = is_attached(bob)

    assert (book.author, book.author_id, inside) == (bob, bob.id, False)
    assert (await Book.get(book.id)).author_id == bob.id


async def test_a_relation_value_set_on_a_detached_row_is_saved(db: Database) -> None:
    """Plain assignment and `save` work as `update` does."""
    ada, bob = await Author.create(email="ada@example.com"), await Author.create(email="bob@example.com")
    book = await Book.create(title="Notes", author=ada)

    book.author = bob
    await book.save()

    assert (await Book.get(book.id)).author_id == book.author_id == bob.id
    assert not is_attached(bob)


async def test_a_relation_can_be_set_to_none(db: Database) -> None:
    """None takes the foreign key away."""
    country = await Country.create(code="kr")
    ada = await Author.create(email="ada@example.com")
    book = await Book.create(title="Notes", author=ada, country=country)

    await book.update(country=None)

    assert (book.country, book.country_code) == (None, None)
    assert (await Book.get(book.id)).country_code is None


async def test_a_composite_key_is_contributed_whole(db: Database) -> None:
    """A relation over several columns sets all of them."""
    seat = await Seat.create(row="A", number=3)

    ticket = await Ticket.create(seat=seat)

    assert (ticket.seat_row, ticket.seat_number) == ("A", 3)
    assert (await Ticket.get(ticket.id)).seat_number == 3


async def test_a_row_of_the_same_table_is_referred_to_by_its_key(db: Database) -> None:
    """A self-referential relation works as any other."""
    root = await Folder.create(name="root")

    leaf = await Folder.create(name="leaf", parent=root)

    assert leaf.parent_id == root.id
    assert not is_attached(root)


async def test_a_row_of_the_unit_is_a_relation_value(db: Database) -> None:
    """What was created in the transaction can be referred to in it, by many tasks as well."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com")
        await asyncio.gather(*(Book.create(title=f"{number}", author=ada) for number in range(20)))

    assert await Book.filter_by(author_id=ada.id).count() == 20


async def test_tasks_share_a_stored_row_in_a_collection(db: Database, other_connection: OtherConnection) -> None:
    """The same detached tag is given to books that are written at the same time."""
    ada, tag = await Author.create(email="ada@example.com"), await Tag.create(name="math", colour="red")

    books = await asyncio.gather(*(Book.create(title=f"{n}", author=ada, tags={tag}) for n in range(10)))

    assert await other_connection.scalar("SELECT count(*) FROM book_tags") == 10
    assert all(book.tags == {tag} for book in books)
    assert not inspect(tag).modified


async def test_tasks_link_a_stored_row_to_rows_of_their_own(db: Database) -> None:
    """The same detached tag is added by updates that run at the same time, in units and outside."""
    ada, tag = await Author.create(email="ada@example.com"), await Tag.create(name="math")
    books = [await Book.create(title=f"{number}", author=ada) for number in range(6)]

    async def link(book: Book) -> None:
        async with db.transaction():
            await book.update(title="new")
            await book.update(tags=tag)

    await asyncio.gather(*(book.update(tags=tag) for book in books[:3]), *(link(book) for book in books[3:]))

    stored = await Book.query().include("tags").all()
    assert [[one.name for one in book.tags] for book in stored] == [["math"]] * 6
    assert not is_attached(tag)


async def test_a_constructor_takes_a_shared_row_in_a_collection(db: Database) -> None:
    """What the back-reference noted on the shared row is not written a second time with that row."""
    ada, tag = await Author.create(email="ada@example.com"), await Tag.create(name="math")
    book = Book(title="Notes", author=ada, tags={tag})

    await book.save()
    with sent(db) as statements:
        await tag.update(colour="red")

    assert len(statements) == 1
    stored = await Book.query().include("tags").first()
    assert stored is not None
    assert [one.colour for one in stored.tags] == ["red"]


async def test_a_shared_row_is_taken_out_of_a_collection(db: Database, other_connection: OtherConnection) -> None:
    """Replacing the members of a many-to-many relation deletes links and leaves the rows alone."""
    ada, tag = await Author.create(email="ada@example.com"), await Tag.create(name="math")
    book = await Book.create(title="Notes", author=ada, tags={tag, Tag(name="old")})

    await book.update(tags=[tag])

    assert book.tags == {tag}
    assert await other_connection.column("SELECT tag_name FROM book_tags") == ["math"]
    assert await Tag.query().count() == 2


# --- members of collections -----------------------------------------------------------------------------------------


async def test_an_unsaved_row_that_refers_to_a_row_of_the_unit_waits_for_its_save(db: Database) -> None:
    """Other calls of the unit neither write it nor complain about it."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com")
        book = Book(title="Notes", author=ada)
        await ada.update(nick="a")
        before = await Book.query().count()
        await book.save()

    assert before == 0
    assert (await Book.get(book.id)).author_id == ada.id


async def test_a_refused_row_leaves_no_trace_in_its_parent(db: Database) -> None:
    """A row that was not created is not a member of anything, and the unit goes on."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com", books=[Book(title="a")])
        with pytest.raises(InvalidDataError):
            await Book.create(title=5, author=ada)
        titles = [book.title for book in ada.books]
        await ada.update(nick="a")

    assert titles == ["a"]
    assert await Book.query().count() == 1


async def test_an_unsaved_member_stays_in_a_loaded_collection(db: Database) -> None:
    """A row that a back-reference put into a loaded collection is still there after the others were written."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com", books=[Book(title="a")])
        book = Book(title="b", author=ada)
        await ada.update(nick="a")
        between = [one.title for one in ada.books]
        await book.save()

    assert between == ["a", "b"]
    assert [one.title for one in ada.books] == ["a", "b"]


async def test_a_member_removed_from_a_detached_row_is_written_by_its_save(db: Database) -> None:
    """The removed row loses its foreign key, although only the owner is saved."""
    root = await Folder.create(name="root", children=[Folder(name="a"), Folder(name="b")])
    first = root.children[0]

    root.children.remove(first)
    await root.save()

    assert [child.name for child in root.children] == ["b"]
    assert not await Folder.filter_by(name="a").exists()


async def test_a_member_removed_inside_the_unit_is_written(db: Database) -> None:
    """Also when the row came in with its collection loaded before, and its members stayed outside."""
    author = await Author.create(email="ada@example.com")
    math, old = Tag(name="math"), Tag(name="old")
    book = await Book.create(title="Notes", author=author, tags={math, old})

    async with db.transaction():
        await book.update(title="New")
        book.tags.remove(old)
        await book.save()

    stored = await Book.query().include("tags").first()
    assert stored is not None
    assert {tag.name for tag in stored.tags} == {"math"}


async def test_a_stored_row_added_to_a_collection_is_written(db: Database) -> None:
    """`update(books=book)` gives a book of somebody else to its new author."""
    ada, bob = await Author.create(email="ada@example.com"), await Author.create(email="bob@example.com")
    book = await Book.create(title="Notes", author=ada)

    await bob.update(books=book)

    assert (await Book.get(book.id)).author_id == bob.id
    assert book.author_id == bob.id


# --- two objects of one row -----------------------------------------------------------------------------------------


async def test_changes_are_applied_to_the_object_that_the_unit_holds(db: Database) -> None:
    """Both objects show what was written, and the one from outside stays outside."""
    mine = await Author.create(email="ada@example.com")

    async with db.transaction():
        held = await Author.get(mine.id)
        mine.nick = "a"
        returned = await mine.update(balance=5)
        attached = is_attached(mine), is_attached(held)

    assert returned is mine
    assert attached == (False, True)
    assert (held.nick, held.balance) == (mine.nick, mine.balance) == ("a", 5)
    assert (held.updated_at, mine.changes()) == (mine.updated_at, {})


async def test_values_of_the_other_object_are_copied_back(db: Database) -> None:
    """What the unit wrote through its own object is seen in the other one after its next call."""
    mine = await Author.create(email="ada@example.com")

    async with db.transaction():
        held = await Author.get(mine.id)
        await held.update(balance=5)
        await mine.update(nick="a")

    assert (mine.balance, mine.nick) == (5, "a")
    stored = await Author.get(mine.id)
    assert (stored.balance, stored.nick) == (5, "a")


async def test_both_objects_changing_one_column_is_a_conflict(db: Database) -> None:
    """Which value is meant cannot be known, so nothing is sent."""
    mine = await Author.create(email="ada@example.com", balance=1)

    async with db.transaction():
        held = await Author.get(mine.id)
        await held.update(balance=2)
        mine.balance = 3
        with sent(db) as statements, pytest.raises(SessionConflictError, match="balance"):
            await mine.save()
        shown = held.balance

    assert (statements, shown) == ([], 2)
    assert (await Author.get(mine.id)).balance == 2


async def test_an_unsaved_change_of_the_other_object_is_a_conflict_too(db: Database) -> None:
    """The values need not be written yet."""
    mine = await Author.create(email="ada@example.com", balance=1)

    async with undone(db):
        held = await Author.get(mine.id)
        held.balance = 2
        mine.balance = 3
        with pytest.raises(SessionConflictError, match="balance"):
            await mine.save()


async def test_both_objects_saying_the_same_is_no_conflict(db: Database) -> None:
    """Equal changes are one change."""
    mine = await Author.create(email="ada@example.com", balance=1)

    async with db.transaction():
        held = await Author.get(mine.id)
        await held.update(balance=2)
        mine.balance = 2
        await mine.save()

    assert (await Author.get(mine.id)).balance == 2


async def test_a_relation_changed_on_the_other_object_is_applied(db: Database) -> None:
    """Not only columns: a new value of a relation and a new member of a collection are written as well."""
    ada, bob = await Author.create(email="ada@example.com"), await Author.create(email="bob@example.com")
    book = await Book.create(title="Notes", author=ada, tags={Tag(name="old")})

    async with db.transaction():
        held = await Book.get(book.id)
        book.author = bob
        book.tags.add(Tag(name="new"))
        await book.save()
        seen = held.author_id

    stored = await Book.query().include("tags").first()
    assert stored is not None
    assert stored.author_id == book.author_id == seen == bob.id
    assert {tag.name for tag in stored.tags} == {tag.name for tag in book.tags} == {"old", "new"}


async def test_a_member_added_to_the_other_object_is_saved(db: Database) -> None:
    """Of a relation with a foreign key on the other side, whether or not the collection is loaded."""
    ada = await Author.create(email="ada@example.com", books=[Book(title="a")])
    unloaded = await Author.get(ada.id)

    async with db.transaction():
        held = await Author.get(ada.id)
        ada.books.append(Book(title="b"))
        await ada.save()
        unloaded.fill(books=Book(title="c"))
        await unloaded.save()
        inside = held.id

    assert inside == ada.id
    assert await Book.filter_by(author_id=ada.id).count() == 3
    assert [book.title for book in ada.books] == ["a", "b"]


async def test_the_object_of_the_unit_is_deleted_through_the_other(db: Database) -> None:
    """`delete` on the object from outside deletes the row, and the unit knows."""
    mine = await Author.create(email="ada@example.com")

    async with db.transaction():
        held = await Author.get(mine.id)
        await mine.delete()
        gone = inspect(held).deleted

    assert gone
    assert not await Author.query().exists()


async def test_refresh_reads_for_both_objects(db: Database) -> None:
    """The object from outside shows what was read again."""
    mine = await Author.create(email="ada@example.com", balance=1)

    async with db.transaction():
        held = await Author.get(mine.id)
        await held.update(balance=2)
        await mine.refresh()
        shown = mine.balance

    assert shown == 2


# --- rows that belong elsewhere -------------------------------------------------------------------------------------


async def test_a_row_of_another_open_unit_is_refused(db: Database) -> None:
    """The error names both units and says what to do, and nothing is sent."""
    ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        await ada.refresh()
        async with db.detached():
            with sent(db) as statements, pytest.raises(SessionConflictError) as caught:
                await ada.update(nick="a")

    assert statements == []
    assert len(caught.value.units) == 2
    assert "db.transaction()" in str(caught.value)
    assert "get()" in str(caught.value)


async def test_a_relation_value_of_another_open_unit_is_refused(db: Database) -> None:
    """Its row may be rolled back; a row that refers to it must not be stored."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com")
        async with db.detached():
            with sent(db) as statements, pytest.raises(SessionConflictError, match="Author"):
                await Book.create(title="Notes", author=ada)
        stored = await Author.filter_by(email="ada@example.com").exists()

    assert statements == []
    assert stored


async def test_a_member_of_a_collection_of_another_open_unit_is_refused(db: Database) -> None:
    """The same for what a to-many relation is given."""
    author = await Author.create(email="ada@example.com")
    async with db.transaction():
        tag = await Tag.create(name="math")
        async with db.detached():
            with sent(db) as statements, pytest.raises(SessionConflictError, match="Tag"):
                await Book.create(title="Notes", author=author, tags={tag})

    assert statements == []
    assert await Tag.filter_by(name="math").exists()


async def test_a_row_may_be_used_again_when_the_other_unit_has_ended(db: Database) -> None:
    """The refusal is about open units only."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        await ada.update(nick="a")

    assert (await Author.get(ada.id)).nick == "a"


async def test_a_row_of_a_session_of_the_user_is_written_there(db: Database) -> None:
    """Such a session is neither committed nor closed by a call on its row."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        ada = Author(email="ada@example.com")
        session.add(ada)
        await session.commit()
        await ada.update(nick="a")
        inside = session.in_transaction(), ada in session
        await session.rollback()

    assert inside == (True, True)
    assert await Author.filter_by(nick=None).count() == 1


async def test_a_row_of_a_session_of_the_user_is_committed_on_demand(db: Database) -> None:
    """`auto_commit=True` commits the session that the row is attached to."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        ada = Author(email="ada@example.com")
        session.add(ada)
        await ada.update(nick="a", auto_commit=True)

        outside = await Author.get(ada.id)

    assert outside.nick == "a"


async def test_a_row_of_a_session_without_asyncio_is_refused(db: Database) -> None:
    """activerow cannot await for a plain `Session`."""
    async with AsyncSession(db.engine) as session:
        plain = type(session.sync_session)()
        ada = Author(email="ada@example.com")
        plain.add(ada)

        with pytest.raises(UsageError, match="AsyncSession"):
            await ada.save()
        plain.close()
