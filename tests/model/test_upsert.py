"""`upsert_many`: rows that are there are updated, by the key that was named and no other."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, text

from activerow import Database
from activerow.errors import InvalidDataError, NotNullViolationError, ReadOnlyFieldError, UnknownFieldError, UsageError
from tests.models.warehouse import Badge, Base, Box, Door, Price, Stock
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A warehouse with two prices and a stock."""
    db = await make_database(Base)
    await Price.create(shop="a", item="x", amount=1, note="first")
    await Price.create(shop="a", item="y", amount=2)
    await Stock.create(place="p", thing="t", count=1, note="old")
    return db


def price(item: str, amount: int, **more: Any) -> dict[str, Any]:
    """A row of shop a."""
    return {"shop": "a", "item": item, "amount": amount, **more}


async def amounts() -> dict[str, Any]:
    """Item to amount."""
    return {row.item: row.amount for row in await Price.query().order_by("item").all()}


async def test_rows_are_updated_or_inserted(db: Database) -> None:
    """A row that is there gets what the new one gives, and keeps the rest; its `updated_at` moves."""
    before = await Price.get(shop="a", item="x")

    assert await Price.upsert_many([price("x", 10), price("z", 30)], by=("shop", "item")) == 2

    after = await Price.get(shop="a", item="x")
    assert await amounts() == {"x": 10, "y": 2, "z": 30}
    assert (after.id, after.note, after.created_at) == (before.id, "first", before.created_at)
    assert after.updated_at > before.updated_at


async def test_the_key_that_decides(db: Database) -> None:
    """Left out, it is the primary key, or the only other one where the database makes the primary key."""
    assert await Price.upsert_many([price("x", 10)]) == 1
    assert await Stock.upsert_many([{"place": "p", "thing": "t", "count": 5}]) == 1
    assert await Stock.upsert_many([{"place": "p", "thing": "u", "count": 6}], by=[Stock.place, "thing"]) == 1

    assert (await amounts())["x"] == 10
    assert [(s.thing, s.count, s.note) for s in await Stock.query().order_by("thing").all()] == [
        ("t", 5, "old"),
        ("u", 6, None),
    ]


async def test_what_is_updated_can_be_chosen(db: Database) -> None:
    """`update` names the columns; the others are for new rows. With none, a row that is there stays."""
    rows = [price("x", 10, note="new"), price("z", 30, note="new")]
    assert await Price.upsert_many(rows, update="amount") == 2
    assert [(p.item, p.note) for p in await Price.query().order_by("item").all()] == [
        ("x", "first"),
        ("y", None),
        ("z", "new"),
    ]

    assert await Price.upsert_many([price("x", 99), price("w", 1), price("y", 99), price("v", 2)], update=()) == 2
    assert await amounts() == {"v": 2, "w": 1, "x": 10, "y": 2, "z": 30}


async def test_a_given_time_of_change_wins(db: Database) -> None:
    """`updated_at` is what the row gives, where it gives one."""
    moment = (await Price.get(shop="a", item="y")).created_at

    await Price.upsert_many([price("x", 1, updated_at=moment)])

    assert (await Price.get(shop="a", item="x")).updated_at == moment


async def test_as_if_one_after_the_other(db: Database) -> None:
    """Of rows with the same key the later wins, in one batch as in two, whatever columns each of them gives."""
    rows = [
        price("x", 10),
        price("x", 11),
        price("n", 1, note="one"),
        price("n", 2),
        price("x", 12, note="twelve"),
        price("x", 13),
    ]
    for batch in (100, 1):
        assert await Price.upsert_many(rows, batch=batch) == 6
        found: dict[str, Any] = {row.item: (row.amount, row.note) for row in await Price.query().all()}
        assert found == {"x": (13, "twelve"), "y": (2, None), "n": (2, "one")}

    assert await Price.upsert_many([price("m", 1), price("m", 2)], update=()) == 1
    assert (await amounts())["m"] == 1


async def test_sql_as_a_value(db: Database) -> None:
    """A row may have SQL in it."""
    assert await Price.upsert_many([price("x", 10), {**price("y", 0), "amount": func.abs(-20)}]) == 2

    assert await amounts() == {"x": 10, "y": 20}


async def test_stored_instances(db: Database) -> None:
    """Rows that were read and changed, detached, are written back; `created_at` and the key stay."""
    stock = await Stock.get(("p", "t"))
    stock.count = 77

    assert await Stock.upsert_many([stock, Stock(place="q", thing="t", count=1)]) == 2

    assert sorted(await Stock.query().pluck("count")) == [1, 77]


async def test_loaded_rows_show_what_is_stored(db: Database) -> None:
    """A row that the unit holds shows the new values, and the others stay as they are."""
    async with db.transaction():
        x, y = await Price.query().order_by("item").all()
        async with db.transaction():
            await Price.upsert_many([price("x", 10, note=None), price("z", 3)])
            assert [x.amount, x.note, y.amount] == [10, None, 2]
            assert x.updated_at > x.created_at
            assert not x.changes()
        await Price.upsert_many([price("y", 20)])
        assert y.amount == 20

    assert x.id < y.id


async def test_a_rollback_brings_loaded_values_back(db: Database) -> None:
    """After a savepoint that failed, loaded rows show what they did before it."""
    async with db.transaction():
        x = await Price.get(shop="a", item="x")
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await Price.upsert_many([price("x", 10)])
                raise ZeroDivisionError
        assert [x.amount, x.note] == [1, "first"]


async def test_one_statement_for_many(db: Database) -> None:
    """A batch is one statement."""
    await Stock.upsert_many([{"place": "a", "thing": "0", "count": 0}])

    with statements(db) as sent:
        written = await Stock.upsert_many([{"place": "a", "thing": str(n), "count": n} for n in range(500)])

    assert written == 500
    assert len([sql for sql in sent if "stocks" in sql]) == 1


async def test_side_by_side(db: Database, other_connection: OtherConnection) -> None:
    """Many callers with the same rows leave one of each."""
    rows = [{"place": "a", "thing": str(n), "count": n} for n in range(20)]

    await asyncio.gather(*(Stock.upsert_many(rows) for _ in range(8)))

    assert await other_connection.scalar(text("SELECT count(*) FROM stocks WHERE place = 'a'")) == 20


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_none(db: Database) -> None:
    """`by` must be a unique key; the error lists them, and says where several could be meant."""
    with pytest.raises(UsageError, match=r"amount is no unique key of Price; it has by='id'; by=\('item', 'shop'\)"):
        await Price.upsert_many([price("x", 1)], by="amount")
    with pytest.raises(UnknownFieldError, match="did you mean 'shop'"):
        await Price.upsert_many([price("x", 1)], by="shp")
    with pytest.raises(UsageError, match="Badge has several unique keys; say which"):
        await Badge.upsert_many([{"number": 1, "holder": "a"}])
    with pytest.raises(UsageError, match="no unique key of Price"):
        await Price.upsert_many([price("x", 1)], by=())


async def test_what_cannot_be_updated(db: Database) -> None:
    """`update` takes columns that an update may set."""
    with pytest.raises(UnknownFieldError, match="did you mean 'amount'"):
        await Price.upsert_many([price("x", 1)], update=["amnt"])
    for name in ("id", "created_at"):
        with pytest.raises(ReadOnlyFieldError, match=name):
            await Price.upsert_many([price("x", 1)], update=[name])


async def test_rows_without_the_key(db: Database) -> None:
    """Every row gives the whole key, and no NULL in it; the error says which row does not."""
    with pytest.raises(UsageError, match=r"needs a value for item \(in rows\[1\]\)") as missing:
        await Price.upsert_many([price("x", 1), {"shop": "a", "amount": 1}])
    with pytest.raises(InvalidDataError, match=r"Price rows\[1\].item .*NULL") as null:
        await Price.upsert_many([price("x", 1), {"shop": "a", "item": None, "amount": 1}])

    assert missing.value.position == null.value.position == 1
    assert (await amounts())["x"] == 1


async def test_versions_are_not_counted(db: Database) -> None:
    """A model that counts its versions is refused: somebody's update would be lost unnoticed."""
    with pytest.raises(UsageError, match="counts its versions in 'version'"):
        await Door.upsert_many([{"id": 1, "open": True}])


@pytest.mark.backends("mysql")
async def test_mysql_takes_no_key(db: Database) -> None:
    """Where another unique key could decide, MySQL would overwrite the wrong row: refused."""
    with pytest.raises(UsageError, match=r"Badge has another unique key \('holder'\)"):
        await Badge.upsert_many([{"number": 1, "holder": "a"}], by="number")
    with pytest.raises(UsageError, match="Price has another unique key"):
        await Price.upsert_many([price("x", 1, id=1)], by="id")
    with pytest.raises(UsageError, match="leave the primary key out"):
        await Price.upsert_many([price("x", 1, id=1)], by=("shop", "item"))


@pytest.mark.backends("sqlite", "postgresql")
async def test_another_key_stands_against_it(db: Database) -> None:
    """A row that another unique key refuses is an error, and not an update of the wrong row."""
    await Badge.create_many([{"number": 1, "holder": "a"}, {"number": 2, "holder": "b"}])

    assert await Badge.upsert_many([{"number": 1, "holder": "c"}], by="number") == 1
    with pytest.raises(Exception, match=r"Badge.*holder is taken") as refused:
        await Badge.upsert_many([{"number": 3, "holder": "x"}, {"number": 1, "holder": "b"}], by="number")

    assert getattr(refused.value, "columns", None) == ("holder",)
    assert await Badge.query().count() == 2


async def test_a_refused_row_is_told(db: Database) -> None:
    """What the server refuses is translated as for one row, and nothing of the call stays."""
    with pytest.raises(NotNullViolationError) as refused:
        await Stock.upsert_many([{"place": "a", "thing": "b", "count": 1}, {"place": "a", "thing": "c", "count": None}])

    assert (refused.value.model, refused.value.columns) == ("Stock", ("count",))
    assert await Stock.filter_by(place="a").count() == 0


async def test_rows_of_a_key_made_by_the_database(db: Database) -> None:
    """With the primary key given, it decides where it is the only key."""
    await Box.create_many([{"id": 1, "size": 1}])

    assert await Box.upsert_many([{"id": 1, "size": 2}, {"id": 2, "size": 3}]) == 2

    assert [box.size for box in await Box.query().order_by("id").all()] == [2, 3]
