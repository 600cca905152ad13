"""Writing rows: `create`, `save`, `update`, `delete`, `refresh` and their race-safe combinations."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.errors import (
    InstanceMethodError,
    NotLoadedError,
    ReadOnlyFieldError,
    RecordNotFoundError,
    SessionConflictError,
    StaleRecordError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from tests.models.bookshop import (
    Author,
    Base,
    Book,
    Country,
    Folder,
    Profile,
    Seat,
    Shelf,
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


def verbs(statements: list[str]) -> list[str]:
    return [statement.split(maxsplit=1)[0] for statement in statements]


# --- create ---------------------------------------------------------------------------------------------------------


async def test_create_returns_the_row_with_its_key_and_defaults(db: Database) -> None:
    """The generated key, defaults of Python and of the server are all there."""
    before = datetime.now(UTC) - timedelta(minutes=1)

    ada = await Author.create(email="ada@example.com")

    assert ada.id > 0
    assert (ada.balance, ada.rank, ada.nick) == (0, 7, None)
    assert before < ada.created_at <= ada.updated_at
    assert ada.to_dict() == (await Author.get(ada.id)).to_dict()


async def test_create_takes_a_mapping_and_keywords(db: Database) -> None:
    """Hybrid properties and relations are values as well as columns."""
    ada = await Author.create({"email": "ada@example.com", "csrf_token": "x"}, name="Ada Love", books=Book(title="a"))

    stored = await Author.query().include("books").first()
    assert stored is not None
    assert (stored.first, stored.last, [book.title for book in stored.books]) == ("Ada", "Love", ["a"])
    assert [book.title for book in ada.books] == ["a"]


async def test_created_at_can_be_given_to_a_new_row(db: Database) -> None:
    """Imports keep their dates; later `created_at` is not to be changed."""
    moment = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)

    ada = await Author.create(email="ada@example.com", created_at=moment)

    assert (await Author.get(ada.id)).created_at == ada.created_at == moment
    with pytest.raises(ReadOnlyFieldError, match="created_at"):
        await ada.update(created_at=moment)


async def test_a_generated_key_can_be_given_too(db: Database) -> None:
    """The primary key is a value of a new row like any other."""
    ada = await Author.create(id=4711, email="ada@example.com")

    assert ada.id == 4711
    assert (await Author.get(4711)).email == "ada@example.com"


async def test_natural_uuid_and_composite_keys(db: Database) -> None:
    """Keys of every kind are stored and found again."""
    voucher = await Voucher.create()
    chosen = await Voucher.create(id=uuid.UUID(int=1))
    country, seat = await Country.create(code="kr"), await Seat.create(row="A", number=3)

    assert (await Voucher.get(voucher.id)).amount == 5
    assert (await Voucher.get(chosen.id)).id == uuid.UUID(int=1)
    assert (await Country.get("kr")).code == country.code
    assert (await Seat.get(("A", 3))).to_dict() == seat.to_dict()


async def test_create_with_an_unknown_name_sends_nothing(db: Database) -> None:
    """A typo is found before anything is built."""
    with sent(db) as statements, pytest.raises(UnknownFieldError, match="did you mean 'email'"):
        await Author.create(emial="ada@example.com")

    assert statements == []


async def test_a_typo_does_not_open_a_pending_unit(db: Database) -> None:
    """With `auto_commit=False` too, nothing is left open."""
    with pytest.raises(UnknownFieldError):
        await Author.create(emial="ada@example.com", auto_commit=False)

    assert db.connections() == ()
    await Author.create(email="ada@example.com")
    assert await Author.query().count() == 1


async def test_a_row_without_values_is_created(db: Database) -> None:
    """Defaults alone make a row."""
    voucher = await Voucher.create()

    assert await Voucher.query().count() == 1
    assert voucher.amount == 5


# --- save -----------------------------------------------------------------------------------------------------------


async def test_save_inserts_a_new_row(db: Database) -> None:
    """`User(...)` and `save` is `create`; the same object comes back."""
    ada = Author(email="ada@example.com")

    saved = await ada.save()

    assert saved is ada
    assert (await Author.get(ada.id)).email == "ada@example.com"


async def test_save_updates_the_changed_columns_only(db: Database) -> None:
    """What another connection changed meanwhile in other columns is not overwritten."""
    ada = await Author.create(email="ada@example.com", nick="a", balance=1)
    await Author.filter_by(id=ada.id).update(balance=2)

    ada.nick = "b"
    with sent(db) as statements:
        await ada.save()

    stored = await Author.get(ada.id)
    assert (stored.nick, stored.balance) == ("b", 2)
    assert "balance" not in statements[0]


async def test_save_of_an_unchanged_row_sends_nothing(db: Database) -> None:
    """There is nothing to write."""
    ada = await Author.create(email="ada@example.com")

    with sent(db) as statements:
        saved = await ada.save()

    assert saved is ada
    assert statements == []


async def test_json_that_changed_in_place_is_always_written(db: Database) -> None:
    """A plain JSON column cannot be watched, so every save writes it."""
    shelf = await Shelf.create(label="x", facts={"a": [1]})

    assert shelf.facts is not None
    shelf.facts["a"].append(2)
    await shelf.save()

    assert (await Shelf.get(shelf.id)).facts == {"a": [1, 2]}


async def test_json_that_changed_in_place_is_written_by_update(db: Database) -> None:
    """The changed object itself, given to `update`, counts as a change."""
    shelf = await Shelf.create(label="x", facts={"a": [1]})

    assert shelf.facts is not None
    shelf.facts["a"].append(2)
    updated = await shelf.update(facts=shelf.facts)

    assert updated is shelf
    assert (await Shelf.get(shelf.id)).facts == {"a": [1, 2]}


async def test_a_watched_json_column_is_written_when_it_changed(db: Database) -> None:
    """A `MutableDict` says itself whether it has to be written."""
    shelf = await Shelf.create(label="x", tracked={"a": 1})

    with sent(db) as unchanged:
        await shelf.save()
    assert shelf.tracked is not None
    shelf.tracked["a"] = 2
    await shelf.save()

    assert unchanged == []
    assert (await Shelf.get(shelf.id)).tracked == {"a": 2}


async def test_many_tasks_save_rows_of_their_own(db: Database) -> None:
    """Rows are independent of each other."""
    rows = [Author(email=f"{number}@example.com") for number in range(20)]

    await asyncio.gather(*(row.save() for row in rows))

    assert len({row.id for row in rows}) == await Author.query().count() == 20


# --- update ---------------------------------------------------------------------------------------------------------


async def test_update_sets_and_saves(db: Database) -> None:
    """`update` is `fill` and `save`, and gives the row."""
    ada = await Author.create(email="ada@example.com")

    updated = await ada.update({"nick": "a"}, balance=5)

    stored = await Author.get(ada.id)
    assert updated is ada
    assert (stored.nick, stored.balance) == ("a", 5)


async def test_update_with_equal_values_sends_nothing(db: Database) -> None:
    """None says that there was nothing to do."""
    ada = await Author.create(email="ada@example.com", nick="a")

    with sent(db) as statements:
        updated = await ada.update(email="ada@example.com", nick="a", name=" ")

    assert updated is None
    assert statements == []


async def test_update_saves_what_was_set_before(db: Database) -> None:
    """Unsaved changes go along, also when the values given are equal."""
    ada = await Author.create(email="ada@example.com")
    ada.balance = 5

    updated = await ada.update(email="ada@example.com")

    assert updated is ada
    assert (await Author.get(ada.id)).balance == 5


async def test_update_with_an_unknown_name_sets_nothing(db: Database) -> None:
    """A typo in one value is refused before any attribute changes."""
    ada = await Author.create(email="ada@example.com", nick="a")

    with sent(db) as statements, pytest.raises(UnknownFieldError, match="did you mean 'nick'"):
        await ada.update(email="x@example.com", nikc="b")

    assert (ada.email, ada.changes(), statements) == ("ada@example.com", {}, [])


async def test_update_inserts_a_new_row(db: Database) -> None:
    """A row that was never saved is saved."""
    ada = Author(email="ada@example.com")

    updated = await ada.update(nick="a")

    assert updated is ada
    assert (await Author.get(ada.id)).nick == "a"


async def test_concurrent_updates_of_one_object_all_arrive(db: Database) -> None:
    """Tasks that share a detached row take turns with it, each in its own transaction."""
    ada = await Author.create(email="ada@example.com")

    await asyncio.gather(ada.update(nick="a"), ada.update(balance=5), ada.update(rank=3), ada.refresh())

    stored = await Author.get(ada.id)
    assert (stored.nick, stored.balance, stored.rank) == ("a", 5, 3)
    assert ada.to_dict() == stored.to_dict()


async def test_an_update_of_a_row_that_is_gone_says_so(db: Database) -> None:
    """Somebody else deleted it."""
    ada = await Author.create(email="ada@example.com")
    await Author.filter_by(id=ada.id).delete()

    with pytest.raises(StaleRecordError, match="Author"):
        await ada.update(nick="a")


async def test_an_update_to_many_loads_what_it_replaces(db: Database) -> None:
    """`update` and a list: the members of before are read, and those not in the list are taken out."""
    root = await Folder.create(name="root", children=[Folder(name="a"), Folder(name="b")])
    root = await Folder.get(root.id)

    await root.update(children=[Folder(name="c")])

    assert [child.name for child in root.children] == ["c"]
    assert await Folder.filter_by(parent_id=root.id).count() == 1


async def test_an_update_to_many_appends_one_row(db: Database) -> None:
    """One object is appended; the collection is not read for that."""
    ada = await Author.create(email="ada@example.com", books=[Book(title="a")])
    ada = await Author.get(ada.id)

    with sent(db) as statements:
        await ada.update(books=Book(title="b"))

    assert verbs(statements) == ["INSERT"]
    assert await Book.filter_by(author_id=ada.id).count() == 2


async def test_an_update_to_many_appends_to_a_loaded_collection(db: Database) -> None:
    """The new member is in memory too."""
    ada = await Author.create(email="ada@example.com", books=[Book(title="a")])

    await ada.update(books=Book(title="b"))

    assert [book.title for book in ada.books] == ["a", "b"]
    assert await Book.filter_by(author_id=ada.id).count() == 2


async def test_a_relation_to_one_is_replaced(db: Database) -> None:
    """A one-to-one relation follows from either side."""
    ada = await Author.create(email="ada@example.com", profile=Profile(text="old"))
    profile = ada.profile

    assert profile is not None
    await profile.update(text="new")
    await ada.load("profile")

    assert ada.profile is profile
    assert (await Profile.filter_by(author_id=ada.id).one()).text == "new"


# --- what the server computes ---------------------------------------------------------------------------------------


async def test_updated_at_is_read_back_with_the_write(db: Database) -> None:
    """Every UPDATE that changes something moves `updated_at`, and the row shows the stored value."""
    ada = await Author.create(email="ada@example.com")
    before = ada.updated_at

    await ada.update(nick="a")

    assert ada.updated_at > before
    assert ada.updated_at == (await Author.get(ada.id)).updated_at
    assert ada.created_at == (await Author.get(ada.id)).created_at


async def test_a_computed_column_is_read_back(db: Database) -> None:
    """After the INSERT and after every UPDATE that it depends on."""
    shelf = await Shelf.create(label="x", width=2)
    first = shelf.area

    await shelf.update(width=3)

    assert (first, shelf.area) == (6, 9)


async def test_a_server_side_time_stamp_is_read_back(db: Database) -> None:
    """An SQL expression as `onupdate` is a value in the same await."""
    shelf = await Shelf.create(label="x")
    first = shelf.moved_at

    await shelf.update(label="y")

    assert first is None
    assert shelf.moved_at is not None
    assert shelf.moved_at == (await Shelf.get(shelf.id)).moved_at


async def test_sql_given_as_a_value_is_read_back(db: Database) -> None:
    """The row shows what the server computed, in the same await, alone and in a unit."""
    author = await Author.create(email="ada@example.com", balance=1)

    await author.update(balance=Author.balance + 5)
    alone = author.balance
    async with db.transaction():
        held = await Author.get(author.id)
        held.balance = Author.balance + 1
        await held.save()
        within = held.balance

    assert (alone, within) == (6, 7)


async def test_an_update_through_another_object_does_not_overwrite_what_the_unit_changed(db: Database) -> None:
    """Both changed one column: a conflict, as with `save`; other columns are no matter of dispute."""
    copy = await Author.create(email="ada@example.com", balance=1)

    async with db.transaction():
        held = await Author.get(copy.id)
        await held.update(balance=2)
        with pytest.raises(SessionConflictError, match="balance differs"):
            await copy.update(balance=3)
        await copy.update(nick="ada")

    assert (held.balance, copy.balance, copy.nick) == (2, 2, "ada")


async def test_what_a_trigger_changes_is_read_back_where_the_model_says_so(
    db: Database, other_connection: OtherConnection
) -> None:
    """`FetchedValue` marks a column that the server changes on its own."""
    if db.dialect == "sqlite":
        body = "AFTER UPDATE OF label ON shelfs BEGIN UPDATE shelfs SET seen = OLD.seen + 1 WHERE id = NEW.id; END"
        await other_connection.execute(f"CREATE TRIGGER looked {body}")
    elif db.dialect == "mysql":
        await other_connection.execute(
            "CREATE TRIGGER looked BEFORE UPDATE ON shelfs FOR EACH ROW SET NEW.seen = OLD.seen + 1"
        )
    else:
        await other_connection.execute(
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.seen := OLD.seen + 1; RETURN NEW; END $$"
        )
        await other_connection.execute(
            "CREATE TRIGGER looked BEFORE UPDATE ON shelfs FOR EACH ROW EXECUTE FUNCTION look()"
        )
    shelf = await Shelf.create(label="x")

    await shelf.update(label="y", refresh=db.dialect == "sqlite")

    assert shelf.seen == 2


async def test_refresh_true_reads_the_row_after_the_commit(db: Database, other_connection: OtherConnection) -> None:
    """`create`, `save` and `update` show what another connection changed meanwhile."""
    ada = await Author.create(email="ada@example.com", refresh=True)
    await other_connection.execute("UPDATE authors SET balance = 60")

    updated = await ada.update(nick="a", refresh=True)
    await other_connection.execute("UPDATE authors SET balance = 70")
    ada.nick = "b"
    shown = ada.balance
    await ada.save(refresh=True)

    assert updated is ada
    assert (shown, ada.balance) == (60, 70)


async def test_refresh_true_reads_nothing_when_nothing_changed(db: Database) -> None:
    """None and no SQL, whatever was asked for."""
    ada = await Author.create(email="ada@example.com", nick="a")

    with sent(db) as statements:
        updated = await ada.update(nick="a", refresh=True)

    assert (updated, statements) == (None, [])


async def test_refresh_true_in_a_unit_reads_after_the_flush(db: Database) -> None:
    """Where the call does not commit, the row is read in the transaction."""
    async with undone(db):
        ada = await Author.create(email="ada@example.com", refresh=True)
        with sent(db) as statements:
            await ada.update(nick="a", refresh=True)

    assert verbs(statements) == ["UPDATE", "SELECT"]


async def test_without_refresh_the_row_keeps_its_values(db: Database, other_connection: OtherConnection) -> None:
    """A commit expires nothing: the row stays readable and says what it said."""
    ada = await Author.create(email="ada@example.com", balance=1)
    await other_connection.execute("UPDATE authors SET balance = 60")

    await ada.update(nick="a")

    assert ada.balance == 1


# --- delete ---------------------------------------------------------------------------------------------------------


async def test_delete_removes_the_row(db: Database) -> None:
    """The object stays readable."""
    ada = await Author.create(email="ada@example.com")

    await ada.delete()

    assert not await Author.query().exists()
    assert ada.email == "ada@example.com"


async def test_a_new_row_cannot_be_deleted(db: Database) -> None:
    """There is nothing in the database."""
    with sent(db) as statements, pytest.raises(UsageError, match="not stored"):
        await Author(email="ada@example.com").delete()

    assert statements == []


async def test_a_delete_of_a_row_that_is_gone_says_so(db: Database) -> None:
    """Somebody else deleted it before."""
    ada = await Author.create(email="ada@example.com")
    await Author.filter_by(id=ada.id).delete()

    with pytest.raises(StaleRecordError, match="Author"):
        await ada.delete()


async def test_a_deleted_row_is_saved_again(db: Database) -> None:
    """`save` after `delete` stores the row anew, with the values it has."""
    ada = await Author.create(email="ada@example.com", nick="a", books=[])
    await ada.delete()

    saved = await ada.save()

    stored = await Author.get(ada.id)
    assert saved is ada
    assert stored.to_dict() == ada.to_dict()


@pytest.mark.parametrize("call", ["update", "delete", "refresh"])
async def test_a_deleted_row_is_not_used_by_accident(db: Database, call: str) -> None:
    """Only `save` brings it back; anything else says that it was deleted."""
    ada = await Author.create(email="ada@example.com")
    await ada.delete()
    calls = {"update": lambda: ada.update(nick="a"), "delete": ada.delete, "refresh": ada.refresh}

    with sent(db) as statements, pytest.raises(UsageError, match="was deleted"):
        await calls[call]()

    assert statements == []


async def test_a_row_deleted_in_the_unit_is_not_saved_in_it(db: Database) -> None:
    """Until the deletion is committed or undone it cannot be taken back by a save."""
    ada = await Author.create(email="ada@example.com")

    async with db.transaction():
        await ada.delete()
        with pytest.raises(UsageError, match="was deleted"):
            await ada.save()

    assert not await Author.query().exists()


async def test_delete_takes_owned_rows_along(db: Database) -> None:
    """Cascades of the relation work without loading it first."""
    root = await Folder.create(name="root", children=[Folder(name="a", children=[Folder(name="b")])])
    root = await Folder.get(root.id)

    await root.delete()

    assert not await Folder.query().exists()


# --- refresh --------------------------------------------------------------------------------------------------------


async def test_refresh_reads_the_row_again(db: Database, other_connection: OtherConnection) -> None:
    """What another connection committed is shown, unsaved changes are dropped."""
    ada = await Author.create(email="ada@example.com", nick="a")
    await other_connection.execute("UPDATE authors SET balance = 60")
    ada.nick = "unsaved"

    refreshed = await ada.refresh()

    assert refreshed is ada
    assert (ada.balance, ada.nick, ada.changes()) == (60, "a", {})


async def test_refresh_reads_only_what_is_named(db: Database, other_connection: OtherConnection) -> None:
    """Columns and relations by name; the rest keeps its values and changes."""
    ada = await Author.create(email="ada@example.com", nick="a")
    await other_connection.execute("UPDATE authors SET balance = 60, nick = 'z'")
    ada.rank = 1

    await ada.refresh("balance", "books")

    assert (ada.balance, ada.nick, ada.rank, ada.books) == (60, "a", 1, [])
    assert list(ada.changes()) == ["rank"]


async def test_reading_saves_nothing(db: Database) -> None:
    """A lone `refresh` or `load` leaves unsaved changes unsaved, and does not lose them."""
    ada = await Author.create(email="ada@example.com", balance=1)
    ada.nick = "unsaved"

    with sent(db) as statements:
        await ada.load("books")
        await ada.refresh("balance", "profile")

    assert set(verbs(statements)) == {"SELECT"}
    assert (ada.nick, ada.books, ada.profile) == ("unsaved", [], None)
    assert (await Author.get(ada.id)).nick is None
    await ada.save()
    assert (await Author.get(ada.id)).nick == "unsaved"


async def test_refresh_of_an_unknown_attribute_is_refused(db: Database) -> None:
    """The nearest name is proposed, and nothing is sent."""
    ada = await Author.create(email="ada@example.com")

    with sent(db) as statements, pytest.raises(UnknownFieldError, match="did you mean 'balance'"):
        await ada.refresh("balanse")

    assert statements == []


async def test_refresh_of_a_row_that_is_gone_says_so(db: Database) -> None:
    """The error names the model and the key."""
    ada = await Author.create(email="ada@example.com")
    await Author.filter_by(id=ada.id).delete()

    with pytest.raises(RecordNotFoundError) as caught:
        await ada.refresh()

    assert (caught.value.model, caught.value.criteria) == ("Author", {"id": ada.id})


async def test_refresh_of_a_new_row_is_refused(db: Database) -> None:
    """There is nothing to read."""
    with pytest.raises(UsageError, match="not stored"):
        await Author(email="ada@example.com").refresh()


async def test_a_locked_refresh_shows_current_values(db: Database, other_connection: OtherConnection) -> None:
    """`refresh(lock=True)` is for a read-modify-write in a transaction."""
    ada = await Author.create(email="ada@example.com", balance=100)
    await other_connection.execute("UPDATE authors SET balance = 60")

    async with db.transaction():
        await ada.refresh(lock=True)
        await ada.update(balance=ada.balance - 10)

    assert (await Author.get(ada.id)).balance == 50


async def test_a_locked_refresh_refuses_unsaved_changes(db: Database) -> None:
    """They would be lost."""
    ada = await Author.create(email="ada@example.com", balance=100)
    ada.balance = 50

    with pytest.raises(UsageError, match="unsaved"):
        await ada.refresh(lock=True)

    assert ada.balance == 50


# --- changes and to_dict --------------------------------------------------------------------------------------------


async def test_changes_names_old_and_new(db: Database) -> None:
    """Columns that differ from what is stored; a value that was set back is no change."""
    ada = await Author.create(email="ada@example.com", nick="a", balance=1)

    ada.nick, ada.balance = "b", 2
    ada.balance = 1

    assert ada.changes() == {"nick": ("a", "b")}
    await ada.save()
    assert ada.changes() == {}


def test_changes_of_a_new_row_are_its_values() -> None:
    """Nothing is stored yet."""
    assert Author(email="ada@example.com").changes() == {"email": (None, "ada@example.com")}


async def test_to_dict_gives_the_loaded_columns(db: Database) -> None:
    """Not relations, unless they are named."""
    await Author.create(email="ada@example.com", books=[Book(title="Notes")])
    ada = await Author.query().only("id", "email").include("books").one()

    plain, chosen, less = ada.to_dict(), ada.to_dict(only=["email", "books", "name"][:2]), ada.to_dict(exclude=["id"])

    assert plain == {"id": ada.id, "email": "ada@example.com"}
    assert chosen["email"] == "ada@example.com"
    assert [book["title"] for book in chosen["books"]] == ["Notes"]
    assert less == {"email": "ada@example.com"}


async def test_to_dict_of_what_is_not_loaded_is_an_error(db: Database) -> None:
    """It never asks the database."""
    ada = await Author.create(email="ada@example.com")

    with sent(db) as statements, pytest.raises(NotLoadedError, match="books"):
        ada.to_dict(only=["id", "books"])

    assert statements == []


@pytest.mark.parametrize("names", [{"only": ["nikc"]}, {"exclude": ["nikc"]}])
def test_to_dict_of_an_unknown_name_is_refused(names: dict[str, list[str]]) -> None:
    """Both lists are checked."""
    with pytest.raises(UnknownFieldError, match="did you mean 'nick'"):
        Author(email="ada@example.com").to_dict(**names)


def test_to_dict_gives_hybrids_when_they_are_named() -> None:
    """And related rows as dicts, however they are kept."""
    book = Book(title="Notes", author=Author(first="Ada", last="Love"), tags={Tag(name="math")})

    assert book.to_dict(only=["author", "tags"]) == {
        "author": {"first": "Ada", "last": "Love"},
        "tags": [{"name": "math"}],
    }
    assert book.author.to_dict(only=["name"]) == {"name": "Ada Love"}


# --- get_or_create, update_or_create --------------------------------------------------------------------------------


async def test_get_or_create_makes_the_row_once(db: Database) -> None:
    """The second call finds it, and leaves it as it is."""
    first, made = await Author.get_or_create({"email": "ada@example.com"}, {"nick": "a"})
    second, made_again = await Author.get_or_create({"email": "ada@example.com"}, {"nick": "b"})

    assert (made, made_again) == (True, False)
    assert (first.id, second.nick) == (second.id, "a")


async def test_update_or_create_updates_what_is_there(db: Database) -> None:
    """The defaults are the new values of the row."""
    _, made = await Author.update_or_create({"email": "ada@example.com"}, {"nick": "a"})
    row, made_again = await Author.update_or_create({"email": "ada@example.com"}, {"nick": "b"})

    assert (made, made_again, row.nick) == (True, False, "b")
    assert (await Author.get(row.id)).nick == "b"


async def test_get_or_create_under_twenty_callers_makes_one_row(db: Database) -> None:
    """The unique constraint decides, and nobody sees an error."""
    answers = await asyncio.gather(
        *(Author.get_or_create({"email": "ada@example.com"}, {"balance": n}) for n in range(20))
    )

    assert sum(made for _, made in answers) == 1
    assert len({row.id for row, _ in answers}) == 1
    assert await Author.query().count() == 1


async def test_update_or_create_under_twenty_callers_makes_one_row(db: Database) -> None:
    """Each of them is either the INSERT or an UPDATE."""
    answers = await asyncio.gather(
        *(Author.update_or_create({"email": "ada@example.com"}, {"balance": n + 1}) for n in range(20))
    )

    assert sum(made for _, made in answers) == 1
    assert (await Author.filter_by(email="ada@example.com").one()).balance in range(1, 21)


async def test_get_or_create_in_twenty_transactions_makes_one_row(db: Database) -> None:
    """Each caller goes on in its own unit, with the row that won."""

    async def visit(number: int) -> bool:
        async with db.transaction():
            author, made = await Author.get_or_create({"email": "ada@example.com"})
            await Book.create(title=f"{number}", author=author)
        return made

    made = await asyncio.gather(*(visit(number) for number in range(20)))

    assert sum(made) == 1
    assert await Book.query().count() == 20


async def test_update_or_create_in_twenty_transactions_loses_nothing(db: Database) -> None:
    """Where the server wants a transaction run again, `db.run` does; in the end all of them have happened."""
    await Author.create(email="sum@example.com")

    async def visit() -> None:
        await Author.update_or_create({"email": "ada@example.com"}, {"nick": "a"})
        total = await Author.get(email="sum@example.com", lock=True)
        await total.update(balance=total.balance + 1)

    await asyncio.gather(*(db.run(visit, retries=20) for _ in range(20)))

    assert (await Author.filter_by(email="sum@example.com").one()).balance == 20
    assert await Author.query().count() == 2


@pytest.mark.backends("postgresql", "mysql")  # SQLite lets nobody write beside an open writer
async def test_get_or_create_does_not_break_the_unit_it_loses_in(
    db: Database, other_connection: OtherConnection
) -> None:
    """A row that came in between, unseen by the transaction's snapshot, is found after all."""
    async with db.transaction():
        assert not await Author.query().exists()
        await other_connection.execute(
            "INSERT INTO authors (email, first_name, last_name, balance) VALUES ('ada@example.com', '', '', 8)"
        )
        ada, made = await Author.get_or_create({"email": "ada@example.com"})
        await Author.create(email="bob@example.com")

    assert (ada.balance, made) == (8, False)
    assert await Author.query().count() == 2


async def test_another_constraint_is_not_mistaken_for_the_one_asked_about(db: Database) -> None:
    """A violation that has nothing to do with `unique` is an error, and the unit goes on."""
    await Author.create(id=5, email="bob@example.com")

    async with db.transaction():
        with pytest.raises(UniqueViolationError):
            await Author.get_or_create({"email": "ada@example.com"}, {"id": 5})
        await Author.create(email="eve@example.com")

    assert await Author.query().count() == 2


async def test_get_or_create_is_undone_with_its_unit(db: Database) -> None:
    """In a unit nothing is committed before its end."""
    async with undone(db):
        ada, made = await Author.get_or_create({"email": "ada@example.com"})

    assert made
    assert inspect(ada).transient
    assert not await Author.query().exists()


async def test_get_or_create_in_a_pending_unit(db: Database) -> None:
    """`auto_commit=False` opens it, a later call commits it."""
    ada, _ = await Author.get_or_create({"email": "ada@example.com"}, auto_commit=False)
    async with db.detached():
        before = await Author.query().count() if db.dialect != "sqlite" else 0

    await ada.update(nick="a", auto_commit=True)

    assert before == 0
    assert (await Author.filter_by(email="ada@example.com").one()).nick == "a"
    assert db.connections() == ()


async def test_auto_commit_true_commits_what_was_found(db: Database) -> None:
    """The pending unit ends also when the row was there already."""
    await Author.create(email="ada@example.com")
    await Author.create(email="bob@example.com", auto_commit=False)

    _, made = await Author.get_or_create({"email": "ada@example.com"}, auto_commit=True)

    assert not made
    assert db.connections() == ()
    assert await Author.query().count() == 2


async def test_get_or_create_in_a_given_session_commits_nothing(db: Database) -> None:
    """The session's owner commits."""
    async with AsyncSession(db.engine) as session:
        await Author.get_or_create({"email": "ada@example.com"}, session=session)
        await session.rollback()

    assert not await Author.query().exists()


async def test_get_or_create_checks_names_first(db: Database) -> None:
    """A typo in the defaults is found whether or not the row is there."""
    await Author.create(email="ada@example.com")

    for email in ("ada@example.com", "bob@example.com"):
        with pytest.raises(UnknownFieldError, match="did you mean 'nick'"):
            await Author.get_or_create({"email": email}, {"nikc": "a"})


# --- on the class, on an instance -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["update", "save", "delete", "refresh", "load"])
def test_a_method_of_a_row_called_on_the_class_says_what_to_write(name: str) -> None:
    """`User.update(...)` is not what it looks like."""
    with pytest.raises(InstanceMethodError, match=rf"Author\.{name}.*write.*get") as caught:
        getattr(Author, name)(nick="a")

    assert isinstance(caught.value, NotImplementedError)


@pytest.mark.parametrize("name", ["create", "get", "filter_by", "where", "order_by", "query"])
def test_a_method_of_the_class_called_on_a_row_says_what_to_write(name: str) -> None:
    """`user.create(...)` would look as if it had to do with that row."""
    with pytest.raises(InstanceMethodError, match=rf"write Author\.{name}"):
        getattr(Author(), name)(email="x")


async def test_an_error_of_the_block_undoes_the_writes(db: Database) -> None:
    """Whatever was called before it."""
    ada = await Author.create(email="ada@example.com")

    with pytest.raises(Undo):
        async with db.transaction():
            await ada.update(nick="a")
            await Author.create(email="bob@example.com")
            await ada.delete()
            raise Undo

    assert (await Author.query().one()).nick is None
