"""The tables of the shop. Importing this opens nothing.

| file | what it holds |
| --- | --- |
| `base` | the base of all tables, and the database they live in |
| `money` | the type of amounts: exact on every backend |
| `orders` | products, orders, and what is between them |
| `users` | users, and what belongs to them |
"""

from shop.models.base import Base, db
from shop.models.money import Money
from shop.models.orders import Order, OrderProductAssociation, Product
from shop.models.users import Post, Profile, User

__all__ = ["Base", "Money", "Order", "OrderProductAssociation", "Post", "Product", "Profile", "User", "db"]
