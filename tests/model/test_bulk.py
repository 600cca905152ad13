"""`create_many`: any number of rows, all of them or none, in whatever session the rule says."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Generator, Iterable
from datetime import datetime
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import event, func, text
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.errors import (
    ActiveRowError,
    CheckViolationError,
    InstanceMethodError,
    InvalidDataError,
    NestedCommitError,
    PendingWorkError,
    ReadOnlyFieldError,
    TransactionBrokenError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from tests.models.warehouse import Animal, Base, Box, Dog, Door, Horse, Parcel, Price, Shelf, Stock, refused, told
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements


class UndoneError(Exception):
    """Something of the program's went wrong."""


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """An empty warehouse."""
    return await make_database(Base, pool_size=2, max_overflow=0, pool_timeout=5)


def boxes(count: int, fail_at: int | None = None) -> Generator[dict[str, Any]]:
    """Rows of boxes; the generator may fail on the way."""
    for number in range(count):
        if number == fail_at:
            raise UndoneError
        yield {"size": number}


async def boxes_async(count: int) -> AsyncGenerator[dict[str, Any]]:
    """The same, asynchronously."""
    for row in boxes(count):
        await asyncio.sleep(0)
        yield row


# --- kinds of rows --------------------------------------------------------------------------------------------------


class NewBox(BaseModel):
    """A row from outside."""

    size: int
    shelf_id: int | None = None


@pytest.mark.parametrize(
    "rows",
    [
        [{"size": 0}, {"size": 1}, {"size": 2}],
        boxes,
        boxes_async,
        [NewBox(size=0), NewBox(size=1, shelf_id=None), NewBox(size=2)],
        [Box(size=0), {"size": 1}, NewBox(size=2)],
    ],
    ids=["dicts", "generator", "async generator", "pydantic", "mixed"],
)
async def test_kinds_of_rows(db: Database, rows: Any) -> None:
    """Dicts, Pydantic models and instances; lists and generators of both kinds."""
    given: Any = rows(3) if callable(rows) else rows
    written = await Box.create_many(given)

    assert written == 3
    assert [box.size for box in await Box.query().order_by("id").all()] == [0, 1, 2]


async def test_no_rows(db: Database) -> None:
    """Nothing to write is nothing to send."""
    with statements(db) as sent:
        assert await Box.create_many([]) == 0

    assert sent == []


async def test_instances_stay_as_they_are(db: Database) -> None:
    """An instance gives its values and stays new: it gets no key; one that is stored, or will be, is refused."""
    new, stored = Box(size=1), await Box.create(size=2)

    await Box.create_many([new])
    with pytest.raises(UsageError, match=r"is stored already.*rows\[1\]"):
        await Box.create_many([Box(size=3), stored])
    async with db.transaction() as session:
        session.add(new)
        with pytest.raises(UsageError, match="added to a session"):
            await Box.create_many([new])
        session.expunge(new)

    assert (repr(new), new.size) == ("<Box new>", 1)
    assert await Box.query().count() == 2


async def test_one_table_for_several_classes(db: Database) -> None:
    """The class a row belongs to is stored with it; rows of two tables are refused."""
    await Dog.create_many([{"name": "Rex", "tricks": 3}])
    await Animal.create_many([{"name": "Tom"}, Dog(name="Bo")])
    with pytest.raises(UsageError, match="Horse is not stored in one table"):
        await Horse.create_many([{"name": "Jo", "races": 1}])

    animals = await Animal.query().order_by("name").all()
    assert [(type(one).__name__, one.kind) for one in animals] == [("Dog", "dog"), ("Dog", "dog"), ("Animal", "animal")]


async def test_a_related_row_gives_its_key(db: Database) -> None:
    """A stored row for a to-one relation stands for its key; None for no row; others are refused."""
    shelf = await Shelf.create(code="a", name="Big One")

    await Box.create_many([{"size": 1, "shelf": shelf}, {"size": 2, "shelf": None}, Box(size=3, shelf=shelf)])

    assert [box.shelf_id for box in await Box.query().order_by("size").all()] == [shelf.id, None, shelf.id]
    for row, message in [
        ({"size": 1, "shelf": Shelf(code="b")}, "no key yet"),
        ({"size": 1, "shelf": 3}, "takes a row of Shelf"),
    ]:
        with pytest.raises(UsageError, match=message):
            await Box.create_many([row])
    with pytest.raises(UsageError, match="rows in 'boxes'"):
        await Shelf.create_many([Shelf(code="c", name="C", boxes=[Box(size=1)])])


# --- values ---------------------------------------------------------------------------------------------------------


async def test_defaults_are_those_of_create(db: Database) -> None:
    """Scalars, callables, callables that look at the row, SQL, the server's own, and computed columns."""
    await Shelf.create_many([{"code": "a", "name": "Ada Lovelace", "width": 4}, {"code": "b"}, {"code": "c"}])

    a, b, c = await Shelf.query().order_by("code").all()
    assert (a.name, a.short, a.room, a.height, a.area) == ("Ada Lovelace", "AL", 7, 3, 8)
    assert (b.name, b.short, b.room, b.width, b.data) == ("no name", "nn", 7, None, None)
    assert len({a.token, b.token, c.token}) == 3
    assert isinstance(a.created_at, datetime)
    assert a.id < b.id < c.id


async def test_rows_may_give_different_columns(db: Database) -> None:
    """What a row does not give gets its default; None that is given stays NULL, and a key that is None is made."""
    rows: list[dict[str, Any]] = [
        {"code": "a", "room": 1},
        {"code": "b"},
        {"code": "c", "room": 3, "width": 1},
        {"id": None, "code": "d"},
    ]
    await Shelf.create_many([{"height": 1, **row} for row in rows])
    await Price.create_many([{"shop": "x", "item": "y", "amount": 1, "note": None}])

    shelves = await Shelf.query().order_by("code").all()
    assert [(shelf.room, shelf.width) for shelf in shelves] == [(1, None), (7, None), (3, 1), (7, None)]
    assert (await Price.get(shop="x", item="y")).note is None


async def test_json_that_is_not_given_is_null(db: Database) -> None:
    """JSON has a null of its own: None that is given is that, what is not given is NULL; as in `create`."""
    for row in ({"label": "a", "details": None}, {"label": "b"}):
        await Parcel.create(row)
        await Parcel.create_many([row])

    async with db.transaction() as session:
        nulls = await session.scalars(text("SELECT label FROM parcels WHERE details IS NULL"))
        assert list(nulls) == ["b", "b"]


async def test_a_row_may_refer_to_the_one_before_it(db: Database) -> None:
    """Rows of a table that refers to itself keep their order, whatever they give."""
    rows = [{"id": 1, "size": 1}, {"size": 2, "inside_id": 1}, {"id": 3, "size": 3, "inside_id": 1}]

    assert await Box.create_many([*rows, {"id": 4, "size": 4, "inside_id": 3}]) == 4


async def test_sql_as_a_value(db: Database) -> None:
    """A row may have SQL in it, beside rows that have none."""
    await Box.create_many([{"size": 1}, {"size": func.abs(-2)}, {"size": 3}, {"size": func.abs(-4), "id": 90}])

    assert sorted(await Box.query().pluck("size")) == [1, 2, 3, 4]


async def test_keys_of_the_program(db: Database) -> None:
    """Composite keys, UUIDs and numbers of the program's own are stored as they are given."""
    key = uuid.uuid4()
    await Stock.create_many([{"place": "a", "thing": "b", "count": 1}, {"place": "a", "thing": "c", "count": 2}])
    await Parcel.create_many([{"id": key, "label": "x"}])
    await Box.create_many([{"id": 12_345, "size": 1}])

    assert (await Stock.get(("a", "c"))).count == 2
    assert (await Parcel.get(key)).label == "x"
    assert (await Box.get(12_345)).size == 1


async def test_a_version_begins(db: Database) -> None:
    """A row of a model that counts its versions can be saved afterwards."""
    await Door.create_many([{"id": 1, "open": True}])

    door = await Door.get(1)
    assert (await door.update(open=False)) is door
    assert door.version == 2


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ({"code": "a", "nmae": "b"}, UnknownFieldError, r"Shelf rows\[2\] has no field 'nmae'; did you mean 'name'"),
        ({"code": "a", "area": 3}, ReadOnlyFieldError, r"Shelf rows\[2\]\.area cannot be set: the database computes"),
        ({"code": "a", "wide": True}, ReadOnlyFieldError, r"rows\[2\]\.wide cannot be set: .*set columns"),
        ({"code": "a", "boxes": []}, ReadOnlyFieldError, r"rows\[2\]\.boxes cannot be set: .*related rows"),
        ({"code": "x" * 21}, InvalidDataError, r"Shelf rows\[2\]\.code does not fit its column: too long"),
        ({"code": "a\0"}, InvalidDataError, r"rows\[2\]\.code .* NUL"),
        ({"code": "a", "width": 2**31}, InvalidDataError, r"rows\[2\]\.width .* out of range"),
        ({"code": "a", "created_at": datetime(2024, 1, 1)}, InvalidDataError, r"rows\[2\]\.created_at .*time zone"),  # noqa: DTZ001
        ("a", UsageError, r"rows\[2\]"),
        (None, UsageError, r"not NoneType.*rows\[2\]"),
    ],
)
async def test_what_does_not_fit_is_refused_first(
    db: Database, row: Any, kind: type[ActiveRowError], message: str
) -> None:
    """A wrong name or value is found before anything is sent, and the error says in which row."""
    with statements(db) as sent, pytest.raises(kind, match=message) as failed:
        await Shelf.create_many([{"code": "1"}, {"code": "2"}, row])

    assert failed.value.position == 2
    assert not [sql for sql in sent if "INSERT" in sql]


async def test_calls_that_make_no_sense(db: Database) -> None:
    """One row instead of many, no iterable, an empty batch, an instance: each is refused with the way out."""
    with pytest.raises(UsageError, match=r"rows are many: .* not dict"):
        await Box.create_many({"size": 1})
    with pytest.raises(UsageError, match="not int"):
        await Box.create_many(3)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="at least one row"):
        await Box.create_many([], batch=0)
    with pytest.raises(InstanceMethodError, match=r"write Box.create_many"):
        await Box(size=1).create_many([])


async def test_a_type_that_cannot_convert_names_the_row(db: Database) -> None:
    """What a column type of the program refuses is `InvalidDataError`, with row, column and value."""
    with pytest.raises(InvalidDataError) as failed:
        await Parcel.create_many([{"tags": ("a",)}, {"tags": 5}])

    assert (failed.value.position, failed.value.columns, failed.value.values) == (1, ("tags",), {"tags": 5})


# --- all or none ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fail", ["rows", "value", "database", "progress"])
async def test_a_failure_leaves_nothing(db: Database, fail: str) -> None:
    """Whatever fails after the first batches, outside a unit: no row is there."""

    def rows() -> Iterable[dict[str, Any]]:
        yield from boxes(9, fail_at=8 if fail == "rows" else None)
        yield {"size": "x"} if fail == "value" else {"size": 1, "id": 1}
        yield {"size": 1, "id": 1}

    def progress(done: int) -> None:
        if fail == "progress" and done == 6:
            raise UndoneError

    with pytest.raises((UndoneError, InvalidDataError, UniqueViolationError)):
        await Box.create_many(rows(), batch=2, progress=progress)

    assert await Box.query().count() == 0


async def test_a_failure_half_way_breaks_the_unit(db: Database, other_connection: OtherConnection) -> None:
    """In an open unit a call that stops half way breaks it, whatever stopped it: no half is committed."""
    with pytest.raises(TransactionBrokenError, match="UndoneError") as broken:
        async with db.transaction():
            await Box.create(size=100)
            with pytest.raises(UndoneError):
                await Box.create_many(boxes(9, fail_at=5), batch=2)

    assert isinstance(broken.value.first_error, UndoneError)
    assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 0


async def test_a_failure_at_the_start_does_not(db: Database) -> None:
    """What is refused before anything was sent leaves the unit as it is."""
    async with db.transaction():
        await Box.create(size=100)
        with pytest.raises(UnknownFieldError):
            await Box.create_many([{"size": 1}, {"syze": 2}])

    assert await Box.query().count() == 1


async def test_a_nested_transaction_protects_the_unit(db: Database) -> None:
    """A savepoint around the call is rolled back alone, also when its own error is caught inside of it."""
    async with db.transaction():
        await Box.create(size=100)
        with pytest.raises(UndoneError):
            async with db.transaction():
                await Box.create_many(boxes(9, fail_at=5), batch=2)
        with pytest.raises(TransactionBrokenError):
            async with db.transaction():
                with pytest.raises(UndoneError):
                    await Box.create_many(boxes(9, fail_at=5), batch=2)
        await Box.create(size=101)

    assert sorted(await Box.query().pluck("size")) == [100, 101]


async def test_a_cancellation_half_way(db: Database) -> None:
    """A call that is cancelled while it waits for rows breaks its unit, although no statement was under way."""

    async def rows() -> AsyncGenerator[dict[str, Any]]:
        yield {"size": 1}
        await asyncio.Event().wait()

    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await Box.create_many(rows(), batch=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await Box.create_many(rows(), batch=1)

    assert await Box.query().count() == 0


async def test_the_rows_of_the_caller_are_closed(db: Database) -> None:
    """An asynchronous generator is closed before the call ends, so that what it holds is not held on."""
    closed: list[bool] = []

    async def rows() -> AsyncGenerator[dict[str, Any]]:
        try:
            yield {"size": 1}
            yield {"syze": 1}
        finally:
            closed.append(True)

    with pytest.raises(UnknownFieldError):
        await Box.create_many(rows(), batch=1)

    assert closed == [True]


# --- sessions -------------------------------------------------------------------------------------------------------


async def test_in_a_unit_it_commits_with_the_unit(db: Database, other_connection: OtherConnection) -> None:
    """Rows go in with the unit, or out with it."""
    async with db.transaction():
        await Box.create_many(boxes(3), batch=1)
        assert await Box.query().count() == 3
        assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 0
        db.rollback_only()
    async with db.transaction():
        await Box.create_many(boxes(2))

    assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 2


async def test_pending_work_is_written_first(db: Database) -> None:
    """What the program left in the session is there before the rows that refer to it."""
    async with db.transaction() as session:
        session.add(Shelf(id=5, code="a", name="A"))
        await Box.create_many([{"size": 1, "shelf_id": 5}])

    assert await Box.filter_by(shelf__code="a").count() == 1


async def test_a_session_of_the_program(db: Database, other_connection: OtherConnection) -> None:
    """A raw session is committed by whoever opened it, or with `auto_commit=True`; a failure leaves the rest of it."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        await Box.create(size=100, session=session)
        with pytest.raises(UndoneError):
            await Box.create_many(boxes(9, fail_at=5), batch=2, session=session)
        assert await Box.create_many(boxes(2), session=session) == 2
        await session.commit()
        await Box.create_many(boxes(1), session=session, auto_commit=True)
        await Box.create_many(boxes(1), session=session)

    assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 4


async def test_in_a_scoped_session_the_call_commits_itself(db: Database, other_connection: OtherConnection) -> None:
    """All its batches together; with `auto_commit=False` nothing of it."""
    async with db.scoped_session():
        with pytest.raises(UndoneError):
            await Box.create_many(boxes(9, fail_at=5), batch=2)
        await Box.create_many(boxes(3), batch=2)
        assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 3
    with pytest.raises(PendingWorkError):
        async with db.scoped_session():
            await Box.create_many(boxes(3), auto_commit=False)

    assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 3


async def test_auto_commit(db: Database, other_connection: OtherConnection) -> None:
    """False leaves the rows to a later call; True is refused inside a transaction before a row is taken."""
    await Box.create_many(boxes(2), auto_commit=False)
    assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 0
    await Box.create_many(boxes(2), auto_commit=True)
    assert await other_connection.scalar(text("SELECT count(*) FROM boxes")) == 4

    async with db.transaction():
        rows = boxes(2)
        with pytest.raises(NestedCommitError):
            await Box.create_many(rows, auto_commit=True)
        assert len(list(rows)) == 2


async def test_nobody_commits_a_half(db: Database) -> None:
    """A commit between two batches is refused, and breaks the unit as every failure there does."""

    async def rows() -> AsyncGenerator[dict[str, Any]]:
        yield {"size": 1}
        await Box.create(size=2, auto_commit=True)
        yield {"size": 3}

    with pytest.raises(NestedCommitError):
        await Box.create_many(rows(), batch=1, auto_commit=False)
    with pytest.raises(TransactionBrokenError):
        await db.commit()

    assert await Box.query().count() == 0


async def test_rows_may_come_from_the_same_database(db: Database) -> None:
    """A generator may read and write with models; it shares the call's connection, in a unit and outside."""
    await Box.create_many(boxes(4))

    async def copies(sizes: Iterable[int]) -> AsyncGenerator[dict[str, Any]]:
        for size in sizes:
            box = await Box.filter_by(size=size).first()
            assert box is not None
            await Price.create(shop="s", item=str(size), amount=1)
            yield {"size": box.size + 10, "inside_id": box.id}

    assert await Box.create_many(copies([0, 1]), batch=1) == 2
    async with db.transaction():
        assert await Box.create_many(copies([2, 3]), batch=1) == 2

    assert sorted(await Box.query().pluck("size")) == [0, 1, 2, 3, 10, 11, 12, 13]
    assert await Price.query().count() == 4


async def test_tasks_of_the_unit_go_on_between_batches(db: Database) -> None:
    """The lock is not held while rows are fetched: they may come from another task of the same unit."""
    queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=1)

    async def produce() -> None:
        for number in range(4):
            await queue.put(number + await Box.query().count())
        await queue.put(None)

    async def rows() -> AsyncGenerator[dict[str, Any]]:
        while (number := await queue.get()) is not None:
            yield {"size": number}

    async with db.transaction():
        async with asyncio.timeout(20):
            results = await asyncio.gather(produce(), Box.create_many(rows(), batch=1))

    assert results[1] == await Box.query().count() == 4


async def test_calls_side_by_side(db: Database) -> None:
    """`gather` works: in a unit the calls take turns, outside each has its own transaction."""
    async with db.transaction():
        await asyncio.gather(*(Box.create_many(boxes(5), batch=2) for _ in range(3)))
    await asyncio.gather(*(Box.create_many(boxes(5), batch=2) for _ in range(3)))

    assert await Box.query().count() == 30


async def test_a_read_only_transaction(db: Database) -> None:
    """Is refused before anything is sent."""
    async with db.transaction(read_only=True):
        with pytest.raises(UsageError, match="read-only"):
            await Box.create_many(boxes(1))


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_progress(db: Database, asynchronous: bool) -> None:
    """The callback hears after each batch how many rows are written; it may use the database."""
    heard: list[int] = []

    async def ask(done: int) -> None:
        heard.append(done)
        assert await Box.query().count() == done

    await Box.create_many(boxes(5), batch=2, progress=ask if asynchronous else heard.append)

    assert heard == [2, 4, 5]


async def test_rows_are_taken_batch_by_batch(db: Database) -> None:
    """No more rows than a batch are taken before they are sent."""
    taken: list[int] = []

    def rows() -> Iterable[dict[str, Any]]:
        for row in boxes(6):
            taken.append(row["size"])
            yield row

    ahead: list[int] = []
    await Box.create_many(rows(), batch=2, progress=lambda done: ahead.append(len(taken) - done))

    assert ahead == [0, 0, 0]


async def test_more_values_than_a_statement_takes(db: Database) -> None:
    """Statements are cut to what the server takes: parameters on PostgreSQL, bytes on MySQL."""
    wide = [{"shop": "s", "item": str(n), "amount": func.abs(1) if n == 0 else 1} for n in range(7_000)]
    assert await Price.create_many(wide, batch=7_000) == 7_000

    long = [{"note": "\U0001f389'\\" * 10_000}] * 400
    assert await Parcel.create_many(long) == 400

    assert await Price.query().count() == 7_000
    assert await Parcel.where(func.length(Parcel.note) >= 30_000).count() == 400


async def test_many_rows_are_few_statements(db: Database) -> None:
    """A thousand rows are one statement where it can be one."""
    await Box.create_many(boxes(2))

    with statements(db) as sent:
        await Box.create_many(boxes(1_000))

    assert len([sql for sql in sent if "boxes" in sql]) == 1


# --- rules ----------------------------------------------------------------------------------------------------------


async def test_bulk_writes_are_announced(db: Database) -> None:
    """A rule of a class hears of every write that passes its rows by, of subclasses too, and may refuse it."""
    told.clear()
    refused.add("delete")

    await Dog.create_many([{"id": 1, "name": "Rex"}])
    await Animal.filter_by(name="Rex").update(name="Bo")
    await Animal.upsert_many([{"id": 1, "name": "Max"}], by="id")
    with pytest.raises(UsageError, match="not like this"):
        await Animal.query().delete(all_rows=True)
    await Box.create_many(boxes(1))

    assert [operation for operation, _ in told] == ["create_many", "update", "upsert_many", "delete"]
    assert told[0][1] is Dog
    assert await Animal.query().count() == 1


async def test_statements_are_seen_by_listeners(db: Database, backend: Backend) -> None:
    """Engine events hear of a bulk write as of every statement, COPY included."""
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement.partition(" (")[0])

    event.listen(db.engine.sync_engine, "after_cursor_execute", note)
    await Box.create_many(boxes(200))

    assert heard[-1] == ("COPY boxes" if backend.dialect == "postgresql" else "INSERT INTO boxes")


@pytest.mark.backends("postgresql", "mysql")
async def test_checks_of_the_server(db: Database) -> None:
    """A check constraint is translated as for one row."""
    async with db.transaction() as session:
        await session.execute(text("ALTER TABLE boxes ADD CONSTRAINT ck_small CHECK (size < 100)"))
    try:
        with pytest.raises(CheckViolationError) as failed:
            await Box.create_many(boxes(150))
        assert (failed.value.model, failed.value.constraint) == ("Box", "ck_small")
    finally:
        async with db.transaction() as session:
            await session.execute(text("ALTER TABLE boxes DROP CONSTRAINT ck_small"))
