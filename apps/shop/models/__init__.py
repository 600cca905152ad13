"""The tables of the shop. Importing this opens nothing."""

from shop.models.base import Base, db
from shop.models.money import Money
from shop.models.orders import Order, OrderProductAssociation, Product
from shop.models.users import Post, Profile, User

__all__ = ["Base", "Money", "Order", "OrderProductAssociation", "Post", "Product", "Profile", "User", "db"]
