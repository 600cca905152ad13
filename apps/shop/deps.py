"""What routes are handed: what a client asked of a list."""

from typing import Annotated

from fastapi import Depends

from activerow.fastapi import Chosen, filters
from shop.models import Order, Post, Product, User

ChosenProducts = Annotated[
    Chosen[Product], Depends(filters(Product, fields=["id", "name", "description", "price", "stock"], size=20))
]
ChosenUsers = Annotated[
    Chosen[User],
    Depends(
        filters(
            User,
            fields={"id": None, "username": None, "profile": None, "posts__title": ["icontains"]},
            sort=["id", "username"],
            size=20,
        )
    ),
]
ChosenPosts = Annotated[Chosen[Post], Depends(filters(Post, fields=["id", "title", "created_at"], size=20))]
ChosenOrders = Annotated[
    Chosen[Order],
    Depends(
        filters(
            Order,
            fields={
                "id": None,
                "promocode": None,
                "created_at": None,
                "products__name": ["eq", "icontains"],
                "products_details__unit_price": ["gte", "lte"],
            },
            sort=["id", "created_at", "promocode"],
            size=20,
        )
    ),
]
