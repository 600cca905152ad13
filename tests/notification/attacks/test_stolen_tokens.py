"""What an access token is good for in the hands of whoever found it."""

from datetime import timedelta

import httpx
import pytest

from activerow.types import utc_now
from notification.models import Identities, RefreshTokens, SnsType, Users
from tests.notification.tools.service import ADA, KEYS, refusal

ME = "/api/v1/users/me"


async def _refreshed_an_hour_later(client: httpx.AsyncClient, *, password: bool = True) -> dict[str, str]:
    """The headers of Ada, who logged in an hour ago and has stayed logged in since."""
    pair = (await client.post("/api/v1/auth/register/email", json=ADA)).json()
    await RefreshTokens.filter_by(user_id=1).update(authenticated_at=utc_now() - timedelta(hours=1))
    if not password:
        await Users.filter_by(id=1).update(pw=None)
        await Identities.create(user_id=1, provider=SnsType.google, subject="1")
    answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def test_it_reads_and_does_small_things(client: httpx.AsyncClient) -> None:
    """That is what it is for."""
    ada = await _refreshed_an_hour_later(client)

    assert (await client.get(ME, headers=ada)).status_code == 200
    assert (await client.patch(ME, json={"name": "Ada"}, headers=ada)).status_code == 200
    assert (await client.get(KEYS, headers=ada)).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("DELETE", ME), ("POST", KEYS)])
async def test_it_neither_deletes_the_account_nor_makes_keys(client: httpx.AsyncClient, method: str, path: str) -> None:
    """A key lives for years, and what is deleted is gone: both take a log-in of a few minutes ago."""
    ada = await _refreshed_an_hour_later(client)

    answer = await client.request(method, path, json={} if method == "POST" else None, headers=ada)

    assert refusal(answer) == (401, "login_too_old")
    assert "insufficient_user_authentication" in answer.headers["www-authenticate"]
    assert await Users.query().count() == 1


async def test_it_sets_no_password_where_there_is_none(client: httpx.AsyncClient) -> None:
    """Whoever logs in at a provider has none to be asked for; the log-in itself is asked for instead."""
    ada = await _refreshed_an_hour_later(client, password=False)

    answer = await client.put(f"{ME}/password", json={"new_pw": "a password of the thief's"}, headers=ada)

    assert refusal(answer) == (401, "login_too_old")
    assert (await Users.get(1)).pw is None


async def test_a_log_in_makes_it_good_again(client: httpx.AsyncClient) -> None:
    """The owner types the password once more."""
    await _refreshed_an_hour_later(client)
    pair = (await client.post("/api/v1/auth/login/email", json=ADA)).json()

    answer = await client.post(KEYS, json={}, headers={"authorization": f"Bearer {pair['access_token']}"})

    assert answer.status_code == 201
