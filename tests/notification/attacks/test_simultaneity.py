"""Twenty at once: what is checked and what is done are one thing."""

import asyncio
from collections import Counter

import httpx

from notification.models import RefreshTokens, Users
from tests.notification.tools.service import ADA, registered

TIMES = 20
REGISTER, REFRESH = "/api/v1/auth/register/email", "/api/v1/auth/refresh"


async def test_of_twenty_refreshes_with_one_token_one_wins(client_on_backend: httpx.AsyncClient) -> None:
    """The others are a reuse, which ends the family: nobody has a token that works afterwards."""
    token = (await client_on_backend.post(REGISTER, json=ADA)).json()["refresh_token"]

    answers = await asyncio.gather(
        *(client_on_backend.post(REFRESH, json={"refresh_token": token}) for _ in range(TIMES))
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: TIMES - 1}
    assert await RefreshTokens.filter_by(revoked_at=None).count() == 0


async def test_of_twenty_registrations_of_one_email_one_wins(client_on_backend: httpx.AsyncClient) -> None:
    """In any spelling."""
    spelled = [ADA | {"email": email} for email in ("ada@example.com", "ADA@EXAMPLE.COM")] * (TIMES // 2)

    answers = await asyncio.gather(*(client_on_backend.post(REGISTER, json=body) for body in spelled))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: TIMES - 1}
    assert await Users.query().count() == await RefreshTokens.query().count() == 1


async def test_of_twenty_with_one_phone_number_one_gets_it(client_on_backend: httpx.AsyncClient) -> None:
    """The constraint decides; the others learn no more than that."""
    users = [await registered(client_on_backend, ADA | {"email": f"u{number}@example.com"}) for number in range(6)]

    answers = await asyncio.gather(
        *(client_on_backend.patch("/api/v1/users/me", json={"phone_number": "010-1234"}, headers=u) for u in users)
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 5}
