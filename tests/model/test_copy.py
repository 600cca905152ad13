"""COPY on PostgreSQL: the same rows, values and errors as an INSERT."""

import asyncio
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncEngine

from activerow import Database
from activerow.errors import ForeignKeyViolationError, NotNullViolationError, UniqueViolationError
from activerow.model.bulk.copy import LEAST_ROWS
from tests.models.warehouse import Base, Box, Colour, Parcel, Price, Shelf
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements

KST = timezone(timedelta(hours=9))


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """An empty warehouse."""
    return await make_database(Base)


def parcels() -> list[dict[str, Any]]:
    """Rows with usual, extreme and missing values of every type."""
    full = {
        "label": '한글 🎉 tab\t quote\' \\N backslash\\ "double" {a,b}',
        "note": "line one\nline two\r\n\\.\n",
        "pieces": -32768,
        "grams": 2**63 - 1,
        "price": Decimal("-9999999999.99"),
        "ratio": 0.1,
        "fragile": True,
        "colour": Colour.BLUE,
        "plain_colour": Colour.RED,
        "packed_on": date(1, 1, 1),
        "packed_at": time(23, 59, 59),
        "local": datetime(2024, 2, 29, 12, 30, 15),  # noqa: DTZ001
        "sent_at": datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=KST),
        "took": timedelta(days=400, seconds=3, microseconds=5),
        "scan": bytes(range(256)),
        "owner": uuid.UUID(int=7),
        "details": {"a": [1, None, "ü", {"b": 2.5}], "é🎉": True},
        "tags": ("one", "zwei", "셋"),
        "codes": [1, -2, 3],
        "words": ["a,b", "{}", 'q"', "\\", "", "한"],
        "extra": {"n": [1, 2], "t": "x"},
    }
    small: dict[str, Any] = {
        "grams": -(2**63),
        "price": 5,
        "scan": b"",
        "details": {},
        "label": "",
        "codes": [],
        "words": [],
        "ratio": 3,
    }
    return [full, {**dict.fromkeys(full), "pieces": 1}, {"pieces": 2}, {**full, **small, "pieces": 3}]


async def test_every_type_is_stored_as_an_insert_stores_it(db: Database, backend: Backend) -> None:
    """Values of all types come back from a bulk write as from `create`, by COPY and without it."""
    rows = [{**row, "scan": None} for row in parcels()] if backend.name == "aiomysql" else parcels()
    for row in rows:  # (aiomysql 0.3 cannot send bytes through PyMySQL 1.2)
        await Parcel.create(row)
    created = [row.to_dict(exclude=["id"]) for row in await Parcel.query().order_by("pieces").all()]
    await Parcel.query().delete(all_rows=True)

    for times in (1, LEAST_ROWS):
        with statements(db) as sent:
            assert await Parcel.create_many([row for row in rows for _ in range(times)]) == 4 * times
        assert any(sql.startswith("COPY") for sql in sent) is (times > 1 and db.dialect == "postgresql")
        many = [row.to_dict(exclude=["id"]) for row in await Parcel.query().order_by("pieces").all()]
        assert many[::times] == created
        await Parcel.query().delete(all_rows=True)


@pytest.mark.backends("postgresql")
async def test_rows_go_in_by_copy(db: Database) -> None:
    """Many rows are one COPY; what COPY cannot compute is an INSERT of many rows."""
    with statements(db) as sent:
        await Price.create_many({"shop": "a", "item": str(n), "amount": n} for n in range(LEAST_ROWS))
        await Price.create_many({"shop": "b", "item": str(n), "amount": n} for n in range(LEAST_ROWS - 1))
        await Shelf.create_many({"code": str(n)} for n in range(LEAST_ROWS))  # `height` is computed by SQL
        await Price.create_many([{"shop": "c", "item": "x", "amount": func.abs(-2)}])

    assert [sql.partition(" ")[0] for sql in sent] == ["COPY", "INSERT", "INSERT", "INSERT"]
    assert (await Price.get(shop="c", item="x")).amount == 2
    assert await Shelf.filter_by(height=3, room=7).count() == LEAST_ROWS


@pytest.mark.backends("postgresql")
async def test_a_table_can_be_kept_from_copy(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """`info={"copy": False}` on a table has its rows inserted: row level security does not allow COPY."""
    monkeypatch.setitem(Price.metadata.tables["prices"].info, "copy", False)

    with statements(db) as sent:
        await Price.create_many({"shop": "a", "item": str(n), "amount": n} for n in range(LEAST_ROWS))

    assert [sql.partition(" ")[0] for sql in sent] == ["INSERT"]


async def test_errors_of_many_rows_are_those_of_one(db: Database) -> None:
    """What the database refuses has the class, columns and values that `create` gives it; no row is there."""
    rows = [{"shop": "a", "item": str(n), "amount": n} for n in range(LEAST_ROWS)]
    with pytest.raises(UniqueViolationError) as twice:
        await Price.create_many([*rows, rows[4]])
    with pytest.raises(NotNullViolationError) as missing:
        await Price.create_many([*rows, {"shop": "b", "item": "x"}])
    with pytest.raises(ForeignKeyViolationError) as lost:
        await Box.create_many([{"size": 1, "shelf_id": None}] * LEAST_ROWS + [{"size": 2, "shelf_id": 999}])

    assert (twice.value.model, twice.value.columns) == ("Price", ("shop", "item"))
    if db.dialect != "mysql":  # which says "a-4"
        assert str(twice.value).startswith("Price rows[100] (shop, item) is taken")
        assert (twice.value.values, twice.value.position) == ({"shop": "a", "item": "4"}, LEAST_ROWS)
    assert (missing.value.model, missing.value.columns) == ("Price", ("amount",))
    assert (lost.value.model, lost.value.referenced_model) == ("Box", "Shelf")
    assert await Price.query().count() == await Box.query().count() == 0


@pytest.mark.backends("postgresql")
async def test_a_cancelled_copy_leaves_nothing(db: Database, other_engine: AsyncEngine) -> None:
    """A COPY that waits for a lock can be cancelled; the connection goes back and the rows do not."""
    rows = [{"shop": "a", "item": str(n), "amount": n} for n in range(LEAST_ROWS)]
    async with other_engine.begin() as other:
        await other.execute(text("LOCK TABLE prices"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await Price.create_many(rows)

    assert await Price.query().count() == 0
    assert await Price.create_many(rows) == LEAST_ROWS


@pytest.mark.backends("postgresql")
async def test_copy_begins_the_transaction(db: Database, other_connection: OtherConnection) -> None:
    """A COPY that is the first statement of a unit is undone with it."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await Price.create_many({"shop": "a", "item": str(n), "amount": n} for n in range(LEAST_ROWS))
            raise ZeroDivisionError

    assert await other_connection.scalar(text("SELECT count(*) FROM prices")) == 0


@pytest.mark.backends("postgresql")
async def test_copy_into_a_schema(db: Database, other_connection: OtherConnection) -> None:
    """A schema that the connection translates to is where the rows go, by COPY and by INSERT."""
    rows = [{"shop": "a", "item": str(n), "amount": n} for n in range(LEAST_ROWS)]
    await other_connection.execute(text('CREATE SCHEMA "Tenant"'))
    await other_connection.execute(text('CREATE TABLE "Tenant".prices (LIKE prices INCLUDING ALL)'))
    async with db.transaction() as session:
        _ = await session.connection(execution_options={"schema_translate_map": {None: "Tenant"}})
        await Price.create_many(rows)
        await Price.create_many([{"shop": "b", "item": "x", "amount": 1}])

    there = await other_connection.scalar(text('SELECT count(*) FROM "Tenant".prices'))
    here = await other_connection.scalar(text("SELECT count(*) FROM public.prices"))
    await other_connection.execute(text('DROP SCHEMA "Tenant" CASCADE'))

    assert (there, here) == (LEAST_ROWS + 1, 0)
