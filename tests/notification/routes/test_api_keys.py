"""Keys for calls from other services."""

import asyncio
from typing import Any

import httpx
import pytest

from notification.models import ApiKeys, ApiKeyWhitelists, KeyStatus
from notification.settings import Settings
from tests.notification.tools.service import ADA, GRACE, KEYS, everything_logged, registered, serving


async def _made(client: httpx.AsyncClient, headers: dict[str, str], memo: str = "orders") -> dict[str, Any]:
    answer = await client.post(KEYS, json={"memo": memo}, headers=headers)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def test_the_secret_is_shown_once(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The answer to making a key has its secret, the list has not."""
    made = await _made(client, ada)

    listed = (await client.get(KEYS, headers=ada)).json()

    assert set(made) == {"id", "memo", "access_key", "secret_key", "created_at"}
    assert len(made["secret_key"]) >= 43
    assert listed == [{name: value for name, value in made.items() if name != "secret_key"} | {"status": "active"}]


async def test_the_secret_is_stored_encrypted_and_never_logged(settings: Settings) -> None:
    """Neither the row nor a log line holds it."""
    async with serving(settings) as client:
        ada = await registered(client, ADA)
        made = await _made(client, ada)
        key = await ApiKeys.get(made["id"])

    assert made["secret_key"].encode() not in key.secret
    assert made["secret_key"] not in everything_logged(settings)
    assert made["secret_key"] not in repr(key)


async def test_a_user_has_at_most_three_keys(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The fourth is refused; a deleted one makes room."""
    first = await _made(client, ada)
    await _made(client, ada)
    await _made(client, ada)

    refused = await client.post(KEYS, json={}, headers=ada)
    await client.delete(f"{KEYS}/{first['id']}", headers=ada)
    accepted = await client.post(KEYS, json={}, headers=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "4090020")
    assert accepted.status_code == 201


async def test_of_twenty_at_once_three_get_a_key(client_on_backend: httpx.AsyncClient) -> None:
    """The user's row is locked while keys are counted."""
    ada = await registered(client_on_backend, ADA)

    answers = await asyncio.gather(*(client_on_backend.post(KEYS, json={}, headers=ada) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 17
    assert await ApiKeys.query().count() == 3


async def test_memo_and_status_can_be_changed(client_on_backend: httpx.AsyncClient) -> None:
    """What is not sent stays."""
    ada = await registered(client_on_backend, ADA)
    made = await _made(client_on_backend, ada)
    path = f"{KEYS}/{made['id']}"

    stopped = await client_on_backend.patch(path, json={"status": "stopped"}, headers=ada)
    renamed = await client_on_backend.patch(path, json={"memo": " billing "}, headers=ada)
    emptied = await client_on_backend.patch(path, json={"memo": None, "status": "active"}, headers=ada)

    assert (stopped.json()["status"], stopped.json()["memo"]) == ("stopped", "orders")
    assert (renamed.json()["status"], renamed.json()["memo"]) == ("stopped", "billing")
    assert (emptied.json()["status"], emptied.json()["memo"]) == ("active", None)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "deleted"},
        {"status": None},
        {"status": "broken"},
        {"memo": "x" * 101},
        {"memo": " "},
        {"user_id": 2},
        {"secret": "x"},
        {"access_key": "x"},
    ],
)
async def test_nothing_else_can_be_changed(client: httpx.AsyncClient, ada: dict[str, str], body: Any) -> None:
    """Deleting is not a change of status, and a key stays whose it is."""
    made = await _made(client, ada)

    answer = await client.patch(f"{KEYS}/{made['id']}", json=body, headers=ada)

    assert answer.status_code == 422


async def test_a_deleted_key_is_gone(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """It is not listed, cannot be changed back, and its secret is no longer stored."""
    made = await _made(client, ada)
    path = f"{KEYS}/{made['id']}"

    deleted = await client.delete(path, headers=ada)
    again = await client.delete(path, headers=ada)
    revived = await client.patch(path, json={"status": "active"}, headers=ada)

    key = await ApiKeys.get(made["id"])
    assert [deleted.status_code, again.status_code, revived.status_code] == [204, 404, 404]
    assert (await client.get(KEYS, headers=ada)).json() == []
    assert (key.status, key.secret) == (KeyStatus.deleted, b"")


async def test_an_address_is_listed_once(client_on_backend: httpx.AsyncClient) -> None:
    """The same network in another form is answered with the one that is there."""
    ada = await registered(client_on_backend, ADA)
    path = f"{KEYS}/{(await _made(client_on_backend, ada))['id']}/whitelists"

    first = await client_on_backend.post(path, json={"ip_addr": "192.0.2.7"}, headers=ada)
    second = await client_on_backend.post(path, json={"ip_addr": " ::ffff:192.0.2.7/128 "}, headers=ada)
    listed = await client_on_backend.get(path, headers=ada)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["ip_addr"] == "192.0.2.7/32"
    assert first.json() == second.json()
    assert listed.json() == [first.json()]


async def test_of_fifteen_addresses_at_once_ten_are_listed(client_on_backend: httpx.AsyncClient) -> None:
    """The key's row is locked while its networks are counted."""
    ada = await registered(client_on_backend, ADA)
    path = f"{KEYS}/{(await _made(client_on_backend, ada))['id']}/whitelists"

    answers = await asyncio.gather(
        *(client_on_backend.post(path, json={"ip_addr": f"192.0.2.{n}"}, headers=ada) for n in range(15))
    )
    present = await client_on_backend.post(
        path, json={"ip_addr": (await ApiKeyWhitelists.query().first() or ApiKeyWhitelists()).ip_addr}, headers=ada
    )

    refused = [answer.json()["code"] for answer in answers if answer.status_code != 201]
    assert refused == ["4090021"] * 5
    assert await ApiKeyWhitelists.query().count() == 10
    assert present.status_code == 200


async def test_the_same_address_twice_at_once_is_listed_once(client_on_backend: httpx.AsyncClient) -> None:
    """One request adds it, the others find it."""
    ada = await registered(client_on_backend, ADA)
    path = f"{KEYS}/{(await _made(client_on_backend, ada))['id']}/whitelists"

    answers = await asyncio.gather(
        *(client_on_backend.post(path, json={"ip_addr": "192.0.2.7"}, headers=ada) for _ in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]


@pytest.mark.parametrize("ip_addr", ["", "here", "192.0.2.7/255.255.255.0", "fe80::1%eth0", "192.0.2.7\r\nx", 7, None])
async def test_garbage_is_no_address(client: httpx.AsyncClient, ada: dict[str, str], ip_addr: Any) -> None:
    """What names no network is a 422."""
    made = await _made(client, ada)

    answer = await client.post(f"{KEYS}/{made['id']}/whitelists", json={"ip_addr": ip_addr}, headers=ada)

    assert answer.status_code == 422


async def test_an_address_can_be_taken_off(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Once; then it is not there, and neither is it on another key of the same user."""
    made, other = await _made(client, ada), await _made(client, ada)
    path = f"{KEYS}/{made['id']}/whitelists"
    address = (await client.post(path, json={"ip_addr": "::1"}, headers=ada)).json()

    elsewhere = await client.delete(f"{KEYS}/{other['id']}/whitelists/{address['id']}", headers=ada)
    deleted = await client.delete(f"{path}/{address['id']}", headers=ada)
    again = await client.delete(f"{path}/{address['id']}", headers=ada)

    assert [elsewhere.status_code, deleted.status_code, again.status_code] == [404, 204, 404]


async def test_other_peoples_keys_do_not_exist(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Whatever Grace tries with Ada's key is answered as if there were none."""
    path = f"{KEYS}/{(await _made(client, ada))['id']}"
    address = (await client.post(f"{path}/whitelists", json={"ip_addr": "::1"}, headers=ada)).json()
    grace = await registered(client, GRACE)

    answers = [
        await client.patch(path, json={"memo": "mine"}, headers=grace),
        await client.delete(path, headers=grace),
        await client.get(f"{path}/whitelists", headers=grace),
        await client.post(f"{path}/whitelists", json={"ip_addr": "::2"}, headers=grace),
        await client.delete(f"{path}/whitelists/{address['id']}", headers=grace),
    ]

    nobodys = await client.delete(f"{KEYS}/4711", headers=grace)
    assert [answer.status_code for answer in answers] == [404] * 5
    assert {answer.json()["detail"] for answer in answers} == {nobodys.json()["detail"]}
    assert (await client.get(KEYS, headers=grace)).json() == []


@pytest.mark.parametrize("key_id", ["0", "-1", "x", "99999999999999999999"])
async def test_an_id_that_cannot_be_one_is_a_422(client: httpx.AsyncClient, ada: dict[str, str], key_id: str) -> None:
    """It never reaches the database."""
    answer = await client.delete(f"{KEYS}/{key_id}", headers=ada)

    assert answer.status_code == 422
