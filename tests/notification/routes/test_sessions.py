"""Refresh tokens: used once, ended together."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from notification.models import RefreshTokens, Users, UserStatus
from notification.security.tokens import digest_of
from notification.settings import Settings
from tests.notification.tools.service import ADA, GRACE, everything_logged, registered, serving

ME = "/api/v1/users/me"
REGISTER = "/api/v1/auth/register/email"
LOGIN = "/api/v1/auth/login/email"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
PASSWORD = "/api/v1/users/me/password"


async def _session(client: httpx.AsyncClient, credentials: dict[str, str] = ADA) -> str:
    """The refresh token of a user who has just logged in, or registered."""
    answer = await client.post(LOGIN, json=credentials)
    if answer.status_code == 401:
        answer = await client.post(REGISTER, json=credentials)
    return str(answer.json()["refresh_token"])


async def _refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token})


async def test_registering_and_logging_in_give_a_refresh_token(client: httpx.AsyncClient) -> None:
    """Beside the access token, with its own time, and never to be kept by a cache."""
    answers = [await client.post(path, json=ADA) for path in (REGISTER, LOGIN)]

    for answer in answers:
        assert answer.json()["refresh_token"].startswith("refresh_")
        assert answer.json()["refresh_expires_in"] == 30 * 24 * 3600
        assert answer.headers["cache-control"] == "no-store"
    assert len(set(await RefreshTokens.query().pluck("family"))) == 2


async def test_a_digest_is_stored(client: httpx.AsyncClient) -> None:
    """Who reads the database learns no token."""
    token = await _session(client)

    stored = await RefreshTokens.query().one()

    assert stored.digest == digest_of(token)
    assert token not in str(stored.to_dict())


async def test_a_refresh_token_gets_the_next_two(client_on_backend: httpx.AsyncClient) -> None:
    """The new access token works, and the new refresh token does too."""
    first = (await _refresh(client_on_backend, await _session(client_on_backend))).json()
    second = await _refresh(client_on_backend, first["refresh_token"])

    headers = {"authorization": f"Bearer {second.json()['access_token']}"}
    assert (await client_on_backend.get(ME, headers=headers)).json()["email"] == "ada@example.com"
    assert await RefreshTokens.filter_by(used_at=None).count() == 1


async def test_a_refresh_token_that_is_used_twice_ends_its_family(client_on_backend: httpx.AsyncClient) -> None:
    """Thief or victim, whoever comes second: both are out. Other sessions of the user go on."""
    stolen, other = await _session(client_on_backend), await _session(client_on_backend)
    newest = (await _refresh(client_on_backend, stolen)).json()["refresh_token"]

    again = await _refresh(client_on_backend, stolen)

    assert (again.status_code, again.json()["type"]) == (401, "refresh_token_reused")
    assert (await _refresh(client_on_backend, newest)).json()["type"] == "refresh_token_invalid"
    assert (await _refresh(client_on_backend, other)).status_code == 200


async def test_of_two_refreshes_at_once_one_wins(client_on_backend: httpx.AsyncClient) -> None:
    """And the second is a reuse, which ends the family of the winner as well."""
    token = await _session(client_on_backend)

    answers = await asyncio.gather(*(_refresh(client_on_backend, token) for _ in range(4)))

    (winner,) = [answer for answer in answers if answer.status_code == 200]
    assert "refresh_token_reused" in {answer.json().get("type") for answer in answers}
    assert (await _refresh(client_on_backend, winner.json()["refresh_token"])).status_code == 401


async def test_a_refresh_token_expires(client: httpx.AsyncClient) -> None:
    """A day too late is too late."""
    token = await _session(client)
    await RefreshTokens.query().update(expires_at=datetime.now(UTC) - timedelta(days=1), all_rows=True)

    answer = await _refresh(client, token)

    assert (answer.status_code, answer.json()["type"]) == (401, "refresh_token_expired")


async def test_a_blocked_user_stays_out(client: httpx.AsyncClient) -> None:
    """A refresh token of better days does not help, and works again afterwards."""
    token = await _session(client)
    user = await Users.get(email="ada@example.com")

    await user.update(status=UserStatus.blocked)
    refused = await _refresh(client, token)
    await user.update(status=UserStatus.active)

    assert (refused.status_code, refused.json()["type"]) == (401, "account_inactive")
    assert (await _refresh(client, token)).status_code == 200


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
@pytest.mark.parametrize(
    "body", [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": "x" * 100_000}, [], "x", "\x00"]
)
async def test_a_body_that_does_not_fit_is_a_422(client: httpx.AsyncClient, path: str, body: Any) -> None:
    """Missing, empty, of another shape or far too long."""
    answer = await client.post(path, json=body)

    assert answer.status_code == 422
    assert "xxx" not in answer.text


@pytest.mark.parametrize("token", ["\u0000", "\U0001f511", "refresh_\u0000", "' OR 1=1 --"])
async def test_any_text_is_a_token_that_nobody_was_given(client_on_backend: httpx.AsyncClient, token: str) -> None:
    """Only a digest meets the database."""
    assert (await _refresh(client_on_backend, token)).status_code == 401


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_half_a_character_is_no_token(client: httpx.AsyncClient, path: str) -> None:
    """JSON may hold what UTF-8 cannot."""
    answer = await client.post(
        path, content=b'{"refresh_token": "\\ud800"}', headers={"content-type": "application/json"}
    )

    assert answer.status_code == 422


async def test_logging_out_ends_the_session(client_on_backend: httpx.AsyncClient) -> None:
    """With any token of its family, and other sessions go on; a second time is no error."""
    first, other = await _session(client_on_backend), await _session(client_on_backend)
    newest = (await _refresh(client_on_backend, first)).json()["refresh_token"]

    answers = [await client_on_backend.post(LOGOUT, json={"refresh_token": first}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert (await _refresh(client_on_backend, newest)).json()["type"] == "refresh_token_invalid"
    assert (await _refresh(client_on_backend, other)).status_code == 200


async def test_logging_out_and_refreshing_at_once_leaves_nobody_logged_in(client_on_backend: httpx.AsyncClient) -> None:
    """Whichever comes first, no token of the family survives."""
    token = await _session(client_on_backend)

    await asyncio.gather(
        _refresh(client_on_backend, token), client_on_backend.post(LOGOUT, json={"refresh_token": token})
    )

    assert await RefreshTokens.filter_by(revoked_at=None).count() == 0


async def test_logging_out_with_an_unknown_token_tells_nothing(client: httpx.AsyncClient) -> None:
    """The answer is the same, so it is no way to try tokens."""
    answer = await client.post(LOGOUT, json={"refresh_token": "refresh_" + "x" * 43})

    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_new_password_ends_all_sessions(client_on_backend: httpx.AsyncClient) -> None:
    """The answer begins a new one; the old password is gone, and other users' sessions go on."""
    before, graces = await _session(client_on_backend), await _session(client_on_backend, GRACE)
    ada = {"authorization": f"Bearer {(await client_on_backend.post(LOGIN, json=ADA)).json()['access_token']}"}

    answer = await client_on_backend.put(PASSWORD, json={"old_pw": ADA["pw"], "new_pw": "new one"}, headers=ada)

    assert answer.status_code == 200
    assert (await _refresh(client_on_backend, before)).status_code == 401
    assert (await _refresh(client_on_backend, graces)).status_code == 200
    assert (await _refresh(client_on_backend, answer.json()["refresh_token"])).status_code == 200
    logins = [await client_on_backend.post(LOGIN, json=ADA | {"pw": pw}) for pw in (ADA["pw"], "new one")]
    assert [login.status_code for login in logins] == [401, 200]


@pytest.mark.parametrize("old", [{}, {"old_pw": "wrong"}, {"old_pw": None}])
async def test_a_new_password_needs_the_old_one(
    client: httpx.AsyncClient, ada: dict[str, str], old: dict[str, Any]
) -> None:
    """A stolen access token is not enough to take an account over."""
    answer = await client.put(PASSWORD, json=old | {"new_pw": "mine now"}, headers=ada)

    assert (answer.status_code, answer.json()["type"]) == (403, "password_wrong")
    assert (await client.post(LOGIN, json=ADA)).status_code == 200


async def test_a_user_without_a_password_sets_one(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Who came by a social provider has no old one to say, and can log in by e-mail afterwards."""
    user = await Users.get(email="ada@example.com")
    await user.update(pw=None, sns_type="google")

    answer = await client.put(PASSWORD, json={"new_pw": ADA["pw"]}, headers=ada)

    assert answer.status_code == 200
    assert (await client.post(LOGIN, json=ADA)).status_code == 200


async def test_of_two_new_passwords_at_once_one_wins(client_on_backend: httpx.AsyncClient) -> None:
    """Both know the old one; the later finds that it is no longer right."""
    ada = await registered(client_on_backend, ADA)

    answers = await asyncio.gather(
        *(
            client_on_backend.put(PASSWORD, json={"old_pw": ADA["pw"], "new_pw": new}, headers=ada)
            for new in ("one", "two")
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 403]
    assert await RefreshTokens.filter_by(revoked_at=None).count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"new_pw": ""},
        {"new_pw": "x" * 1025},
        {"old_pw": ADA["pw"]},
        {"new_pw": "a", "status": "active"},
        {"new_pw": 5},
    ],
)
async def test_a_password_change_that_does_not_fit_is_a_422(
    client: httpx.AsyncClient, ada: dict[str, str], body: dict[str, Any]
) -> None:
    """Too long costs more to hash than it is worth; other fields are not to be set here."""
    answer = await client.put(PASSWORD, json=body, headers=ada)

    assert answer.status_code == 422


async def test_no_token_is_logged(settings: Settings) -> None:
    """Neither those that are given nor those that are refused."""
    async with serving(settings) as client:
        token = await _session(client)
        for _ in range(2):
            await _refresh(client, token)
        await client.get(ME, headers={"authorization": f"Bearer {token}"})
        await client.post(LOGOUT, json={"refresh_token": token})

    assert token not in everything_logged(settings)
    assert digest_of(token) not in everything_logged(settings)
