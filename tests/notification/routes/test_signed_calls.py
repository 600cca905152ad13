"""Calls that are signed with an API key."""

import httpx
import pytest
from pydantic import SecretStr

from notification.app import create_app
from notification.models import ApiKeys, UsedSignatures, Users, UserStatus, db
from notification.settings import Settings
from tests.notification.tools.service import (
    ADA,
    KEYS,
    SERVICES,
    Key,
    everything_logged,
    refusal,
    registered,
    running,
    serving,
)
from tests.tools.counting import statements


def _kinds(sent: list[str]) -> list[str]:
    """What a call asked of the database."""
    return [kind for kind in (statement.split()[0] for statement in sent) if kind != "BEGIN"]


async def test_a_signed_call_is_known(client_on_backend: httpx.AsyncClient) -> None:
    """The caller is the key and its owner, whose e-mail is masked."""
    key = await Key.of(client_on_backend, await registered(client_on_backend, ADA))

    answer = await key.call(client_on_backend)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"user_id": 1, "email": "a***@example.com", "access_key": key.access_key, "memo": "orders"}


async def test_key_owner_and_networks_are_one_query(client_on_backend: httpx.AsyncClient) -> None:
    """A first call reads once and notes its signature; the next ones for a while need not read."""
    ada = await registered(client_on_backend, ADA)
    key = await Key.of(client_on_backend, ada)
    for address in ("127.0.0.1", "192.0.2.7"):
        await client_on_backend.post(f"{KEYS}/{key.id}/whitelists", json={"ip_addr": address}, headers=ada)

    with statements(db) as first:
        await key.call(client_on_backend)
    with statements(db) as second:
        answer = await key.call(client_on_backend)

    assert _kinds(first) == ["SELECT", "INSERT"]
    assert _kinds(second) == ["INSERT"]
    assert answer.status_code == 200
    assert await UsedSignatures.query().count() == 2


@pytest.mark.parametrize("seconds", [-59, 58])
async def test_a_minute_of_difference_is_accepted(client: httpx.AsyncClient, key: Key, seconds: int) -> None:
    """The caller's clock may be a little slow or fast."""
    assert (await key.call(client, key.query(seconds=seconds))).status_code == 200


@pytest.mark.parametrize("seconds", [-62, 63, -86400, 10**9])
async def test_more_than_a_minute_isrefusal(client: httpx.AsyncClient, key: Key, seconds: int) -> None:
    """A call that somebody wrote down last week is worth nothing."""
    assert refusal(await key.call(client, key.query(seconds=seconds))) == (401, "signature_expired")


async def test_every_refusal_of_a_caller_is_the_same(client: httpx.AsyncClient, ada: dict[str, str], key: Key) -> None:
    """Unknown key, wrong signature, stopped key, wrong place, blocked owner: nobody can find out which keys exist."""
    query, unknown = key.query(), Key({"id": 0, "access_key": "x" * 32, "secret_key": "y"})
    answers = [
        await unknown.call(client),
        await Key({"id": 0, "access_key": "' OR 1=1 --\0", "secret_key": "y"}).call(client),
        await client.get(f"{SERVICES}?{query}", headers=unknown.sign(query)),
        await client.get(f"{SERVICES}?{query}&more=1", headers=key.sign(query)),
        await client.get(f"{SERVICES}?{query}", headers={"secret": key.sign(query)["secret"] + "="}),
        await client.get(f"{SERVICES}?{query}", headers={b"secret": b"\xff\xfe"}),
    ]
    path = f"{KEYS}/{key.id}"
    await client.patch(path, json={"status": "stopped"}, headers=ada)
    answers.append(await key.call(client))
    await client.patch(path, json={"status": "active"}, headers=ada)
    network = await client.post(f"{path}/whitelists", json={"ip_addr": "192.0.2.0/24"}, headers=ada)
    answers.append(await key.call(client))
    await client.delete(f"{path}/whitelists/{network.json()['id']}", headers=ada)
    assert (await key.call(client)).status_code == 200
    await client.delete(path, headers=ada)
    answers.append(await key.call(client))

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {"HMAC-SHA256"}


async def test_unknown_and_known_keys_cost_the_same_queries(client: httpx.AsyncClient, key: Key) -> None:
    """One look for either, and none for a while after that."""
    wrong = Key({"id": 0, "access_key": key.access_key, "secret_key": "wrong"})
    unknown = Key({"id": 0, "access_key": "x" * 32, "secret_key": "wrong"})
    counts: list[int] = []

    for caller in (wrong, unknown, wrong, unknown):
        with statements(db) as sent:
            await caller.call(client)
        counts.append(len(_kinds(sent)))

    assert counts == [1, 1, 0, 0]


@pytest.mark.parametrize("status", [UserStatus.blocked, UserStatus.deleted])
async def test_a_blocked_owner_has_no_keys(client_on_backend: httpx.AsyncClient, status: UserStatus) -> None:
    """The owner's status counts for every key."""
    key = await Key.of(client_on_backend, await registered(client_on_backend, ADA))
    await Users.where(Users.email == ADA["email"]).update(status=status)

    assert refusal(await key.call(client_on_backend)) == (401, "signature_invalid")


async def test_a_key_in_other_letters_is_another_key(client_on_backend: httpx.AsyncClient) -> None:
    """Some databases compare texts without regard to case."""
    key = await Key.of(client_on_backend, await registered(client_on_backend, ADA))
    other = Key({"id": 0, "access_key": key.access_key.swapcase(), "secret_key": key.secret_key})

    assert refusal(await other.call(client_on_backend)) == (401, "signature_invalid")


async def test_a_caller_may_only_call_from_its_networks(settings: Settings) -> None:
    """Addresses of both families, and IPv4 in the clothes of IPv6."""
    app = create_app(settings)
    async with running(app, "::ffff:192.0.2.7") as client:
        ada = await registered(client, ADA)
        key = await Key.of(client, ada)
        path = f"{KEYS}/{key.id}/whitelists"

        await client.post(path, json={"ip_addr": "2001:db8::/32"}, headers=ada)
        refused = await key.call(client)
        await client.post(path, json={"ip_addr": "192.0.2.0/24"}, headers=ada)
        accepted = await key.call(client)

    assert (refused.status_code, accepted.status_code) == (401, 200)


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(settings: Settings) -> None:
    """Otherwise the header would be the way around the list."""
    async with serving(settings) as client:
        ada = await registered(client, ADA)
        key = await Key.of(client, ada)
        await client.post(f"{KEYS}/{key.id}/whitelists", json={"ip_addr": "192.0.2.7"}, headers=ada)
        client.headers["x-forwarded-for"] = "192.0.2.7"
        untrusted = await key.call(client)
    async with serving(settings.model_copy(update={"trusted_proxies": ("127.0.0.1/32",)})) as client:
        client.headers["x-forwarded-for"] = "192.0.2.7"
        trusted = await key.call(client)

    assert (untrusted.status_code, trusted.status_code) == (401, 200)


async def test_a_secret_that_cannot_be_decrypted_refuses_the_call(settings: Settings) -> None:
    """With other secrets the caller hears what all hear, and the log says why."""
    changed = {"encryption_key": SecretStr("new"), "jwt_secret": SecretStr("another secret, of thirty-two bytes or so")}
    async with serving(settings) as client:
        key = await Key.of(client, await registered(client, ADA))
    async with serving(settings.model_copy(update=changed)) as client:
        answer = await key.call(client)

    assert refusal(answer) == (401, "signature_invalid")
    assert "ENCRYPTION_KEY" in everything_logged(settings)


async def test_a_key_survives_a_new_encryption_key(settings: Settings) -> None:
    """The old one is listed beside the new one until keys are made anew."""
    async with serving(settings) as client:
        key = await Key.of(client, await registered(client, ADA))
    kept = {"encryption_key": SecretStr("new"), "encryption_previous_keys": settings.jwt_secret}
    async with serving(settings.model_copy(update=kept)) as client:
        answer = await key.call(client)

    assert answer.status_code == 200


async def test_neither_secrets_nor_signatures_are_logged(settings: Settings) -> None:
    """The log has the path of a call, not its query string."""
    async with serving(settings) as client:
        key = await Key.of(client, await registered(client, ADA))
        query = key.query()
        await key.call(client, query)
        await key.call(client, query)

    told = everything_logged(settings)
    assert SERVICES in told
    assert not any(text in told for text in (key.access_key, key.secret_key, key.sign(query)["secret"], "nonce="))


async def test_a_rate_is_kept_for_each_key(settings: Settings) -> None:
    """One too many is a 429 that says when to come back; another key is not concerned, nor are wrong signatures."""
    async with serving(settings.model_copy(update={"service_rate": "2/minute"})) as client:
        ada = await registered(client, ADA)
        key, other = await Key.of(client, ada), await Key.of(client, ada)
        wrong = Key({"id": 0, "access_key": key.access_key, "secret_key": "wrong"})
        for _ in range(3):
            await wrong.call(client)
        answers = [await key.call(client) for _ in range(3)]
        others = await other.call(client)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "4290001"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert others.status_code == 200


async def test_the_access_key_alone_opens_nothing(client: httpx.AsyncClient, ada: dict[str, str], key: Key) -> None:
    """A token does not open what must be signed, and a signature not what needs a token."""
    query = key.query()

    assert (await client.get(SERVICES, headers=ada)).status_code == 400
    assert (await client.get(f"{KEYS}?{query}", headers=key.sign(query))).status_code == 401
    assert (await ApiKeys.get(key.id)).access_key == key.access_key
