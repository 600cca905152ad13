"""Products over HTTP."""

from typing import Any

import httpx
import pytest

from tests.shop.service import add, add_product, statements


async def test_the_life_of_a_product(client_on_backend: httpx.AsyncClient) -> None:
    """Added, read, replaced, changed and removed; then it is gone."""
    made = await add_product(client_on_backend, name=" Tea ", description="green")
    path = f"/products/{made['id']}"
    assert made == {"id": made["id"], "name": "Tea", "description": "green", "price": "2.50", "stock": 5}
    assert (await client_on_backend.get(path)).json() == made

    replaced = await client_on_backend.put(path, json={"name": "Cup", "price": "0.10"})
    assert (replaced.status_code, replaced.json()) == (
        200,
        {"id": made["id"], "name": "Cup", "description": "", "price": "0.10", "stock": 0},
    )

    changed = await client_on_backend.patch(path, json={"stock": 3})
    assert changed.json() == replaced.json() | {"stock": 3}
    assert (await client_on_backend.get(path)).json() == changed.json()

    removed = await client_on_backend.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await client_on_backend.get(path)).status_code == 404


async def test_an_amount_has_cents_in_every_answer(client_on_backend: httpx.AsyncClient) -> None:
    """Also that of a row which was just written, from a price that was sent without them."""
    made = await add(client_on_backend, "/products", name="Tea", price=3, stock=9)
    path = f"/products/{made['id']}"

    order = await add(client_on_backend, "/orders", lines=[{"product_id": made["id"], "count": 2}])
    read, listed = await client_on_backend.get(path), await client_on_backend.get("/products")
    put = await client_on_backend.put(path, json={"name": "Tea", "price": "4", "stock": 9})
    patched = await client_on_backend.patch(path, json={"price": 5.5})

    assert [made["price"], read.json()["price"], listed.json()["items"][0]["price"]] == ["3.00"] * 3
    assert (order["total"], order["lines"][0]["unit_price"], order["lines"][0]["cost"]) == ("6.00", "3.00", "6.00")
    assert (put.json()["price"], patched.json()["price"]) == ("4.00", "5.50")


async def test_a_product_that_was_ordered_is_not_removed(client_on_backend: httpx.AsyncClient) -> None:
    """The database says so, and the answer is 409."""
    tea = await add_product(client_on_backend)
    await add(client_on_backend, "/orders", lines=[{"product_id": tea["id"]}])

    answer = await client_on_backend.delete(f"/products/{tea['id']}")

    assert (answer.status_code, answer.json()["code"]) == (409, "4090103")
    assert (await client_on_backend.get(f"/products/{tea['id']}")).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": None},
        {"price": "-0.01"},
        {"price": "0.001"},
        {"price": "100000000.00"},
        {"price": "NaN"},
        {"price": None},
        {"stock": -1},
        {"stock": 2**31},
        {"stock": 1.5},
        {"id": 7},
        {"name": "nul\0"},
    ],
)
async def test_what_is_no_product_is_a_422(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    """Whether it is added, replaced or changed; and nothing is set."""
    tea = await add_product(client)
    body = {"name": "Tea", "price": "9.99"} | change

    answers = [
        await client.post("/products", json=body),
        await client.put(f"/products/{tea['id']}", json=body),
        await client.patch(f"/products/{tea['id']}", json=change),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert (await client.get("/products")).json()["items"] == [tea]


@pytest.mark.parametrize(
    "body", ['{"name": "\\ud800", "price": 1}', '{"name": 1, "price": NaN}', '{"\\ud800": 1}', "{", "[]", "null"]
)
async def test_a_body_that_json_could_not_repeat_is_a_422(client: httpx.AsyncClient, body: str) -> None:
    """Half of a character, and what is not a number: never a 500."""
    answer = await client.post("/products", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("key", ["1", "0", "-1", "99999999999"])
async def test_a_product_that_is_not_there_is_a_404(client: httpx.AsyncClient, method: str, key: str) -> None:
    """Whatever is asked of it, and whatever number it is."""
    body = {"name": "Tea", "price": "1.00"} if method in {"PUT", "PATCH"} else None

    answer = await client.request(method, f"/products/{key}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "4040101")


@pytest.mark.parametrize("key", ["x", "1.5", "99999999999999999999999", "%00"])
async def test_what_is_no_key_is_a_422(client: httpx.AsyncClient, key: str) -> None:
    """No column of the database could hold it."""
    answer = await client.get(f"/products/{key}")

    assert answer.status_code == 422


async def test_products_are_filtered_sorted_and_cut(client_on_backend: httpx.AsyncClient) -> None:
    """From the query string, in two statements."""
    for name, price in [("Green tea", "3.00"), ("Cup", "0.30"), ("Black tea", "2.50"), ("TEAPOT", "9.99")]:
        await add_product(client_on_backend, name=name, price=price)

    with statements() as sent:
        answer = await client_on_backend.get(
            "/products?name__icontains=tea&price__gte=2.50&price__lt=9.99&sort=-price&size=1&page=2"
        )

    page = answer.json()
    assert ([item["name"] for item in page["items"]], page["total"], page["pages"]) == (["Black tea"], 2, 2)
    assert len(sent) == 2, sent


@pytest.mark.parametrize(
    "query", ["price__gte=dear", "price__over=1", "sort=weight", "size=101", "pric=1", "price=0.001"]
)
async def test_a_wrong_filter_is_a_422(client: httpx.AsyncClient, query: str) -> None:
    """With its place in the query string."""
    answer = await client.get(f"/products?{query}")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["query", query.partition("=")[0]]
