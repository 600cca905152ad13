"""Tokens and keys of users who are blocked or gone: on every endpoint."""

import httpx
import pytest

from notification.app import create_app
from notification.http.access import Door
from notification.models import Users, UserStatus
from notification.settings import Settings
from tests.notification.tools.route_table import Endpoint, endpoints
from tests.notification.tools.service import ADA, running
from tests.notification.tools.tenants import Tenant, everything_stored

ALL = [*UserStatus, "gone"]
ENDING = {"/api/v1/users/me/sessions", "/api/v1/users/me/password"}


async def _close(how: str) -> None:
    if how == "gone":
        await Users.filter_by(email=ADA["email"]).delete()
    else:
        await Users.filter_by(email=ADA["email"]).update(status=how)


@pytest.mark.parametrize("how", [how for how in ALL if how != UserStatus.active])
async def test_nothing_opens_to_a_closed_account(settings: Settings, how: str) -> None:
    """Neither its token nor its key, whose owner nobody remembers any more; and nothing is changed by trying."""
    app = create_app(settings)
    guarded = [endpoint for endpoint in endpoints(app) if endpoint.door in {Door.USER, Door.SIGNED}]
    async with running(app) as client:
        ada = await Tenant.of(client, ADA)
        await _close(how)
        before = await everything_stored()

        answers = {endpoint: await ada.ask(endpoint) for endpoint in guarded}

        assert await everything_stored() == before
    expected = {Door.USER: "account_inactive", Door.SIGNED: "signature_invalid"}
    assert len(guarded) >= 20
    for endpoint, answer in answers.items():
        assert (answer.status_code, answer.json()["type"]) == (401, expected[endpoint.door]), endpoint


async def test_the_same_calls_are_let_in_while_it_is_open(settings: Settings) -> None:
    """So it was the account that closed those doors."""
    app = create_app(settings)
    guarded = [endpoint for endpoint in endpoints(app) if endpoint.door in {Door.USER, Door.SIGNED}]
    async with running(app) as client:
        ada = await Tenant.of(client, ADA)
        statuses: list[int] = []
        for endpoint in _harmless_first(guarded):
            statuses.append((await ada.ask(endpoint)).status_code)
            if endpoint.path in ENDING:  # the log-in that asked is over then
                answer = await client.post("/api/v1/auth/login/email", json=ADA)
                ada.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}

    assert 401 not in statuses


def _harmless_first(guarded: list[Endpoint]) -> list[Endpoint]:
    return sorted(guarded, key=lambda it: (it.method == "DELETE", it.path == "/api/v1/users/me", -len(it.ids)))


@pytest.mark.parametrize("how", [how for how in ALL if how != UserStatus.active])
async def test_a_closed_account_gets_no_new_tokens(client: httpx.AsyncClient, how: str) -> None:
    """Neither by its password nor by a refresh token."""
    session = (await client.post("/api/v1/auth/register/email", json=ADA)).json()
    await _close(how)

    answers = [
        await client.post("/api/v1/auth/login/email", json=ADA),
        await client.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]}),
    ]

    assert {answer.status_code for answer in answers} == {401}
