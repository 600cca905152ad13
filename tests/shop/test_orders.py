"""Orders over HTTP: prices, stock, and many buyers at once."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import pytest

from shop.models import Order, OrderProductAssociation, Product
from tests.shop.service import add_product, statements


async def order(client: httpx.AsyncClient, *lines: tuple[int, int], **more: Any) -> httpx.Response:
    """Order products, given as their ids and counts."""
    body = {"lines": [{"product_id": product, "count": count} for product, count in lines]} | more
    return await client.post("/orders", json=body)


async def stock(product: dict[str, Any]) -> int:
    return (await Product.get(product["id"])).stock


async def test_an_order_has_lines_and_a_total(client_on_backend: httpx.AsyncClient) -> None:
    """The stock is reduced by what was ordered; what is answered is what can be read again."""
    tea = await add_product(client_on_backend, name="Tea", price="0.70", stock=5)
    cup = await add_product(client_on_backend, name="Cup", price="3.00", stock=1)

    answer = await order(client_on_backend, (cup["id"], 1), (tea["id"], 3), promocode="SPRING")

    made = answer.json()
    assert (answer.status_code, made["promocode"], made["total"]) == (201, "SPRING", "5.10")
    assert [(line["name"], line["count"], line["unit_price"], line["cost"]) for line in made["lines"]] == [
        ("Cup", 1, "3.00", "3.00"),
        ("Tea", 3, "0.70", "2.10"),
    ]
    assert (await stock(tea), await stock(cup)) == (2, 0)
    assert (await client_on_backend.get(f"/orders/{made['id']}")).json() == made


@pytest.mark.backends("postgresql")
async def test_an_order_is_four_statements(client_on_backend: httpx.AsyncClient) -> None:
    """However many lines it has: look, take from the stock, write the order and its lines."""
    products = [await add_product(client_on_backend) for _ in range(5)]

    with statements() as sent:
        answer = await order(client_on_backend, *[(product["id"], 2) for product in products])

    assert answer.status_code == 201
    assert [statement.split()[0] for statement in sent] == ["SELECT", "UPDATE", "INSERT", "INSERT"]


async def test_what_was_ordered_keeps_its_price(client_on_backend: httpx.AsyncClient) -> None:
    """A product that becomes dearer does so for new orders."""
    tea = await add_product(client_on_backend, price="1.00")
    first = (await order(client_on_backend, (tea["id"], 1))).json()
    await client_on_backend.patch(f"/products/{tea['id']}", json={"price": "2.00"})

    second = (await order(client_on_backend, (tea["id"], 1))).json()

    assert second["total"] == "2.00"
    assert (await client_on_backend.get(f"/orders/{first['id']}")).json()["total"] == "1.00"


async def test_more_than_there_is_cannot_be_ordered(client_on_backend: httpx.AsyncClient) -> None:
    """It is a 409 that names the line, and the rest of the order is not sold either."""
    tea = await add_product(client_on_backend, stock=5)
    cup = await add_product(client_on_backend, stock=1)

    answer = await order(client_on_backend, (tea["id"], 1), (cup["id"], 2))

    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["code"]) == (409, "out_of_stock", "4090101")
    assert (problem["detail"], problem["errors"][0]["loc"]) == ("Only 1 are left.", ["body", "lines", 1, "count"])
    assert (await stock(tea), await stock(cup), await Order.query().count()) == (5, 1, 0)


async def test_unknown_products_cannot_be_ordered(client_on_backend: httpx.AsyncClient) -> None:
    """It is a 422 that names their lines; nothing is written."""
    tea = await add_product(client_on_backend)

    answer = await order(client_on_backend, (7001, 1), (tea["id"], 1), (7002, 1))

    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["code"]) == (422, "unknown_product", "4220101")
    assert [fault["loc"][2] for fault in problem["errors"]] == [0, 2]
    assert (await stock(tea), await Order.query().count()) == (5, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"lines": []},
        {"lines": [{"product_id": 1}, {"product_id": 1}]},
        {"lines": [{"product_id": 1, "count": 0}]},
        {"lines": [{"product_id": 1, "count": -1}]},
        {"lines": [{"product_id": 1, "count": 2**31}]},
        {"lines": [{"product_id": 1, "unit_price": "0.01"}]},
        {"lines": [{"product_id": 10**30}]},
        {"lines": [{"product_id": number} for number in range(1, 102)]},
        {"lines": [{"product_id": 1}], "promocode": ""},
        {"lines": [{"product_id": 1}], "promocode": "x" * 41},
    ],
)
async def test_what_is_no_order_is_a_422(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """Counts from 1, each product once, prices are the shop's; and nothing is taken from the stock."""
    tea = await add_product(client)

    answer = await client.post("/orders", json=body)

    assert answer.status_code == 422
    assert (await stock(tea), await Order.query().count()) == (5, 0)


async def test_a_list_of_orders_is_three_statements(client_on_backend: httpx.AsyncClient) -> None:
    """However many orders there are, and however many lines they have."""
    products = [await add_product(client_on_backend, name=f"Tea {number}", stock=50) for number in range(4)]
    for _ in range(5):
        await order(client_on_backend, *[(product["id"], 2) for product in products])

    with statements() as sent:
        page = (await client_on_backend.get("/orders")).json()

    assert [(len(each["lines"]), each["total"]) for each in page["items"]] == [(4, "20.00")] * 5
    assert len(sent) == 3, sent


async def test_orders_are_found_by_what_is_in_them(client_on_backend: httpx.AsyncClient) -> None:
    """By a product's name, by a price that was paid, by promocode and day."""
    tea = await add_product(client_on_backend, name="Tea", price="1.00")
    cup = await add_product(client_on_backend, name="Cup", price="3.00")
    first = (await order(client_on_backend, (tea["id"], 1), promocode="SPRING")).json()
    second = (await order(client_on_backend, (cup["id"], 1), (tea["id"], 1))).json()

    async def found(query: str) -> list[int]:
        answer = await client_on_backend.get(f"/orders?{query}")
        return [each["id"] for each in answer.json()["items"]]

    day = first["created_at"][:10]
    assert await found("products__name=Cup") == [second["id"]]
    assert await found("products_details__unit_price__gte=3.00") == [second["id"]]
    assert await found("promocode__isnull=true") == [second["id"]]
    assert await found(f"created_at__gte={first['created_at']}&sort=-id") == [second["id"], first["id"]]
    assert await found(f"created_at__date={day}&promocode=SPRING") == [first["id"]]


# --- many at once -----------------------------------------------------------------------------------------------------


async def test_of_two_buyers_of_the_last_item_one_gets_it(client_on_backend: httpx.AsyncClient) -> None:
    """The other one gets a 409."""
    tea = await add_product(client_on_backend, stock=1)

    answers = await asyncio.gather(*[order(client_on_backend, (tea["id"], 1)) for _ in range(2)])

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert await stock(tea) == 0


async def buy(client: httpx.AsyncClient, *, buyers: int, items: int, each: int) -> Counter[int]:
    """Let buyers order two of `items` products, in different orders; check the books, and count the answers."""
    products = [await add_product(client, name=f"Item {number}", stock=each) for number in range(items)]
    keys = [product["id"] for product in products]

    def wanted(buyer: int) -> list[tuple[int, int]]:
        pair = [(keys[buyer % items], 1), (keys[(buyer * 7 + 1) % items], 1 + buyer % 2)]
        pair = pair[:1] if pair[0][0] == pair[1][0] else pair
        return pair if buyer % 3 else pair[::-1]

    answers = await asyncio.gather(*[order(client, *wanted(buyer)) for buyer in range(buyers)])

    sold = {key: each - left for key, left in await _left()}
    in_orders: Counter[int] = Counter()
    for line in await OrderProductAssociation.query().all():
        in_orders[line.product_id] += line.count
    answered: Counter[int] = Counter()
    for answer in answers:
        for line in answer.json().get("lines", ()):
            answered[line["product_id"]] += line["count"]
    assert sold == {key: in_orders[key] for key in keys} == {key: answered[key] for key in keys}
    assert all(0 <= count <= each for count in sold.values())
    return Counter(answer.status_code for answer in answers)


async def _left() -> list[tuple[int, int]]:
    return [(product.id, product.stock) for product in await Product.query().all()]


async def test_a_crowd_never_buys_more_than_there_is(client_on_backend: httpx.AsyncClient) -> None:
    """60 buyers of 6 products in two orders: what was answered is what is in the books, and there is no 500."""
    outcome = await buy(client_on_backend, buyers=60, items=6, each=5)

    assert set(outcome) <= {201, 409}, outcome
    assert outcome[409] > 0


@pytest.mark.soak
async def test_a_larger_crowd_never_buys_more_than_there_is(client_on_backend: httpx.AsyncClient) -> None:
    """200 buyers of 20 products, 100 pieces in all."""
    outcome = await buy(client_on_backend, buyers=200, items=20, each=5)

    assert set(outcome) <= {201, 409}, outcome
    assert outcome[409] > 0


async def test_a_new_stock_does_not_undo_a_sale(client_on_backend: httpx.AsyncClient) -> None:
    """Who sets the stock waits for the sale, and what they set counts."""
    tea = await add_product(client_on_backend, stock=5)
    path = f"/products/{tea['id']}"

    answers = await asyncio.gather(
        *[order(client_on_backend, (tea["id"], 1)) for _ in range(3)],
        client_on_backend.patch(path, json={"price": "9.00"}),
    )

    assert {answer.status_code for answer in answers} == {200, 201}
    assert await stock(tea) == 2
    assert (await Product.get(tea["id"])).price == Decimal("9.00")
