"""Registering and logging in."""

import asyncio
import json

import bcrypt
import httpx
import pytest

from notification.models import SnsType, Users, UserStatus
from tests.notification.tools.service import ADA, registered

REGISTER = "/api/v1/auth/register/email"
LOGIN = "/api/v1/auth/login/email"


async def test_registering_answers_201_with_a_bearer_token(client: httpx.AsyncClient) -> None:
    """The token of a registration names the new user."""
    answer = await client.post(REGISTER, json=ADA)

    body = answer.json()
    me = await client.get("/api/v1/users/me", headers={"authorization": f"Bearer {body['access_token']}"})
    assert answer.status_code == 201
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
    assert me.json()["email"] == "ada@example.com"


async def test_logging_in_answers_200_with_a_bearer_token(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The password of the registration opens the account."""
    answer = await client.post(LOGIN, json=ADA)

    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"


async def test_the_password_is_stored_as_an_argon2_hash(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The row of a new user holds no password; how costly the hash is, `test_passwords` says."""
    user = await Users.get(email="ada@example.com")

    assert user.pw is not None
    assert user.pw.startswith("$argon2id$")
    assert (user.status, user.sns_type, user.marketing_agree) == (UserStatus.active, SnsType.email, True)


async def test_a_taken_email_is_a_409(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Whatever the letter case, an e-mail is registered once."""
    answer = await client.post(REGISTER, json={"email": "ADA@Example.COM", "pw": "another"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "4090001"


async def test_of_two_registrations_at_once_one_wins(client_on_backend: httpx.AsyncClient) -> None:
    """Both find the e-mail free; the unique constraint decides, and the loser hears what a latecomer hears."""
    answers = await asyncio.gather(*(client_on_backend.post(REGISTER, json=ADA) for _ in range(2)))

    loser, winner = sorted(answers, key=lambda answer: answer.status_code, reverse=True)
    assert (winner.status_code, loser.status_code) == (201, 409)
    assert loser.json()["code"] == "4090001"
    assert await Users.filter_by(email="ada@example.com").count() == 1


@pytest.mark.parametrize("sns_type", ["google", "kakao", "facebook"])
@pytest.mark.parametrize("action", ["register", "login"])
async def test_a_way_to_log_in_that_is_not_offered_yet_is_a_400(
    client: httpx.AsyncClient, action: str, sns_type: str
) -> None:
    """The answer does not depend on the body, whose shape is not known yet."""
    with_body = await client.post(f"/api/v1/auth/{action}/{sns_type}", json=ADA)
    without = await client.post(f"/api/v1/auth/{action}/{sns_type}")

    assert (with_body.status_code, without.status_code) == (400, 400)
    assert with_body.json()["type"] == "sns_type_not_offered"


@pytest.mark.parametrize("action", ["register", "login"])
async def test_an_unknown_way_to_log_in_is_a_422(client: httpx.AsyncClient, action: str) -> None:
    """The path names one of the known types, or it is not valid."""
    answer = await client.post(f"/api/v1/auth/{action}/myspace", json=ADA)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["path", "sns_type"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.com"},
        {"pw": "secret"},
        {"email": "", "pw": "secret"},
        {"email": "ada@example.com", "pw": ""},
        {"email": None, "pw": None},
        {"email": "not an e-mail", "pw": "secret"},
        {"email": f"{'a' * 250}@example.com", "pw": "secret"},
        {"email": "ada@example.com", "pw": "x" * 1025},
        {"email": "ada@example.com", "pw": "\ud800"},
        {"email": "\ud800@example.com", "pw": "secret"},
        {"email": "ada@example.com\u0000", "pw": "secret"},
        ["ada@example.com", "secret"],
    ],
)
@pytest.mark.parametrize("path", [REGISTER, LOGIN])
async def test_credentials_that_are_missing_or_wrong_are_a_422(
    client: httpx.AsyncClient, path: str, body: object
) -> None:
    """Nothing of what was sent is sent back."""
    answer = await client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["code"] == "4220001"
    assert all(set(error) == {"loc", "msg", "type"} for error in answer.json()["errors"])
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
async def test_each_fault_is_told_once(client: httpx.AsyncClient, path: str) -> None:
    """However many parties look at the credentials."""
    answer = await client.post(path, json={"pw": ""})

    assert [(error["loc"], error["type"]) for error in answer.json()["errors"]] == [
        (["body", "email"], "missing"),
        (["body", "pw"], "too_short"),
    ]


@pytest.mark.parametrize("status", [UserStatus.blocked, UserStatus.deleted])
async def test_an_account_that_is_not_active_opens_to_nobody(
    client: httpx.AsyncClient, ada: dict[str, str], status: UserStatus
) -> None:
    """Neither its password nor a token of better days helps."""
    user = await Users.get(email="ada@example.com")
    await user.update(status=status)

    login, me = await client.post(LOGIN, json=ADA), await client.get("/api/v1/users/me", headers=ada)

    assert (login.status_code, login.json()["type"]) == (401, "login_failed")
    assert (me.status_code, me.json()["type"]) == (401, "account_inactive")


async def test_a_bcrypt_hash_is_accepted_and_replaced(client_on_backend: httpx.AsyncClient) -> None:
    """A user of the old days logs in as always, and has an argon2 hash from then on."""
    old = bcrypt.hashpw(ADA["pw"].encode(), bcrypt.gensalt(4)).decode()
    await Users.create(email=ADA["email"], pw=old)

    first, second = [await client_on_backend.post(LOGIN, json=ADA) for _ in range(2)]

    user = await Users.get(email="ada@example.com")
    assert (first.status_code, second.status_code) == (200, 200)
    assert user.pw is not None
    assert user.pw.startswith("$argon2id$")


async def test_a_user_without_a_password_cannot_log_in_with_one(client: httpx.AsyncClient) -> None:
    """No stored hash is not a hash of anything."""
    await Users.create(email="ada@example.com")

    answer = await client.post(LOGIN, json=ADA)

    assert answer.status_code == 401


async def test_letters_of_all_scripts_are_kept(client_on_backend: httpx.AsyncClient) -> None:
    """Korean and emoji in an e-mail, a password and a name come back as they were sent."""
    credentials = {"email": "사용자@example.com", "pw": "비밀번호🔑"}
    headers = await registered(client_on_backend, credentials)

    me = await client_on_backend.patch("/api/v1/users/me", json={"name": "김에이다 🚀"}, headers=headers)
    again = await client_on_backend.post(LOGIN, json=credentials)

    assert me.json()["email"] == "사용자@example.com"
    assert me.json()["name"] == "김에이다 🚀"
    assert again.status_code == 200
