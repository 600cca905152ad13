"""After a rollback, of a savepoint too, objects show what the database holds."""

import pytest
from sqlalchemy import inspect

from activerow import Database
from activerow.errors import TransactionBrokenError, UniqueViolationError
from tests.models.bookshop import (
    Author,
    Base,
    Book,
    Country,
    Folder,
    Page,
    Seat,
    Shelf,
    Size,
    Tag,
    Undo,
    Voucher,
    sent,
    undone,
)
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


def is_new(row: object) -> bool:
    return bool(inspect(row).transient)


# --- an undone UPDATE -----------------------------------------------------------------------------------------------


async def test_an_undone_savepoint_shows_the_value_from_before_it(db: Database) -> None:
    """A row that was changed in a savepoint says the old value again once the savepoint is rolled back."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with db.transaction():
        async with undone(db):
            await ada.update(balance=50)
        shown = ada.balance

    assert shown == 100
    assert (await Author.get(ada.id)).balance == 100


async def test_the_same_update_after_a_rollback_is_sent_again(db: Database) -> None:
    """`update` compares with what the database holds, not with what an undone savepoint wrote."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with db.transaction():
        async with undone(db):
            await ada.update(balance=50)
        updated = await ada.update(balance=50)

    assert updated is ada
    assert (await Author.get(ada.id)).balance == 50


async def test_an_undone_unit_shows_the_values_from_before_it(db: Database) -> None:
    """After the rollback of a whole unit the row is detached, unchanged, and says what is stored."""
    ada = await Author.create(email="ada@example.com", nick="a", balance=100)
    before = ada.to_dict()

    async with undone(db):
        await ada.update(nick="b", balance=50)

    assert ada.to_dict() == before
    assert ada.changes() == {}
    assert await ada.update(balance=50) is ada
    assert (await Author.get(ada.id)).balance == 50


async def test_an_unsaved_change_is_dropped_by_the_rollback(db: Database) -> None:
    """What was set and never saved is not saved by accident after a rollback."""
    ada = await Author.create(email="ada@example.com", nick="a")

    async with undone(db):
        await ada.update(balance=1)
        ada.nick = "b"

    assert (ada.nick, ada.changes()) == ("a", {})


async def test_a_released_savepoint_is_undone_with_the_unit_around_it(db: Database) -> None:
    """The rollback of a unit takes back what its savepoints kept."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with undone(db):
        async with db.transaction():
            await ada.update(balance=50)
        await ada.update(balance=25)

    assert ada.balance == 100
    assert await ada.update(balance=25) is ada


async def test_a_savepoint_gives_back_the_value_of_the_unit_around_it(db: Database) -> None:
    """Each level puts back its own: the inner rollback shows what the outer block wrote before."""
    ada = await Author.create(email="ada@example.com", balance=100)
    shown: list[int] = []

    async with undone(db):
        await ada.update(balance=90)
        async with undone(db):
            await ada.update(balance=80)
            async with undone(db):
                await ada.update(balance=70)
            shown.append(ada.balance)
        shown.append(ada.balance)
    shown.append(ada.balance)

    assert shown == [80, 90, 100]


async def test_a_change_from_before_the_savepoint_survives_it(db: Database) -> None:
    """What an attached row had unsaved when the savepoint began is written before it, and stays."""
    ada = await Author.create(email="ada@example.com", nick="a", balance=100)

    async with db.transaction():
        await ada.update(balance=90)
        ada.nick = "b"
        async with undone(db):
            await ada.update(nick="c")
        shown = ada.nick

    assert shown == "b"
    assert (await Author.get(ada.id)).nick == "b"


async def test_values_computed_by_the_server_are_put_back(db: Database) -> None:
    """A computed column and a server-side time stamp of an undone UPDATE go with it."""
    shelf = await Shelf.create(label="x", width=2)
    before = shelf.to_dict()

    async with undone(db):
        await shelf.update(width=5)
        inside = shelf.area

    assert inside == 15
    assert shelf.to_dict() == before


async def test_updated_at_goes_back(db: Database) -> None:
    """`updated_at` says when the row was last changed for good."""
    ada = await Author.create(email="ada@example.com")
    before = ada.updated_at

    async with undone(db):
        await ada.update(nick="b")
        inside = ada.updated_at

    assert inside > before
    assert ada.updated_at == before


@pytest.mark.parametrize("name", ["facts", "tracked"])
async def test_a_change_in_place_is_undone(db: Database, name: str) -> None:
    """A JSON value of a row of the unit has its old content again, and the same change is sent again."""
    made = await Shelf.create(label="x", facts={"a": [1]}, tracked={"a": [1]})

    async with undone(db):
        shelf = await Shelf.get(made.id)
        held = getattr(shelf, name)
        held["a"] = [2]
        await shelf.save()

    assert (getattr(shelf, name), held) == ({"a": [1]}, {"a": [1]})
    await shelf.update({name: {"a": [2]}})
    assert getattr(await Shelf.get(made.id), name) == {"a": [2]}


@pytest.mark.parametrize("name", ["facts", "tracked"])
async def test_a_change_in_place_is_undone_by_its_savepoint(db: Database, name: str) -> None:
    """The unit goes on with the content from before the savepoint, and writes nothing else at its end."""
    async with db.transaction():
        shelf = await Shelf.create(label="x", facts={"a": [1]}, tracked={"a": [1]})
        getattr(shelf, name)["b"] = 1
        await shelf.save()
        async with undone(db):
            getattr(shelf, name)["a"].append(2)
            getattr(shelf, name)["b"] = 2
            await shelf.save()
        shown = getattr(shelf, name)

    assert shown == {"a": [1], "b": 1}
    assert getattr(await Shelf.get(shelf.id), name) == {"a": [1], "b": 1}


@pytest.mark.parametrize("name", ["facts", "tracked"])
async def test_a_replaced_value_is_undone_and_can_be_changed_in_place(db: Database, name: str) -> None:
    """The JSON value that was replaced comes back and is still watched."""
    shelf = await Shelf.create(label="x", facts={"a": 1}, tracked={"a": 1})

    async with undone(db):
        await shelf.update({name: {"z": 26}})
    getattr(shelf, name)["b"] = 2
    await shelf.save()

    assert getattr(await Shelf.get(shelf.id), name) == {"a": 1, "b": 2}


async def test_an_undone_update_of_another_column_leaves_json_readable(db: Database) -> None:
    """What was not changed is still loaded, whatever is written along with every save."""
    shelf = await Shelf.create(label="x", facts={"a": 1}, tracked={"a": 1})

    async with undone(db):
        await shelf.update(label="y")

    assert (shelf.label, shelf.facts, shelf.tracked) == ("x", {"a": 1}, {"a": 1})


async def test_a_commit_in_between_is_what_a_later_rollback_goes_back_to(db: Database) -> None:
    """A unit that was committed and went on undoes only what came after."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with db.scoped_session() as session:
        await ada.update(balance=90)
        ada.balance = 80
        await session.flush()
        await session.rollback()
        shown = ada.balance

    assert shown == 90
    assert (await Author.get(ada.id)).balance == 90


# --- an undone INSERT -----------------------------------------------------------------------------------------------


async def test_an_undone_insert_is_new_again(db: Database) -> None:
    """It keeps what the program set, and has lost its key and every default that was filled in."""
    ada = Author(email="ada@example.com", nick="a")

    async with undone(db):
        await ada.save()
        inside = repr(ada)

    assert inside.startswith("<Author id=")
    assert repr(ada) == "<Author new>"
    assert ada.to_dict() == {"email": "ada@example.com", "nick": "a"}
    assert is_new(ada)


async def test_an_undone_insert_can_be_saved(db: Database) -> None:
    """The second INSERT gets a key and defaults of its own."""
    ada = Author(email="ada@example.com")
    async with undone(db):
        await ada.save()
        first = ada.created_at

    await ada.save()

    stored = await Author.get(ada.id)
    assert (stored.email, stored.rank, stored.balance) == ("ada@example.com", 7, 0)
    assert stored.created_at == ada.created_at > first


async def test_an_insert_undone_by_a_savepoint_can_be_saved_in_the_same_unit(db: Database) -> None:
    """The unit goes on, and stores the row once."""
    ada = Author(email="ada@example.com", rank=9)

    async with db.transaction():
        async with undone(db):
            await ada.save()
        assert is_new(ada)
        await ada.save()

    assert await Author.query().count() == 1
    assert (await Author.get(ada.id)).rank == 9


async def test_an_insert_in_a_released_savepoint_is_undone_with_the_unit(db: Database) -> None:
    """The savepoint kept the row, the unit around it did not."""
    ada = Author(email="ada@example.com")

    async with undone(db):
        async with db.transaction():
            await ada.save()
        await ada.update(nick="b")

    assert is_new(ada)
    assert ada.to_dict() == {"email": "ada@example.com", "nick": "b"}
    await ada.save()
    assert (await Author.get(ada.id)).nick == "b"


async def test_a_row_of_the_unit_that_a_savepoint_changed_stays_stored(db: Database) -> None:
    """Inserted before the savepoint, changed in it: the rollback of the savepoint undoes the change alone."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com", balance=100)
        async with undone(db):
            await ada.update(balance=50)
        shown = ada.balance
        await ada.update(nick="b")

    stored = await Author.get(ada.id)
    assert (shown, stored.balance, stored.nick) == (100, 100, "b")


async def test_a_key_made_by_the_program_is_kept(db: Database) -> None:
    """A natural key was set, not generated."""
    country = Country(code="kr", name="Korea")

    async with undone(db):
        await country.save()

    assert country.to_dict() == {"code": "kr", "name": "Korea"}
    await country.save()
    assert await Country.filter_by(code="kr").exists()


async def test_a_key_made_by_a_default_is_made_anew(db: Database) -> None:
    """A UUID that the flush filled in goes with the INSERT."""
    voucher = Voucher()
    async with undone(db):
        await voucher.save()
        first = voucher.id

    await voucher.save()

    assert voucher.id != first
    assert await Voucher.query().count() == 1


async def test_a_server_default_set_by_hand_is_kept(db: Database) -> None:
    """What the program set over a server default is the program's."""
    ada = Author(email="ada@example.com", rank=3)

    async with undone(db):
        await ada.save()

    assert ada.to_dict() == {"email": "ada@example.com", "rank": 3}


async def test_a_value_set_after_the_insert_is_kept(db: Database) -> None:
    """A default that the program replaced before the rollback is the program's too."""
    ada = Author(email="ada@example.com")

    async with undone(db):
        await ada.save()
        await ada.update(rank=3)
        ada.nick = "unsaved"

    assert ada.to_dict() == {"email": "ada@example.com", "rank": 3, "nick": "unsaved"}


async def test_rows_that_belong_together_find_each_other_again(db: Database) -> None:
    """A parent and a child that were undone together are saved with the parent's new key, not the old one."""
    ada, book = Author(email="ada@example.com"), Book(title="Notes")
    ada.books.append(book)
    async with undone(db):
        await ada.save()
        assert book.author_id == ada.id

    other = await Author.create(email="other@example.com")
    await ada.save()

    stored = await Book.filter_by(title="Notes").one()
    assert ada.id != other.id
    assert stored.author_id == book.author_id == ada.id


async def test_a_child_saved_first_brings_its_parent(db: Database) -> None:
    """Undone together and saved from the child's side, both are stored and linked."""
    book = Book(title="Notes", author=Author(email="ada@example.com"))
    async with undone(db):
        await book.save()
    await Author.create(email="other@example.com")

    await book.save()

    stored = await Author.filter_by(email="ada@example.com").one()
    assert (await Book.get(book.id)).author_id == stored.id


async def test_an_undone_child_keeps_its_stored_parent(db: Database) -> None:
    """The key of a stored row that was given as a relation value is still there for the second INSERT."""
    await Author.create(email="other@example.com")
    ada = await Author.create(email="ada@example.com")
    book = Book(title="Notes", author=ada)

    async with undone(db):
        await book.save()
    await book.save()

    assert book.author is ada
    assert (await Book.get(book.id)).author_id == ada.id


async def test_an_undone_child_of_a_parent_stored_in_the_same_unit_keeps_it(db: Database) -> None:
    """The savepoint undoes the child alone; saved again it still belongs to the parent."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com")
        book = Book(title="Notes", author=ada)
        async with undone(db):
            await book.save()
        await book.save()

    assert (await Book.get(book.id)).author_id == ada.id


async def test_an_undone_tree_of_the_same_table_is_saved_again(db: Database) -> None:
    """A self-referential relation is flushed anew in the right order."""
    root = Folder(name="root", children=[Folder(name="leaf")])
    async with undone(db):
        await root.save()
    await Folder.create(name="other")

    await root.save()

    leaf = await Folder.filter_by(name="leaf").one()
    assert leaf.parent_id == root.id


async def test_many_to_many_links_are_written_again(db: Database, other_connection: OtherConnection) -> None:
    """Rows of the link table that were undone are inserted by the next save."""
    ada = await Author.create(email="ada@example.com")
    book = Book(title="Notes", author=ada, tags={Tag(name="math"), Tag(name="old")})
    async with undone(db):
        await book.save()

    await book.save()

    assert await other_connection.column("SELECT tag_name FROM book_tags ORDER BY tag_name") == ["math", "old"]


# --- an undone DELETE -----------------------------------------------------------------------------------------------


async def test_an_undone_delete_is_stored_again(db: Database) -> None:
    """The row is stored again and can be changed and deleted."""
    ada = await Author.create(email="ada@example.com", nick="a")

    async with undone(db):
        await ada.delete()

    assert repr(ada) == f"<Author id={ada.id}>"
    assert await ada.update(nick="b") is ada
    await ada.delete()
    assert not await Author.query().exists()


async def test_a_delete_undone_by_a_savepoint_leaves_the_row_in_the_unit(db: Database) -> None:
    """The unit goes on with the same object."""
    ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        async with undone(db):
            await ada.delete()
        await ada.update(nick="b")

    assert (await Author.get(ada.id)).nick == "b"


async def test_a_row_deleted_and_changed_shows_its_stored_values(db: Database) -> None:
    """An UPDATE before the DELETE is undone with it."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with undone(db):
        await ada.update(balance=50)
        await ada.delete()

    assert ada.balance == 100
    assert await ada.update(balance=50) is ada


async def test_a_row_inserted_and_deleted_in_a_unit_goes_back_step_by_step(db: Database) -> None:
    """The savepoint undoes the DELETE, the unit the INSERT."""
    ada = Author(email="ada@example.com")

    async with undone(db):
        await ada.save()
        async with undone(db):
            await ada.delete()
        between = inspect(ada).persistent
    stored = await ada.save()

    assert between
    assert await Author.query().count() == 1
    assert stored is ada


# --- relations ------------------------------------------------------------------------------------------------------


async def test_a_loaded_collection_shows_its_members_again(db: Database) -> None:
    """A member that was appended in an undone unit is gone from the collection."""
    ada = await Author.create(email="ada@example.com", books=[Book(title="kept")])
    ada = await Author.query().include("books").first() or ada

    async with undone(db):
        await ada.update(books=Book(title="undone"))
        inside = [book.title for book in ada.books]

    assert inside == ["kept", "undone"]
    assert [book.title for book in ada.books] == ["kept"]
    assert ada.changes() == {}


async def test_a_replaced_collection_shows_its_members_again(db: Database) -> None:
    """A list that replaced a relation is taken back, and the rows still belong to their parent."""
    root = await Folder.create(name="root", children=[Folder(name="kept")])

    async with undone(db):
        await root.update(children=[Folder(name="undone")])
    await root.update(name="renamed")

    assert [child.name for child in root.children] == ["kept"]
    assert await Folder.filter_by(name="kept").exists()


async def test_a_relation_to_one_shows_its_value_again(db: Database) -> None:
    """Both the foreign key and the relation go back, and the same change is sent again."""
    ada, bob = await Author.create(email="ada@example.com"), await Author.create(email="bob@example.com")
    book = await Book.create(title="Notes", author=ada)

    async with undone(db):
        await book.update(author=bob)

    assert (book.author, book.author_id) == (ada, ada.id)
    await book.update(author=bob)
    assert (await Book.get(book.id)).author_id == bob.id


async def test_a_relation_set_in_a_unit_is_undone_with_it(db: Database) -> None:
    """Of rows attached to the unit, too, the foreign key and the relation go back."""
    async with db.transaction():
        ada, bob = await Author.create(email="ada@example.com"), await Author.create(email="bob@example.com")
        book = await Book.create(title="Notes", author=ada)
        async with undone(db):
            await book.update(author=bob)
        shown = book.author, book.author_id
        await book.update(title="New")

    assert shown == (ada, ada.id)
    assert (await Book.get(book.id)).author_id == ada.id


# --- keys -----------------------------------------------------------------------------------------------------------


async def test_a_changed_key_goes_back(db: Database) -> None:
    """A row whose key was changed in an undone unit is found under the old one again."""
    tag = await Tag.create(name="math", colour="red")

    async with undone(db):
        tag.name = "maths"
        await tag.save()
        inside = repr(tag)

    assert inside == "<Tag name='maths'>"
    assert repr(tag) == "<Tag name='math'>"
    assert await tag.update(colour="blue") is tag
    assert (await Tag.get("math")).colour == "blue"


async def test_a_part_of_a_composite_key_goes_back_with_its_savepoint(db: Database) -> None:
    """The unit goes on with the row under its old key."""
    seat = await Seat.create(row="A", number=1)

    async with db.transaction():
        async with undone(db):
            seat.number = 2
            await seat.save()
        await seat.update(guest="Ada")

    assert repr(seat) == "<Seat row='A' number=1>"
    assert (await Seat.get(("A", 1))).guest == "Ada"


# --- statements that failed -----------------------------------------------------------------------------------------


async def test_a_refused_update_leaves_the_stored_values(db: Database) -> None:
    """After a failed UPDATE the row shows what is stored, and another value can be saved."""
    await Author.create(email="bob@example.com")
    ada = await Author.create(email="ada@example.com")

    with pytest.raises(UniqueViolationError):
        await ada.update(email="bob@example.com")

    assert (ada.email, ada.changes()) == ("ada@example.com", {})
    await ada.update(email="ada@example.org")
    assert (await Author.get(ada.id)).email == "ada@example.org"


async def test_a_refused_insert_leaves_a_new_row(db: Database) -> None:
    """After a failed INSERT the row is new, without a key or defaults, and can be corrected and saved."""
    await Author.create(email="bob@example.com")
    ada = Author(email="bob@example.com", nick="a")

    with pytest.raises(UniqueViolationError):
        await ada.save()

    assert ada.to_dict() == {"email": "bob@example.com", "nick": "a"}
    ada.email = "ada@example.com"
    await ada.save()
    assert (await Author.get(ada.id)).email == "ada@example.com"


async def test_a_failed_statement_in_a_savepoint_undoes_the_rows_of_that_savepoint(db: Database) -> None:
    """The unit goes on with what it had, in the objects as in the database."""
    await Author.create(email="bob@example.com")
    async with db.transaction():
        ada = await Author.create(email="ada@example.com", balance=100)
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await ada.update(balance=50)
                await Author.create(email="bob@example.com")
        shown = ada.balance

    assert shown == 100
    assert (await Author.get(ada.id)).balance == 100


async def test_a_broken_unit_shows_the_stored_values_at_once(db: Database) -> None:
    """The rollback comes with the failure, and so do the values."""
    bob = await Author.create(email="bob@example.com", balance=100)
    ada = Author(email="bob@example.com")
    shown: list[object] = []

    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            await bob.update(balance=50)
            with pytest.raises(UniqueViolationError):
                await ada.save()
            shown += [bob.balance, repr(ada)]

    assert shown == [100, "<Author new>"]


async def test_a_failed_commit_undoes_the_rows(db: Database) -> None:
    """An error at the very end leaves the objects as an error in the middle does."""
    ada = await Author.create(email="ada@example.com", balance=100)

    with pytest.raises(UniqueViolationError):
        async with db.transaction() as session:
            await ada.update(balance=50)
            session.add(Author(email="ada@example.com"))

    assert ada.balance == 100
    assert await ada.update(balance=50) is ada


# --- plain SQLAlchemy -----------------------------------------------------------------------------------------------


async def test_rows_of_the_raw_session_go_back_too(db: Database) -> None:
    """What `session.add`, `session.delete` and plain assignment did is undone like our own calls."""
    ada, bob = await Author.create(email="ada@example.com", nick="a"), await Author.create(email="bob@example.com")
    eve = Author(email="eve@example.com")

    async with undone(db) as session:
        session.add_all([ada, bob, eve])
        ada.nick = "b"
        await session.delete(bob)
        await session.flush()
        inside = await Author.query().count()

    assert inside == 2
    assert (ada.nick, ada.changes(), repr(eve)) == ("a", {}, "<Author new>")
    await bob.update(nick="c")
    await eve.save()
    assert await Author.query().count() == 3


async def test_a_raw_savepoint_gives_values_back(db: Database) -> None:
    """`session.begin_nested()` is the same savepoint."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with db.transaction() as session:
        savepoint = await session.begin_nested()
        await ada.update(balance=50)
        await savepoint.rollback()
        shown = ada.balance
        await ada.update(balance=50)

    assert shown == 100
    assert (await Author.get(ada.id)).balance == 50


async def test_the_unit_finds_its_objects_again(db: Database) -> None:
    """After a savepoint was undone, a query gives the same objects, and no others."""
    ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        async with undone(db):
            await ada.delete()
            bob = await Author.create(email="bob@example.com")
        found = await Author.query().all()
        again = await Author.get(ada.id)

    assert found == [ada]
    assert again is ada
    assert is_new(bob)


async def test_a_version_counter_goes_back(db: Database) -> None:
    """Otherwise the next UPDATE would look for a version that is not there."""
    page = await Page.create(title="a")

    async with db.transaction():
        async with undone(db):
            await page.update(title="b")
        await page.update(title="c")

    assert (page.version, (await Page.get(page.id)).title) == (2, "c")


async def test_a_composite_goes_back(db: Database) -> None:
    """An object made of several columns shows them again."""
    page = await Page.create(title="a", size=Size(1, 2))

    async with undone(db):
        await page.update(size=Size(3, 4))
        inside = page.size, page.width

    assert inside == (Size(3, 4), 3)
    assert (page.size, page.width, page.height) == (Size(1, 2), 1, 2)
    await page.update(size=Size(3, 4))
    assert (await Page.get(page.id)).size == Size(3, 4)


# --- what was written past the objects ------------------------------------------------------------------------------


async def test_an_undone_set_based_update_shows_the_old_values(db: Database) -> None:
    """Loaded rows that `Query.update` synchronised go back with it."""
    ada = await Author.create(email="ada@example.com", balance=100)

    async with db.transaction():
        await ada.update(nick="b")
        async with undone(db):
            await Author.filter_by(email="ada@example.com").update(balance=50)
            await ada.refresh()
            inside = ada.balance
        shown = ada.balance

    assert (inside, shown) == (50, 100)
    assert await ada.update(balance=50) is ada


async def test_an_undone_set_based_delete_leaves_the_row_stored(db: Database) -> None:
    """Loaded rows that `Query.delete` removed from the unit are stored again."""
    async with db.transaction():
        ada = await Author.create(email="ada@example.com")
        async with undone(db):
            await Author.filter_by(email="ada@example.com").delete()
        await ada.update(nick="b")

    assert (await Author.get(ada.id)).nick == "b"


async def test_values_read_again_inside_are_put_back(db: Database, other_connection: OtherConnection) -> None:
    """A row that was refreshed in an undone unit shows what it showed when the unit began."""
    ada = await Author.create(email="ada@example.com", balance=100)
    await other_connection.execute("UPDATE authors SET balance = 60")

    async with undone(db):
        await ada.refresh()
        inside = ada.balance

    assert (inside, ada.balance) == (60, 100)


async def test_a_row_read_in_the_undone_unit_stays_readable(db: Database) -> None:
    """What was only read is neither expired nor changed by the rollback."""
    await Author.create(email="ada@example.com", balance=100)

    async with undone(db):
        ada = await Author.query().include("books").first()
        assert ada is not None

    assert (ada.balance, ada.books) == (100, [])


async def test_a_row_that_was_read_and_changed_shows_what_was_read(db: Database) -> None:
    """Of a row that first came in during the undone unit, the values read then are the stored ones."""
    await Author.create(email="ada@example.com", balance=100)

    async with undone(db):
        ada = await Author.filter_by(email="ada@example.com").one()
        await ada.update(balance=50)
        await ada.update(balance=25)

    assert ada.balance == 100
    assert await ada.update(balance=25) is ada


async def test_another_object_of_the_row_goes_back_too(db: Database) -> None:
    """A detached object whose changes were applied in a unit shows the stored values again when that is undone."""
    mine = await Author.create(email="ada@example.com", balance=100)

    async with undone(db):
        held = await Author.get(mine.id)
        await mine.update(balance=50)
        inside = held.balance

    assert (inside, mine.balance, mine.changes()) == (50, 100, {})
    assert await mine.update(balance=50) is mine
    assert (await Author.get(mine.id)).balance == 50


async def test_another_object_of_the_row_goes_back_with_its_savepoint(db: Database) -> None:
    """A savepoint alone is enough to take the values back from both objects."""
    mine = await Author.create(email="ada@example.com", balance=100)

    async with db.transaction():
        held = await Author.get(mine.id)
        async with undone(db):
            await mine.update(balance=50)
        shown = held.balance, mine.balance
        await mine.update(balance=50)

    assert shown == (100, 100)
    assert (await Author.get(mine.id)).balance == 50


async def test_nothing_is_sent_to_put_values_back(db: Database) -> None:
    """Reading the rows of an undone unit needs no statement."""
    ada = await Author.create(email="ada@example.com", balance=100)
    async with undone(db):
        await ada.update(balance=50)

    with sent(db) as statements:
        seen = ada.balance, ada.email, ada.updated_at, ada.nick

    assert seen[0] == 100
    assert statements == []


async def test_the_error_that_undid_a_unit_is_the_one_that_left_it(db: Database) -> None:
    """Putting values back raises nothing of its own."""
    ada = await Author.create(email="ada@example.com", balance=100)

    with pytest.raises(Undo):
        async with db.transaction():
            await ada.delete()
            await Author.create(email="ada@example.com")
            raise Undo

    assert ada.balance == 100
