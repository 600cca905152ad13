"""The shop's tables: money, owners, and the two ways from an order to its products."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from activerow.errors import CheckViolationError, ForeignKeyViolationError, InvalidDataError, UniqueViolationError
from shop.models import Order, OrderProductAssociation, Post, Product, Profile, User, db


@pytest.fixture(autouse=True)
async def tables(database_url: str) -> AsyncIterator[None]:
    """The shop's tables, empty."""
    db.configure(database_url)
    await db.create_all()
    yield
    await db.dispose()


async def product(name: str = "tea", price: str = "0.10", stock: int = 5) -> Product:
    return await Product.create(name=name, description="", price=Decimal(price), stock=stock)


# --- money ----------------------------------------------------------------------------------------------------------


async def test_money_is_exact() -> None:
    """0.10 + 0.20 is 0.30: read back, added up, sorted and compared."""
    await product("a", "0.10")
    await product("b", "0.20")
    await product("c", "99999999.99")

    assert await Product.order_by("-price").pluck("price") == [Decimal("99999999.99"), Decimal("0.20"), Decimal("0.10")]
    assert await Product.filter_by(price__lt=Decimal("0.30")).sum("price") == Decimal("0.30")
    assert await Product.filter_by(price=Decimal("0.20")).pluck("name") == ["b"]


@pytest.mark.parametrize("price", [Decimal("0.001"), Decimal("100000000"), Decimal("NaN"), Decimal("Infinity"), 0.1])
async def test_what_is_no_amount_is_refused(price: object) -> None:
    """Nothing is rounded, and no binary fraction gets in."""
    with pytest.raises(InvalidDataError):
        await Product.create(name="tea", description="", price=price)

    assert await Product.query().count() == 0


async def test_money_can_be_computed_with_in_sql() -> None:
    """A price times a count is money again."""
    tea = await product(price="0.70")
    order = await Order.create()
    await OrderProductAssociation.create(order=order, product=tea, count=3, unit_price=tea.price)

    async with db.transaction() as session:
        line = OrderProductAssociation
        total = await session.scalar(select(func.sum(line.unit_price * line.count)))

    assert total == Decimal("2.10")


async def test_the_database_knows_no_negative_stock() -> None:
    """Whatever the program does, nothing is sold that is not there."""
    tea = await product(stock=1)

    with pytest.raises(CheckViolationError):
        await Product.filter_by(id=tea.id).update(stock=Product.stock - 2)


# --- owners ---------------------------------------------------------------------------------------------------------


async def test_a_user_has_one_profile_and_many_posts() -> None:
    """The mixin gives both their `user`, and the user both of them."""
    ada = await User.create(username="ada")
    await Profile.create(user=ada, bio="analyst")
    await Post.create(user=ada, title="one", body="")
    await Post.create(user_id=ada.id, title="two", body="")

    found = await User.query().include("profile", "posts").one()

    assert found.profile is not None
    assert (found.profile.bio, [post.title for post in found.posts]) == ("analyst", ["one", "two"])
    with pytest.raises(UniqueViolationError):
        await Profile.create(user=ada)


async def test_what_belongs_to_a_user_goes_with_them() -> None:
    """The database's cascade, without loading a row."""
    ada = await User.create(username="ada")
    await Profile.create(user=ada)
    await Post.create(user=ada, title="one", body="")

    await ada.delete()

    assert (await Profile.query().count(), await Post.query().count()) == (0, 0)


# --- orders and products ----------------------------------------------------------------------------------------------


async def test_products_are_appended_without_details() -> None:
    """The row between gets its count and price from the server."""
    tea, cup = await product("tea"), await product("cup")
    order = await Order.create(products=[tea])

    async with db.transaction():
        order = await Order.query().include("products").one()
        order.products.append(await Product.get(cup.id))

    lines = await OrderProductAssociation.order_by("product_id").all()
    assert [(line.product_id, line.count, line.unit_price) for line in lines] == [
        (tea.id, 1, Decimal(0)),
        (cup.id, 1, Decimal(0)),
    ]


async def test_both_directions_can_be_written() -> None:
    """A product gets into an order, and out of it, from either side."""
    tea, order = await product("tea"), await Order.create()

    await (await tea.load("orders")).update(orders=[order])
    bought = await Order.query().include("products").one()
    await (await tea.load("orders")).update(orders=[])

    assert [each.id for each in bought.products] == [tea.id]
    assert await OrderProductAssociation.query().count() == 0


async def test_a_row_that_is_appended_is_saved() -> None:
    """By the product's own `save()`, and the order shows it."""
    await product("tea")
    await Order.create()
    async with db.transaction():
        order = await Order.query().include("products").one()
        tea = await Product.query().include("orders").one()
        tea.orders.append(order)
        await tea.save()

        assert order.products == [tea]

    assert await OrderProductAssociation.query().count() == 1


async def test_details_are_written_with_count_and_price() -> None:
    """And the products of the order are the same rows, seen without them."""
    tea = await product(price="0.70")
    async with db.transaction():
        line = OrderProductAssociation(product=await Product.get(tea.id), count=3, unit_price=tea.price)
        await Order.create(products_details=[line])

    order = await Order.query().include("products", "products_details.product").one()

    assert [each.id for each in order.products] == [tea.id]
    assert [(line.product.name, line.count) for line in order.products_details] == [("tea", 3)]
    assert order.total == Decimal("2.10")


async def test_an_order_that_has_loaded_both_can_be_deleted() -> None:
    """Its rows between go with it, the products stay."""
    await Order.create(products=[await product()])

    async with db.transaction():
        order = await Order.query().include("products", "products_details").one()
        await order.delete()

    assert await OrderProductAssociation.query().count() == 0
    assert await Product.query().count() == 1


async def test_a_product_that_was_ordered_stays() -> None:
    """Also when it has loaded its orders."""
    await Order.create(products=[await product()])
    tea = await Product.query().include("orders").one()

    with pytest.raises(ForeignKeyViolationError):
        await tea.delete()

    assert await OrderProductAssociation.query().count() == 1
