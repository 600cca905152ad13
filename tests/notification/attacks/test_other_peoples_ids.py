"""Ids of records that are somebody else's: as if they did not exist, on every endpoint that takes one."""

from collections.abc import AsyncIterator
from itertools import combinations

import httpx
import pytest
from fastapi import FastAPI

from notification.app import create_app
from notification.models import Notifications, Users
from notification.settings import Settings
from tests.notification.tools.deliveries import noted
from tests.notification.tools.route_table import Endpoint, endpoints
from tests.notification.tools.service import ADA, GRACE, SERVICES, running
from tests.notification.tools.tenants import Tenant, everything_stored

NOBODYS = 2**31 - 1


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The service, with all its routes."""
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with running(app) as client:
        yield client


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Tenant:
    """Whose records they are."""
    return await Tenant.of(client, ADA)


@pytest.fixture
async def grace(client: httpx.AsyncClient) -> Tenant:
    """Who would like to have them."""
    return await Tenant.of(client, GRACE)


def _with_ids(app: FastAPI) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints(app) if endpoint.ids]


async def test_every_endpoint_with_an_id_is_here(app: FastAPI, ada: Tenant) -> None:
    """A parameter that is new has a record in `Tenant.of`, so that the tests below try it."""
    found = _with_ids(app)

    assert len(found) >= 6
    assert {name for endpoint in found for name in endpoint.ids} == set(ada.ids)


async def test_records_of_others_do_not_exist(app: FastAPI, ada: Tenant, grace: Tenant) -> None:
    """Each id alone and all together: 404, in the very words for an id that nobody has, and nothing has changed."""
    before = await everything_stored()
    for endpoint in _with_ids(app):
        for count in range(1, len(endpoint.ids) + 1):
            for names in combinations(endpoint.ids, count):
                foreign = await grace.ask(endpoint, **{name: ada.ids[name] for name in names})
                nobodys = await grace.ask(endpoint, **dict.fromkeys(names, NOBODYS))

                assert (foreign.status_code, foreign.json()["type"]) == (404, "record_not_found"), (endpoint, names)
                assert foreign.content == nobodys.content

    after = await everything_stored()
    assert {name: rows for name, rows in after.items() if name != "UsedSignatures"} == {
        name: rows for name, rows in before.items() if name != "UsedSignatures"
    }


async def test_the_same_requests_are_answered_to_the_owner(app: FastAPI, ada: Tenant) -> None:
    """So it was the owner that was missing above, and nothing else. What deletes comes last, the networks first."""
    gentle_first = sorted(_with_ids(app), key=lambda it: (it.method == "DELETE", -len(it.ids)))

    statuses = [(await ada.ask(endpoint)).status_code for endpoint in gentle_first]

    assert set(statuses) <= {200, 201, 204}


async def test_lists_hold_ones_own(client: httpx.AsyncClient, ada: Tenant, grace: Tenant) -> None:
    """No filter names another owner, by whatever name."""
    more = ["user_id=1", "owner_id=1", "user=1", "user__id=1", "api_key_id=1", "id=1", "user_id__in=1&user_id__in=2"]
    found: set[int] = set()
    for parameters in more:
        query = f"{grace.key.query()}&{parameters}"
        answer = await client.get(f"{SERVICES}/notifications?{query}", headers=grace.key.sign(query))
        found |= {item["id"] for item in answer.json()["items"]}

    assert found == {grace.ids["notification_id"]}


async def test_a_cursor_of_somebody_elses_list_shows_ones_own(
    client: httpx.AsyncClient, ada: Tenant, grace: Tenant
) -> None:
    """A cursor is a place in an order; whose list it is, the key says."""
    user = await Users.get(email=ADA["email"])
    for _ in range(3):
        await noted(user, status="sent")
    query = ada.key.query(size="1")
    page = (await client.get(f"{SERVICES}/notifications?{query}", headers=ada.key.sign(query))).json()

    query = grace.key.query(size="50", cursor=page["next"])
    answer = await client.get(f"{SERVICES}/notifications?{query}", headers=grace.key.sign(query))

    adas = set(await Notifications.filter_by(user_id=user.id).pluck("id"))
    assert page["next"]
    assert answer.status_code in {200, 422}
    assert not adas & {item["id"] for item in answer.json().get("items", [])}
