"""Signatures, refresh tokens, handshakes and idempotency keys used again."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from notification.delivery.retention import Retention
from notification.models import UsedSignatures
from notification.security.signatures import WINDOW_SECONDS
from notification.settings import Settings
from tests.notification.test_process import address_of, started_service
from tests.notification.tools.callers import calls_of, new_key
from tests.notification.tools.deliveries import NOWHERE
from tests.notification.tools.redis_server import redis_server
from tests.notification.tools.service import ADA, SECRET, SERVICES, Key, refusal, registered, serving


async def test_a_signature_is_accepted_once(client: httpx.AsyncClient, key: Key) -> None:
    """Whoever overhears a call cannot repeat it, not at another path either."""
    query = key.query()

    first = await key.call(client, query)
    again = await key.call(client, query)
    elsewhere = await client.post(f"{SERVICES}/email?{query}", headers=key.sign(query), json={})

    assert first.status_code == 200
    assert refusal(again) == refusal(elsewhere) == (401, "signature_used")


async def test_of_ten_replays_at_once_one_is_accepted(client_on_backend: httpx.AsyncClient) -> None:
    """The primary key decides."""
    key = await Key.of(client_on_backend, await registered(client_on_backend, ADA))
    query = key.query()

    answers = await asyncio.gather(*(key.call(client_on_backend, query) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9


@pytest.mark.backends("sqlite", "asyncpg", "asyncmy")
async def test_of_twenty_replays_over_two_processes_one_is_accepted(database_url: str, tmp_path: Path) -> None:
    """Two servers that share a database and a Redis: whichever gets it first."""
    with redis_server(tmp_path) as (url, _):
        options = {"DATABASE_URL": database_url, "REDIS_URL": url, "ENVIRONMENT": "test", "JWT_SECRET": SECRET}
        first = started_service(_folder(tmp_path / "one"), **options)
        second = started_service(_folder(tmp_path / "two"), **options)
        with first as (_, line), second as (_, other_line):
            async with httpx.AsyncClient(base_url=address_of(line), timeout=60) as one:
                key = await Key.of(one, await registered(one, ADA))
                query = key.query()
                async with httpx.AsyncClient(base_url=address_of(other_line), timeout=60) as two:
                    answers = await asyncio.gather(*(key.call(client, query) for client in (one, two) * 10))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


async def test_a_signature_stays_used_until_it_is_too_old(client: httpx.AsyncClient, key: Key) -> None:
    """Sweeping forgets none that could still be accepted."""
    query = key.query(seconds=58)
    await key.call(client, query)
    used = await UsedSignatures.query().one()

    assert used.expires_at > datetime.now(UTC) + timedelta(seconds=58 + WINDOW_SECONDS)
    await Retention(1).sweep(asyncio.Event())
    assert refusal(await key.call(client, query)) == (401, "signature_used")


async def test_an_idempotency_key_of_another_owner_answers_nothing_of_theirs(settings: Settings) -> None:
    """The same key with the same body, by another user, is a notification of its own."""
    found: list[int] = []
    async with serving(settings.model_copy(update={"webhook_allow_private": True})) as client:
        for name in ("ada", "grace"):
            calls_of(client, await new_key(name))
            body, headers = {"url": NOWHERE, "text": "Done."}, {"Idempotency-Key": "order-17"}
            found.append((await client.post(f"{SERVICES}/webhook", json=body, headers=headers)).json()["id"])
        foreign = await client.get(f"{SERVICES}/notifications/{found[0]}")

    assert found[0] != found[1]
    assert foreign.status_code == 404


async def test_repeating_a_signature_does_not_use_up_its_owners_calls(settings: Settings) -> None:
    """Whoever overhears one could stop the owner for a minute, as often as it takes."""
    async with serving(settings.model_copy(update={"service_rate": "3/minute"})) as client:
        key = await Key.of(client, await registered(client, ADA))
        query = key.query()
        await key.call(client, query)

        replays = {refusal(await key.call(client, query)) for _ in range(600)}

        assert replays == {(401, "signature_used")}
        assert (await key.call(client)).status_code == 200
