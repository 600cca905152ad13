"""Buying."""

from collections.abc import Sequence
from typing import Protocol

from activerow.query import Query
from shop.errors import OutOfStockError, UnknownProductError
from shop.models import Order, OrderProductAssociation, Product, db


class Line(Protocol):
    """How many of which product somebody wants."""

    @property
    def product_id(self) -> int:
        """Which product."""
        ...

    @property
    def count(self) -> int:
        """How many, at least 1."""
        ...


@db.transactional(retries=3)
async def place_order(wanted: Sequence[Line], promocode: str | None = None) -> Order:
    """An order of these products at their present prices, taken from the stock; all of it or nothing.

    Raises:
        UnknownProductError: There are no such products.
        OutOfStockError: Fewer are left, perhaps only since a moment ago.
    """
    products = await _locked(wanted)
    if unknown := [number for number, line in enumerate(wanted) if line.product_id not in products]:
        raise UnknownProductError(unknown)
    for number, line in enumerate(wanted):
        product = products[line.product_id]
        if product.stock < line.count:
            raise OutOfStockError(number, product.stock)
        product.fill(stock=product.stock - line.count)
    lines = [_line(products[line.product_id], line.count) for line in wanted]
    return await Order.create(promocode=promocode, products_details=lines)


async def _locked(wanted: Sequence[Line]) -> dict[int, Product]:
    """The products, kept from everybody else until the transaction ends; locked in one order, so that none wait in a
    circle.
    """
    keys = [line.product_id for line in wanted]
    products = await Product.filter_by(id__in=keys).order_by("id").for_update().all()
    return {product.id: product for product in products}


def _line(product: Product, count: int) -> OrderProductAssociation:
    # The price is copied: what was ordered does not become dearer afterwards.
    return OrderProductAssociation(product=product, product_id=product.id, count=count, unit_price=product.price)


def orders() -> Query[Order]:
    """All orders, with their lines and products: three statements for any number of them."""
    return Order.query().include("products_details.product")
