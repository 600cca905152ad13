"""Users and their own data."""

import asyncio
import json

import httpx
import pytest

from notification.models import (
    Admins,
    ApiKeys,
    ApiKeyWhitelists,
    Base,
    Channel,
    Identities,
    Notifications,
    RefreshTokens,
    SnsType,
    Users,
)
from tests.notification.tools.service import ADA, GRACE, registered

ME = "/api/v1/users/me"


async def test_the_fields_that_can_be_set() -> None:
    """The columns of a user, without those that the database fills."""
    expected = "status email pw name phone_number profile_img sns_type marketing_agree stamp updated_at"

    assert Users.fields.settable_columns == tuple(expected.split())


async def test_a_user_reads_itself(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The answer has these fields and no others; no hash, no status."""
    answer = await client.get(ME, headers=ada)

    assert answer.status_code == 200
    assert answer.json() == {
        "id": 1,
        "email": "ada@example.com",
        "name": None,
        "phone_number": None,
        "profile_img": None,
        "sns_type": "email",
    }


async def test_a_change_sets_what_is_sent(client_on_backend: httpx.AsyncClient) -> None:
    """Fields that are not sent stay; null empties a field."""
    ada = await registered(client_on_backend, ADA)
    await client_on_backend.patch(ME, json={"name": "Ada", "phone_number": "010-1234-5678"}, headers=ada)

    changed = await client_on_backend.patch(ME, json={"name": "Ada Lovelace", "phone_number": None}, headers=ada)

    me = await client_on_backend.get(ME, headers=ada)
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["phone_number"]) == ("Ada Lovelace", None)
    assert me.json() == changed.json()


async def test_a_change_to_equal_values_answers_the_row(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Nothing is written, and `updated_at` stays, but the client gets what it asked for."""
    await client.patch(ME, json={"name": "Ada"}, headers=ada)
    before = await Users.get(email="ada@example.com")

    again = await client.patch(ME, json={"name": "Ada"}, headers=ada)

    after = await Users.get(email="ada@example.com")
    assert (again.status_code, again.json()["name"]) == (200, "Ada")
    assert after.updated_at == before.updated_at


async def test_nothing_to_change_answers_the_row(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """An empty change is a change to equal values."""
    answer = await client.patch(ME, json={}, headers=ada)

    assert (answer.status_code, answer.json()["email"]) == (200, "ada@example.com")


async def test_a_taken_phone_number_is_a_409(client_on_backend: httpx.AsyncClient) -> None:
    """The constraint speaks through the library's error, which says which field it was."""
    grace = await registered(client_on_backend, GRACE)
    ada = await registered(client_on_backend, ADA)
    await client_on_backend.patch(ME, json={"phone_number": "010-1234-5678"}, headers=grace)

    answer = await client_on_backend.patch(ME, json={"phone_number": "010-1234-5678"}, headers=ada)

    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["code"]) == (409, "unique_violation", "4090002")
    assert problem["errors"][0]["loc"] == ["body", "phone_number"]
    assert "1234" not in answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"phone_number": "call me"},
        {"phone_number": "1" * 21},
        {"profile_img": "x" * 1001},
        {"marketing_agree": None},
        {"marketing_agree": 1},
        {"marketing_agree": "yes"},
        {"name": " "},
        {"name": "Ada\x00"},
        {"profile_img": "a\nb"},
        {"id": 7},
        {"email": "eve@example.com"},
        {"pw": "x"},
        {"status": "active"},
        {"\ud800": 1},
        {"name": "\ud800"},
        {"created_at": "2020-01-01T00:00:00Z"},
    ],
)
async def test_a_change_that_is_not_allowed_is_a_422(
    client: httpx.AsyncClient, ada: dict[str, str], change: dict[str, object]
) -> None:
    """Values that do not fit, and fields that are not the user's to change, are refused before anything is set."""
    body = json.dumps({"name": "Eve"} | change)

    answer = await client.patch(ME, content=body, headers=ada | {"content-type": "application/json"})

    me = await client.get(ME, headers=ada)
    assert (answer.status_code, answer.json()["code"]) == (422, "4220001")
    assert me.json()["name"] is None


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_without_a_token_nobody_is_anybody(client: httpx.AsyncClient, method: str) -> None:
    """No header, or one of another scheme, is a 401 that says how to do better."""
    for headers in ({}, {"authorization": "Basic YWRhOmFkYQ=="}, {"authorization": "Bearer"}):
        answer = await client.request(method, ME, headers=headers, json={})

        assert (answer.status_code, answer.json()["type"]) == (401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_deleted_user_leaves_nothing_behind(client_on_backend: httpx.AsyncClient) -> None:
    """All that belongs to the account goes with it, nothing of anybody else; the e-mail is free again."""
    ada, grace = await registered(client_on_backend, ADA), await registered(client_on_backend, GRACE)
    for user in await Users.query().all():
        await _give_everything(user)

    gone = await client_on_backend.delete(ME, headers=ada)

    after = await client_on_backend.get(ME, headers=ada)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (after.status_code, after.json()["type"]) == (401, "account_inactive")
    assert {model.__name__: await model.query().count() for model in OWNED} == dict.fromkeys(
        (model.__name__ for model in OWNED), 1
    )
    assert (await client_on_backend.get(ME, headers=grace)).status_code == 200
    await registered(client_on_backend, ADA)


OWNED: tuple[type[Base], ...] = (Users, Identities, RefreshTokens, ApiKeys, ApiKeyWhitelists, Notifications, Admins)


async def _give_everything(user: Users) -> None:
    await Identities.create(user_id=user.id, provider=SnsType.google, subject=str(user.id))
    key = await ApiKeys.create(user_id=user.id, access_key=str(user.id), secret=b"secret")
    await ApiKeyWhitelists.create(api_key_id=key.id, ip_addr="192.0.2.0/24")
    await Notifications.create(
        user_id=user.id, api_key_id=key.id, channel=Channel.email, payload={}, fingerprint="0" * 64
    )
    await Admins.create(user_id=user.id)


async def test_a_deleted_user_cannot_refresh(client: httpx.AsyncClient) -> None:
    """The refresh tokens went with the account."""
    session = (await client.post("/api/v1/auth/register/email", json=ADA)).json()
    await client.delete(ME, headers={"authorization": f"Bearer {session['access_token']}"})

    refused = await client.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})

    assert (refused.status_code, refused.json()["type"]) == (401, "refresh_token_invalid")


async def test_of_two_who_delete_at_once_nobody_fails(client_on_backend: httpx.AsyncClient) -> None:
    """One deletes the account; the other hears that it is gone, or has changed."""
    ada = await registered(client_on_backend, ADA)

    answers = await asyncio.gather(*(client_on_backend.delete(ME, headers=ada) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) in ([204, 401], [204, 409])
