"""The revisions of the shop: up, down and up again, on every backend."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import inspect, text

from activerow.migrations import walk
from shop.models import Order, OrderProductAssociation, Product, db
from shop.schema import MIGRATIONS

# What MySQL needs to go on after a revision that stopped half way.
BOOKKEEPING = {"alembic_version", "activerow_migration_progress"}
FIRST, UNIT_PRICE = "fd4ee8e70806", "7c4b4c2f8449"


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[None]:
    """The shop's database, empty."""
    db.configure(database_url)
    yield
    await db.dispose()


async def _tables() -> set[str]:
    async with db.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_every_revision_goes_up_down_and_up_with_rows(empty: None) -> None:
    """And at the end models and database agree."""
    await walk(MIGRATIONS)

    assert await MIGRATIONS.check() == []


async def test_the_way_down_leaves_nothing(empty: None) -> None:
    """After `downgrade base` only the bookkeeping of the revisions is there."""
    await MIGRATIONS.upgrade()
    assert "order_product_associations" in await _tables()

    await MIGRATIONS.downgrade("base")

    assert await _tables() - BOOKKEEPING == set()


async def test_unit_prices_come_to_a_table_with_rows(empty: None) -> None:
    """Rows from before the column get its default; the net below the rules is still there afterwards."""
    await MIGRATIONS.upgrade(FIRST)
    async with db.engine.begin() as connection:
        await connection.execute(text("INSERT INTO products (name, description, price) VALUES ('tea', '', 1)"))
        await connection.execute(text("INSERT INTO orders (promocode) VALUES (NULL)"))
        await connection.execute(
            text(
                "INSERT INTO order_product_associations (order_id, product_id)"
                " SELECT orders.id, products.id FROM orders, products"
            )
        )

    await MIGRATIONS.upgrade(UNIT_PRICE)

    (line,) = await OrderProductAssociation.query().all()
    assert (line.count, line.unit_price) == (1, Decimal(0))
    assert (await Product.query().one()).stock == 0
    assert (await Order.query().one()).promocode is None


async def test_the_net_survives_the_way_down_and_up(empty: None) -> None:
    """SQLite copies a table to drop a column; its CHECK constraints come along."""
    await MIGRATIONS.upgrade()
    await MIGRATIONS.downgrade(FIRST)
    await MIGRATIONS.upgrade()

    async with db.engine.connect() as connection:
        found = await connection.run_sync(
            lambda sync: inspect(sync).get_check_constraints("order_product_associations")
        )

    assert [check["name"] for check in found] == ["ck_order_product_associations_count_positive"]
