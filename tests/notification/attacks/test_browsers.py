"""Other sites, caches and cookies."""

import httpx
import pytest

from notification.settings import Settings
from tests.notification.tools.service import ADA, KEYS, Key, registered, serving

ME = "/api/v1/users/me"
EVIL = "https://evil.example"


@pytest.mark.parametrize("origin", [EVIL, "null", "https://shop.example.evil.example", "http://shop.example", ""])
async def test_another_site_reads_no_answer(client: httpx.AsyncClient, ada: dict[str, str], origin: str) -> None:
    """Only origins of ALLOWED_ORIGINS may, to the letter; and none with cookies."""
    answer = await client.get(ME, headers=ada | {"origin": origin})
    asked = await client.options(ME, headers={"origin": origin, "access-control-request-method": "PATCH"})

    for headers in (answer.headers, asked.headers):
        assert "access-control-allow-origin" not in headers
        assert "access-control-allow-credentials" not in headers


async def test_a_site_that_is_named_reads_without_cookies(client: httpx.AsyncClient) -> None:
    """A token in a header is what it has to bring along."""
    answer = await client.get("/health", headers={"origin": "https://shop.example"})

    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]


async def test_every_origin_is_not_reflected(settings: Settings) -> None:
    """`*` is an asterisk, which browsers never combine with cookies."""
    async with serving(settings.model_copy(update={"allowed_origins": ("*",)})) as client:
        answer = await client.get("/health", headers={"origin": EVIL, "cookie": "admin_session=x"})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_nothing_below_api_is_kept(client: httpx.AsyncClient) -> None:
    """Tokens, secrets, personal data and refusals."""
    registering = await client.post("/api/v1/auth/register/email", json=ADA)
    ada = {"authorization": f"Bearer {registering.json()['access_token']}"}
    key = await client.post(KEYS, json={}, headers=ada)
    answers = [
        registering,
        key,
        await client.get(ME, headers=ada),
        await client.get(ME),
        await Key(key.json()).call(client),
        await client.get("/api/v1/nowhere", headers=ada),
    ]

    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


async def test_a_token_in_the_address_is_none(client: httpx.AsyncClient) -> None:
    """Addresses are kept in histories and logs."""
    token = (await registered(client, ADA))["authorization"].removeprefix("Bearer ")

    answers = [await client.get(f"{ME}?{name}={token}") for name in ("access_token", "token", "authorization")]
    cookie = await client.get(ME, headers={"cookie": f"access_token={token}; authorization=Bearer {token}"})

    assert {answer.status_code for answer in (*answers, cookie)} == {401}
