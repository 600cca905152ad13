"""Audited: a history of every row, in the transaction that changes it."""

import asyncio
import enum
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, Computed, ForeignKey, Interval, LargeBinary, Numeric, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, configure_mappers, mapped_column, relationship

from activerow import ActiveRecord, Database, audit
from activerow.errors import SerializationError, UniqueViolationError, UnknownFieldError, UsageError
from activerow.mapping.write_rules import SetWrite, applied, rules_for
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete, Timestamps, Versioned
from activerow.mixins.recording import RecordsSetWrites
from activerow.types import UTCDateTime
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the tests about history."""


class Event(AuditLog, Base):
    """The history of this base."""


class Level(enum.Enum):
    """Members with values of their own."""

    LOW = "low"
    HIGH = object()


class Account(Audited, Versioned, Base):
    """Somebody's money."""

    __audit_exclude__ = ("version",)
    __audit_mask__ = ("password",)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(unique=True)
    balance: Mapped[Decimal] = mapped_column(Numeric(12, 2), default=Decimal(0))
    password: Mapped[str | None]
    tags: Mapped[dict[str, Any] | None] = mapped_column(MutableDict.as_mutable(JSON()))
    raw: Mapped[list[Any] | None] = mapped_column(JSON)
    cards: Mapped[list["Card"]] = relationship(cascade="all, delete-orphan")


class Card(Audited, Timestamps, Base):
    """A child with a UUID."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    number: Mapped[str]
    level: Mapped[Level] = mapped_column(default=Level.LOW)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))


class Moment(Audited, Base):
    """A value of every kind, and a key of two columns stored under other names."""

    day: Mapped[date] = mapped_column("d", primary_key=True)
    number: Mapped[int] = mapped_column("n", primary_key=True, autoincrement=False)
    at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    lasts: Mapped[timedelta | None] = mapped_column(Interval)
    blob: Mapped[bytes | None] = mapped_column(LargeBinary)
    ratio: Mapped[float | None]


class Paper(SoftDelete, Audited, Base):
    """Stays when it is deleted; knows how many sheets it has."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(20))
    pages: Mapped[int] = mapped_column(default=0)
    sheets: Mapped[int] = mapped_column(Computed("pages * 2", persisted=True))


class Plain(Base):
    """Nothing is recorded of it."""

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


async def told(row: Audited) -> list[tuple[str, dict[str, Any]]]:
    """Operation and changes, oldest first."""
    return [(entry.operation, entry.changed) for entry in reversed(await row.history())]


# --- what is recorded -----------------------------------------------------------------------------------------------


async def test_each_write_is_an_entry(db: Database) -> None:
    """Newest first, with who, when and what; also after the row is deleted."""
    before = datetime.now(UTC) - timedelta(minutes=1)
    with audit.actor("user:1"):
        account = await Account.create(owner="ada")
        await account.update(balance=Decimal("10.50"))
    await account.delete()

    entries = await account.history()
    assert [(entry.operation, entry.actor, entry.model) for entry in entries] == [
        ("delete", None, "Account"),
        ("update", "user:1", "Account"),
        ("create", "user:1", "Account"),
    ]
    assert entries[1].changed == {"balance": ["0.00", "10.50"]} or entries[1].changed == {"balance": ["0", "10.50"]}
    assert entries[0].changed["owner"] == ["ada", None]
    assert entries[2].changed["owner"] == [None, "ada"]
    assert all(before < entry.recorded_at <= datetime.now(UTC) for entry in entries)
    assert isinstance(entries[0], Event)


async def test_a_save_without_a_change_is_no_entry(db: Database) -> None:
    """Equal values, and what is excluded."""
    account = await Account.create(owner="ada")

    await account.update(owner="ada")
    await account.save()

    assert len(await account.history()) == 1


async def test_values_are_recorded_faithfully(db: Database) -> None:
    """Dates, durations, bytes, numbers and keys, as text where JSON has no such value."""
    at = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    moment = await Moment.create(
        day=date(2024, 2, 29), number=3, at=at, lasts=timedelta(days=1, microseconds=5), blob=b"\0\xff", ratio=0.1
    )

    (entry,) = await moment.history()
    assert entry.row_key == '["2024-02-29",3]'
    assert {name: new for name, (_, new) in entry.changed.items()} == {
        "day": "2024-02-29",
        "number": 3,
        "at": "2024-05-06T07:08:09.123456+00:00",
        "lasts": "86400.000005",
        "blob": "AP8=",
        "ratio": 0.1,
    }


def test_plain_values() -> None:
    """What JSON cannot hold becomes text that says the same."""
    assert [audit.plain(value) for value in (Level.LOW, Level.HIGH, uuid.UUID(int=1), Decimal("1.10"))] == [
        *("low", "HIGH", "00000000-0000-0000-0000-000000000001", "1.10")
    ]
    assert [audit.plain(value) for value in (2**63 - 1, 2**63, float("nan"), True, None)] == [
        *(2**63 - 1, str(2**63), "nan", True, None)
    ]
    assert audit.plain({1: (date(2024, 1, 1), {"b", "a"})}) == {"1": ["2024-01-01", ["a", "b"]]}


async def test_masked_and_excluded_columns(db: Database) -> None:
    """Of a password the history knows that it changed; of the version nothing."""
    account = await Account.create(owner="ada", password="first")
    await account.update(password="second")
    await account.update(password=None)

    entries = await told(account)
    assert [changed.get("password") for _, changed in entries] == [[None, "***"], ["***", "***"], ["***", None]]
    assert all("version" not in changed for _, changed in entries)


async def test_an_unknown_name_to_exclude_is_refused() -> None:
    """A typo would record what must not be."""

    class Other(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    class Secret(Audited, Other):  # pyright: ignore[reportUnusedClass]
        __audit_mask__ = ("pasword",)
        id: Mapped[int] = mapped_column(primary_key=True)
        password: Mapped[str]

    with pytest.raises(UnknownFieldError, match="did you mean 'password'"):
        configure_mappers()
    Other.registry.dispose()


async def test_values_changed_in_place(db: Database) -> None:
    """A dict that tracks its changes, and a list that is written because it cannot."""
    account = await Account.create(owner="ada", tags={"a": 1}, raw=[1])
    assert account.tags is not None
    assert account.raw is not None
    account.tags["a"] = 2
    account.raw.append(2)
    await account.save()

    assert (await told(account))[1] == ("update", {"tags": [{"a": 1}, {"a": 2}], "raw": [[1], [1, 2]]})


async def test_a_value_computed_by_the_server(db: Database) -> None:
    """What an SQL expression came to is read for the entry."""
    account = await Account.create(owner="ada", balance=Decimal(5))

    await account.update(balance=Account.balance + 5)

    assert [Decimal(one) for one in (await told(account))[1][1]["balance"]] == [5, 10]


async def test_a_column_that_was_not_loaded(db: Database) -> None:
    """Its old value is read for the entry."""
    made = await Account.create(owner="ada", password="x")
    account = (await Account.query().only("password").all())[0]

    await account.update(owner="grace")

    assert (await told(made))[1] == ("update", {"owner": ["ada", "grace"]})


async def test_rows_of_a_cascade_are_recorded(db: Database) -> None:
    """Children that come and go with their parent."""
    account = await Account.create(owner="ada", cards=[Card(number="1"), Card(number="2")])
    cards = list(account.cards)
    await account.delete()

    for card in cards:
        assert [operation for operation, _ in await told(card)] == ["create", "delete"]
    assert await Event.query().count() == 6


async def test_the_entries_of_a_flush_are_one_statement(db: Database) -> None:
    """However many rows it writes."""
    with statements(db) as sent:
        await Account.create(owner="ada", cards=[Card(number=str(n)) for n in range(5)])

    assert len([one for one in sent if "INSERT INTO events" in one.replace("`", "").replace('"', "")]) == 1


async def test_models_that_are_not_audited_are_not_recorded(db: Database) -> None:
    """And pay nothing."""
    await Plain.create()

    assert not await Event.query().exists()


# --- transactions and sessions --------------------------------------------------------------------------------------


async def test_a_rollback_takes_the_history_back(db: Database, other_connection: OtherConnection) -> None:
    """Of a unit, of a savepoint, and of a call that fails."""
    async with db.transaction():
        with pytest.raises(LookupError):
            async with db.transaction():
                await Account.create(owner="undone")
                raise LookupError
        await Account.create(owner="kept")
    with pytest.raises(UniqueViolationError):
        await Account.create(owner="kept")

    entries = await Event.query().all()
    assert [entry.changed["owner"] for entry in entries] == [[None, "kept"]]


async def test_raw_session_writes_are_recorded(db: Database) -> None:
    """In a unit, and in a session of the program."""
    async with db.transaction() as session:
        session.add(Account(owner="unit"))
    async with AsyncSession(db.engine) as session:
        session.add(Account(owner="own"))
        await session.commit()
        account = (await session.scalars(select(Account).filter_by(owner="own"))).one()
        await session.delete(account)
        await session.commit()

    assert await Event.order_by("id").pluck(Event.operation) == ["create", "create", "delete"]


async def test_a_row_attached_to_a_session_of_the_program_reads_its_history_there(db: Database) -> None:
    """It sees what that session has not committed."""
    async with AsyncSession(db.engine) as session:
        account = await Account.create(owner="ada", session=session)
        assert len(await account.history()) == 1
        await session.rollback()

    assert not await Event.query().exists()


async def test_concurrent_writes_are_recorded_with_their_own_actor(db: Database) -> None:
    """The actor belongs to the context; tasks inherit it from the one that started them."""

    async def work(n: int) -> None:
        with audit.actor(f"user:{n}"):
            await asyncio.gather(Account.create(owner=f"a{n}"), Account.create(owner=f"b{n}"))

    async with db.transaction():
        await asyncio.gather(*(work(n) for n in range(3)))

    entries = await Event.query().all()
    assert sorted((e.actor, e.changed["owner"][1]) for e in entries) == [
        (f"user:{n}", f"{letter}{n}") for n in range(3) for letter in "ab"
    ]
    assert audit.current_actor() is None


async def test_the_limit_and_an_unsaved_row(db: Database) -> None:
    """`limit` takes the newest entries; a new row has none."""
    account = await Account.create(owner="ada")
    await account.update(owner="grace")

    assert [entry.operation for entry in await account.history(limit=1)] == ["update"]
    with pytest.raises(UsageError, match="not stored"):
        await Account(owner="x").history()


def test_an_actor_is_a_short_text() -> None:
    """Anything else is refused before it meets the database."""
    with pytest.raises(UsageError, match="not by int"):
        audit.set_actor(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="255"), audit.actor("x" * 256):
        pass


# --- set-based writes -----------------------------------------------------------------------------------------------


async def test_a_set_based_update_is_recorded_row_by_row(db: Database) -> None:
    """The rows are locked, changed and recorded in one transaction."""
    ada = await Account.create(owner="ada", balance=Decimal(5))
    bob = await Account.create(owner="bob", balance=Decimal(7))
    await Account.create(owner="eve", balance=Decimal(9))

    with audit.actor("job"):
        count = await Account.where(Account.balance < 8).update(balance=Account.balance + 1)

    assert count == 2
    for row, values in ((ada, [5, 6]), (bob, [7, 8])):
        entry = (await row.history())[0]
        assert (entry.operation, entry.actor, list(entry.changed)) == ("update", "job", ["balance"])
        assert [Decimal(one) for one in entry.changed["balance"]] == values
        assert (await Account.get(row.id)).version == 2
    assert await Event.query().count() == 5


async def test_a_set_based_delete_is_recorded_row_by_row(db: Database) -> None:
    """With the values that are gone, links included."""
    for name in "abc":
        await Account.create(owner=name)

    count = await Account.order_by("owner").limit(2).delete()

    entries = await Event.filter_by(operation="delete").order_by("id").all()
    assert (count, sorted(entry.changed["owner"][0] for entry in entries)) == (2, ["a", "b"])


async def test_a_set_based_write_of_many_rows(db: Database) -> None:
    """More keys than one statement takes."""
    async with db.transaction() as session:
        session.add_all([Account(owner=f"{n:04}") for n in range(1100)])

    count = await Account.query().update(balance=1, all_rows=True)

    assert (count, await Event.filter_by(operation="update").count()) == (1100, 1100)


async def test_a_set_based_write_without_rows(db: Database) -> None:
    """Nothing is written, nothing recorded."""
    assert await Account.filter_by(owner="nobody").update(balance=1) == 0
    assert await Account.filter_by(owner="nobody").delete() == 0
    assert not await Event.query().exists()


async def test_a_set_based_write_is_undone_with_its_history(db: Database) -> None:
    """Both are of one transaction."""
    await Account.create(owner="ada")

    with pytest.raises(LookupError):
        async with db.transaction():
            await Account.filter_by(owner="ada").update(balance=1)
            raise LookupError

    assert await Event.query().count() == 1


async def test_concurrent_set_based_updates_are_recorded_as_they_happened(db: Database) -> None:
    """Each entry begins where the one before it ended: the rows are locked before they are read."""
    account = await Account.create(owner="ada")

    await asyncio.gather(*(Account.filter_by(owner="ada").update(balance=Account.balance + 1) for _ in range(4)))

    steps = [[Decimal(one) for one in entry.changed["balance"]] for entry in reversed(await account.history(limit=4))]
    assert steps == [[0, 1], [1, 2], [2, 3], [3, 4]]


async def test_a_set_based_write_that_met_other_rows_is_refused(db: Database) -> None:
    """When the statements write fewer rows than were read, the transaction is to be run again."""
    await Account.create(owner="ada")

    async with db.transaction() as session:
        write = SetWrite("update", Account, {"balance": 1}, targets=((Account.owner == "ada",),))
        with pytest.raises(SerializationError):
            async with applied(session, write):
                assert len(write.targets) == 1


def test_writes_that_do_not_tell_their_rows_are_refused() -> None:
    """Rather than leave gaps."""
    (rule,) = [rule for rule in rules_for(Account) if isinstance(rule, RecordsSetWrites)]

    for operation in ("create_many", "upsert_many"):
        with pytest.raises(UsageError, match=rf"{operation}\(\) of Account, which is Audited"):
            rule.check(Account, operation)


# --- where the history is kept --------------------------------------------------------------------------------------


async def test_an_audited_model_needs_a_table_for_its_history(make_database: MakeDatabase) -> None:
    """The error says what to write; nothing is stored without history."""

    class Other(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    class Thing(Audited, Other):
        id: Mapped[int] = mapped_column(primary_key=True)

    await make_database(Other)

    with pytest.raises(UsageError, match=r"class History\(AuditLog, Base\)"):
        await Thing.create()
    assert await Thing.query().count() == 0


async def test_a_model_may_have_a_history_of_its_own(make_database: MakeDatabase) -> None:
    """`__audit_log__` names it where a base has several."""

    class Other(ActiveRecord, AutoTableName, DeclarativeBase):
        pass

    class One(AuditLog, Other):
        pass

    class Two(AuditLog, Other):
        pass

    class Thing(Audited, Other):
        __audit_log__ = Two
        id: Mapped[int] = mapped_column(primary_key=True)

    await make_database(Other)
    await Thing.create()

    assert (await One.query().count(), await Two.query().count()) == (0, 1)


async def test_rows_that_are_hidden_are_no_part_of_a_set_based_write(db: Database) -> None:
    """Deleted rows with the same values stay as they are; what is written is recorded, also the mark itself."""
    gone, kept = await Paper.create(title="x"), await Paper.create(title="x")
    await gone.delete()

    assert await Paper.filter_by(title="x").update(title="y") == 1
    assert await Paper.query().update(title="z", all_rows=True) == 1
    assert await Paper.filter_by(title="z").delete() == 1
    assert await Paper.filter_by(title="z").only_deleted().update(deleted_at=None) == 1
    assert await Paper.query().with_deleted().delete(all_rows=True, hard=True) == 2

    assert [entry.operation for entry in await kept.history()] == ["delete", *["update"] * 4, "create"]
    assert [list(entry.changed) for entry in (await kept.history())[1:5]] == [["deleted_at"]] * 2 + [["title"]] * 2
    assert len(await gone.history()) == 3


async def test_a_column_that_the_database_computes_is_recorded(db: Database) -> None:
    """A set-based update records what it changed by the way, as a save does."""
    paper = await Paper.create(title="x", pages=2)

    await Paper.filter_by(id=paper.id).update(pages=3)

    assert (await paper.history())[0].changed == {"pages": [2, 3], "sheets": [4, 6]}
