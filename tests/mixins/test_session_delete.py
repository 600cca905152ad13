"""`session.delete(row)`, as admin packages call it, of a row with `SoftDelete`: it is marked, and nothing else goes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete, Timestamps
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

heard: list[str] = []


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class History(AuditLog, Base):
    """What happened."""


class Shop(Base):
    """Is really deleted, with all its orders."""

    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(cascade="all, delete-orphan")


class Order(Timestamps, SoftDelete, Audited, Base):
    """Is marked, and keeps its items."""

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    items: Mapped[list["Item"]] = relationship(cascade="all, delete-orphan")

    def before_delete(self) -> None:
        """Is not called for a row that stays."""
        heard.append("delete")

    def before_update(self) -> None:
        """A mark is an update."""
        heard.append("update")


class Item(Base):
    """Is really deleted."""

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


Open = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A shop with an order of two items."""
    db = await make_database(Base)
    await Shop.create(id=1, orders=[Order(id=1, items=[Item(id=1), Item(id=2)])])
    heard.clear()
    return db


@pytest.fixture(params=["unit", "own", "expiring"])
def opened(db: Database, request: pytest.FixtureRequest) -> Open:
    """A session of activerow's, or one that the program opened, whose commit expires its rows or not."""

    @asynccontextmanager
    async def open_session() -> AsyncGenerator[AsyncSession, None]:
        if request.param == "unit":
            async with db.transaction() as unit:
                yield unit
        else:
            async with AsyncSession(db.engine, expire_on_commit=request.param == "expiring") as own:
                yield own
                await own.commit()

    return open_session


async def counted(other: OtherConnection) -> tuple[int, int, int]:
    """Rows that there are: shops, orders, items."""
    shops, orders, items = [await other.scalar(f"SELECT count(*) FROM {t}") for t in ("shops", "orders", "items")]
    return shops, orders, items


async def test_it_is_marked(opened: Open, other_connection: OtherConnection) -> None:
    """The row gets its moment, as an update with history and hooks; its children stay, loaded or not."""
    async with opened() as session:
        order = await session.get_one(Order, 1)
        await session.delete(order)

    gone = await Order.query().only_deleted().get(1)
    assert await Order.query().count() == 0
    assert await counted(other_connection) == (1, 1, 2)
    assert isinstance(gone.deleted_at, datetime)
    assert gone.updated_at > gone.created_at
    assert heard == ["update"]
    assert [entry.operation for entry in await gone.history()] == ["update", "create"]


async def test_a_row_that_is_marked_keeps_its_moment(opened: Open, other_connection: OtherConnection) -> None:
    """A second deletion changes nothing."""
    await (await Order.get(1)).delete()
    before = (await Order.query().only_deleted().get(1)).deleted_at

    async with opened() as session:
        order = await session.get_one(Order, 1)
        session.sync_session.expire(order)
        await session.delete(order)

    assert (await Order.query().only_deleted().get(1)).deleted_at == before
    assert (await counted(other_connection))[1] == 1


async def test_a_row_that_is_deleted_besides_goes(opened: Open, other_connection: OtherConnection) -> None:
    """A child that the program deletes itself is deleted."""
    async with opened() as session:
        order, item = await session.get_one(Order, 1), await session.get_one(Item, 1)
        await session.delete(item)
        await session.delete(order)

    assert await counted(other_connection) == (1, 1, 1)


async def test_what_goes_along_is_deleted(opened: Open, other_connection: OtherConnection) -> None:
    """A cascade from a row that is really deleted takes its marked and unmarked children along."""
    await Order.create(id=2, shop_id=1)
    await (await Order.get(2)).delete()

    async with opened() as session:
        await session.delete(await session.get_one(Shop, 1))

    assert await counted(other_connection) == (0, 0, 0)


async def test_for_good(opened: Open, other_connection: OtherConnection) -> None:
    """`delete(hard=True)` deletes in every session."""
    async with opened() as session:
        order = await session.get_one(Order, 1)
        await order.delete(hard=True, session=session)

    assert await counted(other_connection) == (1, 0, 0)
    assert heard == ["delete"]


@pytest.mark.parametrize("how", ["add", "delete_all"])
async def test_a_change_of_mind(opened: Open, other_connection: OtherConnection, how: str) -> None:
    """`session.add` after `session.delete` keeps the row unmarked; `delete_all` is `delete`."""
    calls: dict[str, Callable[[AsyncSession, Order], Awaitable[None]]] = {
        "add": lambda session, order: session.delete(order),
        "delete_all": lambda session, order: session.delete_all([order]),
    }
    async with opened() as session:
        order = await session.get_one(Order, 1)
        await calls[how](session, order)
        if how == "add":
            session.add(order)

    assert await Order.query().count() == (1 if how == "add" else 0)
    assert (await counted(other_connection))[1] == 1
