"""`python -m shop.demo`: the classic ways to read users with their posts, and orders with their products, with the SQL.

It uses a database of its own, in memory.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import joinedload, selectinload

from shop.models import Order, OrderProductAssociation, Post, Product, User, db

Example = Callable[[], Awaitable[list[str]]]


# --- users with their posts -------------------------------------------------------------------------------------------


async def joined_through_the_session() -> list[str]:
    """SQLAlchemy, joined loading: one statement, a row for every post, and `unique()`."""
    async with db.transaction() as session:
        statement = select(User).options(joinedload(User.posts)).order_by(User.id)
        return _users((await session.scalars(statement)).unique())


async def selected_through_the_session() -> list[str]:
    """SQLAlchemy, select-in loading: the users, and a second statement for the posts of all of them."""
    async with db.transaction() as session:
        statement = select(User).options(selectinload(User.posts)).order_by(User.id)
        return _users(await session.scalars(statement))


async def joined_through_a_query() -> list[str]:
    """A query with the same option: no session, no `unique()`."""
    return _users(await User.order_by("id").options(joinedload(User.posts)).all())


async def selected_through_a_query() -> list[str]:
    """A query that includes the posts: what to write unless there is a reason not to."""
    return _users(await User.order_by("id").include("posts").all())


def _users(users: Iterable[User]) -> list[str]:
    return [f"{user.username}: {', '.join(post.title for post in user.posts) or '-'}" for user in users]


# --- orders with their products ---------------------------------------------------------------------------------------


async def orders_without_the_association() -> list[str]:
    """`order.products`: what is in an order, and nothing about how many or for how much."""
    orders = await Order.order_by("id").include("products").all()
    return [f"order {order.id}: {', '.join(product.name for product in order.products)}" for order in orders]


async def orders_with_the_association() -> list[str]:
    """`order.products_details`: the rows between, with count and price, and the product of each."""
    orders = await Order.order_by("id").include("products_details.product").all()
    return [
        f"order {order.id}: {', '.join(_line(line) for line in order.products_details)} = {order.total}"
        for order in orders
    ]


def _line(line: OrderProductAssociation) -> str:
    return f"{line.count} x {line.product.name} at {line.unit_price}"


EXAMPLES: tuple[Example, ...] = (
    joined_through_the_session,
    selected_through_the_session,
    joined_through_a_query,
    selected_through_a_query,
    orders_without_the_association,
    orders_with_the_association,
)


# --- running it -------------------------------------------------------------------------------------------------------


async def fill() -> None:
    """A few rows to read."""
    async with db.transaction():
        ada, grace, _ = [await User.create(username=name) for name in ("ada", "grace", "linus")]
        for author, title in ((ada, "On engines"), (ada, "On looms"), (grace, "A moth")):
            await Post.create(user=author, title=title, body="...")
        tea = await Product.create(name="tea", description="", price=Decimal("2.50"), stock=10)
        cup = await Product.create(name="cup", description="", price=Decimal("0.30"), stock=10)
        # Appended to `products`: the row between has the defaults of its other columns.
        await Order.create(products=[tea, cup])
        lines = [OrderProductAssociation(product=tea, count=3, unit_price=tea.price)]
        await Order.create(promocode="SPRING", products_details=lines)


@contextmanager
def sent() -> Generator[list[str]]:
    """The statements that read inside the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    engine = db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def show(write: Callable[[str], object]) -> None:
    """Run every example, and write what it is, what it sends and what it finds."""
    db.configure("sqlite://")
    try:
        await db.create_all()
        await fill()
        for example in EXAMPLES:
            with sent() as statements:
                found = await example()
            write(f"\n# {example.__name__}: {example.__doc__}\n")
            for statement in statements:
                write("".join(f"    {line.rstrip()}\n" for line in statement.splitlines()))
            write("".join(f"  {line}\n" for line in found))
    finally:
        await db.dispose()


if __name__ == "__main__":
    asyncio.run(show(sys.stdout.write))
