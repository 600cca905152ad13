"""What answers tell about who has an account."""

import httpx

from notification.models import Users, UserStatus
from notification.settings import Settings
from tests.notification.tools.service import ADA, refusal, registered, serving

LOGIN = "/api/v1/auth/login/email"


async def test_an_unknown_email_and_a_wrong_password_look_the_same(
    client: httpx.AsyncClient, ada: dict[str, str]
) -> None:
    """Neither status, headers nor body tell whether an account exists."""
    unknown = await client.post(LOGIN, json=ADA | {"email": "nobody@example.com"})
    wrong = await client.post(LOGIN, json=ADA | {"pw": "wrong"})

    assert unknown.status_code == wrong.status_code == 401
    assert unknown.content == wrong.content
    assert set(unknown.headers) == set(wrong.headers)


async def test_accounts_that_cannot_log_in_look_like_none(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Blocked, deleted and social-only accounts: the same words."""
    nobody = await client.post(LOGIN, json=ADA | {"email": "nobody@example.com"})
    await Users.create(email="social@example.com", sns_type="google")
    answers = [await client.post(LOGIN, json=ADA | {"email": "social@example.com"})]
    for status in (UserStatus.blocked, UserStatus.deleted):
        await Users.filter_by(email=ADA["email"]).update(status=status)
        answers.append(await client.post(LOGIN, json=ADA))

    assert {answer.content for answer in answers} == {nobody.content}


async def test_trying_out_who_is_registered_is_slow(settings: Settings) -> None:
    """Registering has to say that an e-mail is taken; so it may not be asked often."""
    async with serving(settings.model_copy(update={"login_rate": "3/minute"})) as client:
        statuses = [
            (await client.post("/api/v1/auth/register/email", json=ADA | {"email": f"{name}@example.com"})).status_code
            for name in ("a", "b", "c", "d", "e")
        ]

    assert statuses == [201, 201, 201, 429, 429]


async def test_one_mailbox_is_one_account(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Letter case, full-width letters of the host name and the Kelvin sign make no second account."""
    await registered(client, {"email": "kay@x.kr", "pw": "x"})

    for written in ("ADA@example.com", "ada@EXAMPLE.COM", "ada@ｅxample.com", "ada@example。com", "\u212aay@x.kr"):
        answer = await client.post("/api/v1/auth/register/email", json={"email": written, "pw": "another"})

        assert refusal(answer) == (409, "email_taken"), written


async def test_what_only_looks_alike_is_another_account(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """A mailbox of somebody else's opens nothing of Ada's: full-width or Cyrillic letters, and what Gmail ignores."""
    for written in ("ａda@example.com", "аda@example.com", "ada+1@example.com", "a.da@example.com"):
        other = await registered(client, {"email": written, "pw": "x"})

        assert (await client.get("/api/v1/users/me", headers=other)).json()["id"] != 1
        assert refusal(await client.post(LOGIN, json={"email": written, "pw": ADA["pw"]})) == (401, "login_failed")


async def test_letters_that_grow_when_they_are_lowered_are_no_error(client_on_backend: httpx.AsyncClient) -> None:
    """Whoever registers with them logs in with them, in either case, or is refused with a reason."""
    for email in ("İ" * 30 + "@example.com", "İ" * 64 + "@example.com", "ß@example.com", "ﬀ@x.kr"):
        answer = await client_on_backend.post("/api/v1/auth/register/email", json={"email": email, "pw": "x"})
        again = await client_on_backend.post(LOGIN, json={"email": email.lower(), "pw": "x"})

        assert (answer.status_code, again.status_code) in {(201, 200), (422, 422)}, email


async def test_an_address_with_a_name_is_refused(client: httpx.AsyncClient) -> None:
    """Of two readers one might take the name for the address."""
    for email in ("Eve <ada@example.com>", "<ada@example.com>", "ada@example.com <eve@example.com>"):
        answer = await client.post("/api/v1/auth/register/email", json={"email": email, "pw": "x"})

        assert refusal(answer) == (422, "validation_error")


async def test_passwords_are_not_to_be_tried_with_a_stolen_token(settings: Settings) -> None:
    """Where the password is asked for again, attempts count like those to log in."""
    async with serving(settings.model_copy(update={"login_rate": "3/minute"})) as client:
        ada = await registered(client, ADA)
        password = "/api/v1/users/me/password"
        tries = [await client.put(password, json={"old_pw": pw, "new_pw": "x"}, headers=ada) for pw in ("a", "b")]
        too_many = [
            await client.put(password, json={"old_pw": ADA["pw"], "new_pw": "x"}, headers=ada),
            await client.post("/api/v1/users/me/identities/google", json={"pw": "c"}, headers=ada),
        ]

    assert {refusal(answer) for answer in tries} == {(403, "password_wrong")}
    assert {refusal(answer) for answer in too_many} == {(429, "rate_limited")}
    assert all("retry-after" in answer.headers for answer in too_many)
