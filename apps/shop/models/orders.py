"""Products, orders, and how many of which product an order has, at which price.

An order reaches its products in two ways: `products` are the products alone, `products_details` the rows between, with
`count` and `unit_price`. Both relations write to the same table; see docs/shop.md for when to use which.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from activerow.types import UTCDateTime, utcnow
from shop.models.base import Base
from shop.models.money import Money


class Product(Base):
    """Something that can be bought."""

    __table_args__ = (
        CheckConstraint("price >= 0", name="ck_products_price_not_negative"),
        # The rule is kept by `place_order`; this is the net below it.
        CheckConstraint("stock >= 0", name="ck_products_stock_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Money)
    stock: Mapped[int] = mapped_column(default=0, server_default="0")
    orders: Mapped[list["Order"]] = relationship(
        secondary="order_product_associations",
        back_populates="products",
        passive_deletes=True,
        order_by="Order.id",
        overlaps="products_details,order,product",
    )

    def before_delete(self) -> None:
        """Forget the orders, whose rows a flush would delete with the product: what was ordered stays."""
        if session := object_session(self):
            session.expire(self, ["orders"])


class Order(Base):
    """Products that are bought together."""

    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    promocode: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime(), server_default=utcnow())
    products: Mapped[list["Product"]] = relationship(
        secondary="order_product_associations",
        back_populates="orders",
        passive_deletes=True,
        order_by="Product.id",
        overlaps="products_details,order,product",
    )
    products_details: Mapped[list["OrderProductAssociation"]] = relationship(
        back_populates="order",
        passive_deletes="all",  # the database's cascade: `products` may have deleted the same rows already
        order_by="OrderProductAssociation.id",
        overlaps="products,orders",
    )

    @property
    def total(self) -> Decimal:
        """What the order costs. Needs `products_details`."""
        return sum((line.cost for line in self.products_details), Decimal("0.00"))


class OrderProductAssociation(Base):
    """One product of an order: how many of it, and what one of them cost when it was ordered."""

    __table_args__ = (
        UniqueConstraint("order_id", "product_id"),
        CheckConstraint("count >= 1", name="ck_order_product_associations_count_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), index=True)
    # Defaults of the server's too: `order.products.append(product)` writes a row with the keys alone.
    count: Mapped[int] = mapped_column(default=1, server_default="1")
    unit_price: Mapped[Decimal] = mapped_column(Money, default=Decimal("0.00"), server_default="0.00")
    order: Mapped["Order"] = relationship(back_populates="products_details", overlaps="products,orders")
    product: Mapped["Product"] = relationship(overlaps="products,orders")

    @property
    def cost(self) -> Decimal:
        """What these products cost together."""
        return self.unit_price * self.count
