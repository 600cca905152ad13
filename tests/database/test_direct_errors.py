"""What fails by the driver's own call is the same error as what fails in a session."""

from typing import Any

import pytest
from sqlalchemy import (
    CheckConstraint,
    Executable,
    ForeignKey,
    Integer,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    delete,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.database.failures import translating
from activerow.errors import DatabaseError, StatementTimeoutError
from activerow.mixins import AutoTableName
from tests.models.units import held
from tests.tools.backends.active import MakeDatabase
from tests.tools.direct import run


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Shop(Base):
    """Has goods."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Ware(Base):
    """One kind of good, with every kind of constraint."""

    __table_args__ = (
        UniqueConstraint("shop_id", "shelf", name="uq_shelf"),
        CheckConstraint("amount >= 0", "ck_amount"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(10), unique=True)
    amount: Mapped[int]
    shelf: Mapped[int | None] = mapped_column(SmallInteger)
    price: Mapped[Any] = mapped_column(Numeric(4, 2), nullable=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))


def ware(**values: object) -> Executable:
    """An INSERT, of values that are refused."""
    return insert(Ware).values({"id": 9, "name": "new", "amount": 1} | values)


REFUSED: dict[str, Executable] = {
    "primary key": ware(id=1),
    "unique": ware(name="tea"),
    "unique in an update": update(Ware).where(Ware.id == 2).values(name="tea"),
    "composite unique": ware(shop_id=1, shelf=1),
    "missing parent": ware(shop_id=99),
    "still referred to": delete(Shop).where(Shop.id == 1),
    "null": ware(amount=None),
    "left out": insert(Ware).values(id=9, name="new"),
    "check": ware(amount=-1),
    "too long": ware(name="n" * 11),
    "out of range": ware(shelf=100_000),
    "out of 64 bits": ware(amount=2**70),
    "too many digits": ware(price=12345),
    "wrong type": ware(amount="many"),
    "lone surrogate": ware(name="\ud800"),
    "null character": ware(name="a\x00b"),
    "a container": ware(name={}),
    "no such column": select(literal_column("nonsense", Integer)),
    "no such table": text("SELECT 1 FROM nowhere"),
    "division by zero": select(literal_column("1 / (1 - 1)", Integer)),
}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A shop with two wares."""
    db = await make_database(Base)
    await Shop.create(id=1)
    await Ware.create_many(
        [
            {"id": 1, "name": "tea", "amount": 5, "shelf": 1, "shop_id": 1},
            {"id": 2, "name": "rice", "amount": 7, "shelf": 2, "shop_id": 1},
        ]
    )
    return db


async def caught(db: Database, statement: Executable, *, direct: bool) -> Exception | None:
    """What becomes of the statement, translated as the funnel does; a write in a session is rolled back."""
    values = {"name": "known to the caller", "shop_id": 99}
    operation = "insert" if statement.is_insert else "select"
    try:
        with translating(operation, Ware, values):
            if direct:
                await run(db, statement)
            else:
                async with AsyncSession(db.engine) as session:
                    await session.execute(statement)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is compared)
        return error
    return None


def told(error: BaseException | None) -> object:
    """All that can be seen of an error and of the one that it came from."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    seen: list[object] = [type(error), str(error), vars(error) if error is not None else None, type(cause)]
    if isinstance(cause, DBAPIError):
        seen += [cause.statement, cause.params, cause.connection_invalidated, type(cause.orig), str(cause.orig)]
    return seen


@pytest.mark.parametrize("what", REFUSED)
async def test_an_error_is_the_same_as_in_a_session(db: Database, what: str) -> None:
    """Class, model, columns, values, code, words and SQLAlchemy's own error; and the connection is given back."""
    in_a_session = await caught(db, REFUSED[what], direct=False)
    direct = await caught(db, REFUSED[what], direct=True)

    assert told(direct) == told(in_a_session)
    assert held(db) == 0
    assert (await run(db, select(Ware.id).order_by(Ware.id).limit(1)))[1] == 1


async def test_the_statement_timeout_holds(make_database: MakeDatabase) -> None:
    """The server, or SQLite's connection, stops a statement that takes too long."""
    db = await make_database(Base, statement_timeout=0.1)
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "postgresql": "SELECT pg_sleep(20)",
        "mysql": "SELECT sleep(20) FROM information_schema.tables",
    }[db.dialect]

    with pytest.raises(StatementTimeoutError), translating("select"):
        await run(db, text(slow))

    assert held(db) == 0
    assert (await run(db, select(Ware.id)))[1] == 0
