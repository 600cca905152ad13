"""Logging in by Google, Kakao and Facebook, and what an attacker would try there."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from notification.app import create_app
from notification.models import Identities, RefreshTokens, SnsType, Users, UserStatus
from notification.security.keyring import Keyring
from notification.settings import Settings
from tests.notification.tools.service import ADA, GRACE, everything_logged, registered, running, settings_for
from tests.notification.tools.social_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    SocialServer,
    answer,
    facebook_user,
    google_user,
    kakao_user,
    social_server,
)

ME = "/api/v1/users/me"
IDENTITIES = "/api/v1/users/me/identities"
Json = dict[str, Any]


@pytest.fixture
def social() -> Iterator[SocialServer]:
    """The provider, at whose browser sits Ada."""
    with social_server() as server:
        yield server


def _offering(folder: Path, social: SocialServer, **changes: Any) -> Settings:
    clients: Json = {}
    for name in ("google", "kakao", "facebook"):
        clients |= {f"{name}_client_id": CLIENT_ID, f"{name}_client_secret": CLIENT_SECRET, f"{name}_url": social.url}
    return settings_for(
        folder, **clients | {"social_redirect_url": "http://service/api/v1/auth/{provider}/callback"} | changes
    )


@pytest.fixture
async def browser(tmp_path: Path, social: SocialServer) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at a service that offers all providers."""
    async with running(create_app(_offering(tmp_path, social))) as client:
        yield client


@pytest.fixture
async def browser_on_backend(
    database_url: str, tmp_path: Path, social: SocialServer
) -> AsyncIterator[httpx.AsyncClient]:
    """The same on this test's backend."""
    async with running(create_app(_offering(tmp_path, social, database_url=database_url))) as client:
        yield client


@asynccontextmanager
async def _another_browser(browser: httpx.AsyncClient) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody else's browser at the same service."""
    async with httpx.AsyncClient(transport=vars(browser)["_transport"], base_url="http://service") as other:
        yield other


async def _begin(browser: httpx.AsyncClient, provider: str = "google") -> str:
    """The address to which a log-in sends the browser."""
    answered = await browser.get(f"/api/v1/auth/{provider}/authorize")
    assert answered.status_code == 200, answered.text
    return str(answered.json()["authorization_url"])


async def _agree(url: str) -> Json:
    """What the provider sends back when the user agrees."""
    async with httpx.AsyncClient() as client:
        location = (await client.get(url)).headers["location"]
    return dict(parse_qsl(urlsplit(location).query))


async def _come_back(browser: httpx.AsyncClient, grant: Json, provider: str = "google") -> httpx.Response:
    return await browser.get(f"/api/v1/auth/{provider}/callback", params=grant)


async def _log_in(browser: httpx.AsyncClient, provider: str = "google") -> httpx.Response:
    return await _come_back(browser, await _agree(await _begin(browser, provider)), provider)


def _bearer(session: httpx.Response) -> dict[str, str]:
    assert session.status_code in {200, 201}, session.text
    return {"authorization": f"Bearer {session.json()['access_token']}"}


async def _link(
    browser: httpx.AsyncClient, headers: dict[str, str], provider: str = "google", pw: str | None = ADA["pw"]
) -> httpx.Response:
    """The callback of a user who links an account."""
    begun = await browser.post(f"{IDENTITIES}/{provider}", json={"pw": pw}, headers=headers)
    assert begun.status_code == 200, begun.text
    return await _come_back(browser, await _agree(begun.json()["authorization_url"]), provider)


# --- what is meant to happen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "user", "name", "subject"),
    [
        ("google", google_user(), "Ada Lovelace", "g-1"),
        ("kakao", kakao_user(), "에이다", "71"),
        ("facebook", facebook_user(), "Ada Lovelace", "10101"),
    ],
)
async def test_a_new_user_is_registered(
    browser: httpx.AsyncClient, social: SocialServer, provider: str, user: Json, name: str, subject: str
) -> None:
    """Each provider's answer becomes an account without a password, and its id the way in."""
    social.user = user

    session = await _log_in(browser, provider)

    me = (await browser.get(ME, headers=_bearer(session))).json()
    stored, identity = await Users.query().one(), await Identities.query().one()
    assert (me["email"], me["name"], me["sns_type"], stored.pw) == ("ada@example.com", name, provider, None)
    assert (identity.provider, identity.subject, identity.user_id) == (SnsType(provider), subject, stored.id)
    assert session.headers["cache-control"] == "no-store"


async def test_a_known_user_is_logged_in(browser_on_backend: httpx.AsyncClient, social: SocialServer) -> None:
    """The provider's id decides: another e-mail or name at the provider is the same account here."""
    first = await _log_in(browser_on_backend)
    social.user = google_user(email="lovelace@example.com", name="A. L.")

    second = await _log_in(browser_on_backend)

    me = [(await browser_on_backend.get(ME, headers=_bearer(session))).json() for session in (first, second)]
    assert me[0] == me[1]
    assert await Users.query().count() == 1


async def test_a_page_of_ones_own_hands_the_code_in(browser: httpx.AsyncClient) -> None:
    """As JSON, with the same cookie; the refresh token is one as any other."""
    grant = await _agree(await _begin(browser))

    session = await browser.post("/api/v1/auth/google/callback", json=grant)

    again = await browser.post("/api/v1/auth/refresh", json={"refresh_token": session.json()["refresh_token"]})
    assert (session.status_code, again.status_code) == (200, 200)


async def test_the_browser_is_sent_where_the_settings_say(browser: httpx.AsyncClient, social: SocialServer) -> None:
    """Nothing of the request has a say: no host header, no parameter. The verifier is not in the address."""
    answered = await browser.get(
        "/api/v1/auth/google/authorize",
        params={"redirect_uri": "https://evil.example", "next": "https://evil.example"},
        headers={"host": "evil.example", "x-forwarded-host": "evil.example"},
    )

    url = str(answered.json()["authorization_url"])
    asked = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{social.url}/o/oauth2/v2/auth?")
    assert asked["redirect_uri"] == ["http://service/api/v1/auth/google/callback"]
    assert "evil" not in url
    assert set(asked) == {
        "client_id", "code_challenge", "code_challenge_method", "redirect_uri", "response_type", "scope", "state"
    }  # fmt: skip


@pytest.mark.parametrize(("site", "end"), [("http://service", ""), ("https://shop.example", "; Secure")])
async def test_the_cookie_is_for_nobody_else(social: SocialServer, tmp_path: Path, site: str, end: str) -> None:
    """No script reads it, no other site's form sends it, and over https it travels encrypted only."""
    settings = _offering(tmp_path, social, social_redirect_url=f"{site}/{{provider}}")

    async with running(create_app(settings)) as client:
        cookie = (await client.get("/api/v1/auth/google/authorize")).headers["set-cookie"]

    assert cookie.startswith("social_handshake=")
    assert cookie.partition("; ")[2] == f"HttpOnly; Max-Age=600; Path=/api/v1/auth; SameSite=lax{end}"


async def test_of_two_first_log_ins_at_once_both_get_the_one_account(
    browser_on_backend: httpx.AsyncClient, social: SocialServer
) -> None:
    """The unique constraint decides who makes it; the other finds it."""
    async with _another_browser(browser_on_backend) as other:
        sessions = await asyncio.gather(_log_in(browser_on_backend), _log_in(other))

    assert [session.status_code for session in sessions] == [200, 200]
    assert (await Users.query().count(), await Identities.query().count()) == (1, 1)


@pytest.mark.parametrize("action", ["register", "login"])
async def test_a_password_is_not_asked_for_where_a_provider_is(browser: httpx.AsyncClient, action: str) -> None:
    """The answer says where to go, whatever the body."""
    answers = [await browser.post(f"/api/v1/auth/{action}/google", json=body) for body in (ADA, {})]

    assert {(refused.status_code, refused.json()["type"]) for refused in answers} == {(400, "social_login_needed")}
    assert "/api/v1/auth/google/authorize" in answers[0].json()["detail"]


@pytest.mark.parametrize("provider", ["google", "email"])
@pytest.mark.parametrize("step", ["authorize", "callback"])
async def test_a_provider_without_settings_is_not_offered(client: httpx.AsyncClient, step: str, provider: str) -> None:
    """And neither is e-mail, which is no provider."""
    refused = await client.get(f"/api/v1/auth/{provider}/{step}")

    assert (refused.status_code, refused.json()["type"]) == (400, "sns_type_not_offered")


# --- states, codes and cookies that are not right ---------------------------------------------------------------------


async def _refused(browser: httpx.AsyncClient, grant: Json, word: str, status: int = 400) -> None:
    refused = await _come_back(browser, grant)

    assert (refused.status_code, refused.json()["type"]) == (status, word)
    assert await RefreshTokens.query().count() == 0


async def test_another_browser_cannot_go_on(browser: httpx.AsyncClient, social: SocialServer) -> None:
    """Or an attacker would have a victim log in to the attacker's account, and write down there what is secret."""
    grant = await _agree(await _begin(browser))

    async with _another_browser(browser) as victim:
        await _refused(victim, grant, "social_state_invalid")
        await _begin(victim)
        await _refused(victim, grant, "social_state_invalid")

    assert social.calls == 0


@pytest.mark.parametrize("change", [{"state": "guessed"}, {"state": ""}, {"state": None}, {"state": "é🔑"}])
async def test_a_wrong_state_is_refused(browser: httpx.AsyncClient, social: SocialServer, change: Json) -> None:
    """Before the provider is asked."""
    grant = await _agree(await _begin(browser)) | change

    await _refused(browser, {name: value for name, value in grant.items() if value is not None}, "social_state_invalid")

    assert social.calls == 0


async def test_a_state_is_for_one_provider(browser: httpx.AsyncClient) -> None:
    """A code of one provider is never sent to another (mix-up)."""
    grant = await _agree(await _begin(browser, "kakao"))

    await _refused(browser, grant, "social_state_invalid")


async def test_a_handshake_is_finished_once(browser_on_backend: httpx.AsyncClient) -> None:
    """A browser, or a thief, that kept cookie and state cannot use them again, even with a new code."""
    url = await _begin(browser_on_backend)
    cookie = browser_on_backend.cookies["social_handshake"]
    first = await _come_back(browser_on_backend, await _agree(url))
    assert "social_handshake" not in browser_on_backend.cookies

    browser_on_backend.cookies.set("social_handshake", cookie)
    again = await _come_back(browser_on_backend, await _agree(url))

    assert first.status_code == 200
    assert (again.status_code, again.json()["type"]) == (400, "social_state_invalid")


async def test_a_handshake_is_not_for_later(browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its minutes it is over."""
    monkeypatch.setattr("notification.security.handshakes.LIFETIME", timedelta(seconds=-1))
    grant = await _agree(await _begin(browser))

    await _refused(browser, grant, "social_state_invalid")


async def test_a_cookie_cannot_be_made(browser: httpx.AsyncClient, social: SocialServer) -> None:
    """An access token is none, a cookie that somebody else signed is none, and the cookie is no access token."""
    url = await _begin(browser)
    cookie, grant = browser.cookies["social_handshake"], await _agree(url)
    access = _bearer(await browser.post("/api/v1/auth/register/email", json=GRACE))["authorization"][7:]
    forged = Keyring("somebody else's secret, of thirty-two bytes").sign(
        "notification-api:social", timedelta(minutes=1), {"provider": "google", "state": "s", "verifier": "v"}
    )

    for value, state in ((access, grant["state"]), (forged, "s"), ("", "s"), (cookie[:-3], grant["state"])):
        browser.cookies.clear()
        refused = await browser.get(
            "/api/v1/auth/google/callback",
            params=grant | {"state": state},
            headers={"cookie": f"social_handshake={value}"},
        )
        assert (refused.status_code, refused.json()["type"]) == (400, "social_state_invalid")

    me = await browser.get(ME, headers={"authorization": f"Bearer {cookie}"})
    assert (me.status_code, me.json()["type"], social.calls) == (401, "token_wrong_audience", 0)


@pytest.mark.parametrize("provider", ["google", "kakao", "facebook"])
async def test_a_code_that_the_provider_refuses_is_a_400(browser: httpx.AsyncClient, provider: str) -> None:
    """Invented, used before, or given to another handshake: PKCE tells."""
    of_another = await _agree(await _begin(browser, provider))

    for code in ("invented", of_another["code"], ""):
        grant = await _agree(await _begin(browser, provider)) | {"code": code}
        refused = await _come_back(browser, grant, provider)

        assert (refused.status_code, refused.json()["type"]) == (400, "social_code_invalid")


async def test_a_user_who_says_no_is_told_so(browser: httpx.AsyncClient, social: SocialServer) -> None:
    """What else the provider says is not repeated."""
    social.denies = True
    grant = await _agree(await _begin(browser))

    refused = await _come_back(browser, grant | {"error_description": "<script>"})

    assert (refused.status_code, refused.json()["type"]) == (400, "social_login_denied")
    assert "script" not in refused.text


@pytest.mark.parametrize("change", [{"code": "x" * 3000}, {"state": "x" * 300}, {"error": "x" * 300}])
async def test_far_too_long_is_a_422(browser: httpx.AsyncClient, change: Json) -> None:
    """Neither read nor sent on."""
    refused = await _come_back(browser, {"code": "c", "state": "s"} | change)

    assert refused.status_code == 422


# --- providers that are not well --------------------------------------------------------------------------------------


_GARBAGE = [
    (500, b"{}"),
    (503, b"<html>down</html>"),
    (200, b"<html>maintenance</html>"),
    (200, b""),
    (200, b"[]"),
    (200, b"null"),
    (200, b'{"sub": 5, "id": "x", "access_token": 5}'),
    (200, b'{"sub": "", "access_token": "a\\nb"}'),
    (200, b'{"sub": "\\u0000", "access_token": "\xed\x95\x9c"}'),
    (200, b'{"sub": "\\ud800", "access_token": "\\ud800"}'),
    (200, b'{"access_token": "x", "expires_in": [], "expires_at": {}}'),
    (200, b"[" * 100_000),
    (200, b"\xff\xfe"),
    (401, b'{"error": "invalid_client"}'),
    (400, b'{"error": ["slow down"]}'),
    (429, b'{"error": {"message": "slow down", "code": 4}}'),
    (302, b""),
]


@pytest.mark.parametrize("which", ["token_answer", "profile_answer"])
async def test_garbage_of_a_provider_is_a_502(browser: httpx.AsyncClient, social: SocialServer, which: str) -> None:
    """Nobody is logged in, and the answer does not repeat it."""
    for garbage in _GARBAGE:
        setattr(social, which, garbage)

        refused = await _log_in(browser)

        assert (refused.status_code, refused.json()["code"]) == (502, "5020001"), garbage
        assert "slow down" not in refused.text
    assert await Users.query().count() == 0


async def test_a_slow_provider_is_a_503(tmp_path: Path, social: SocialServer) -> None:
    """After SOCIAL_TIMEOUT nobody waits any more; the user can begin again."""
    over = threading.Event()

    def never() -> tuple[int, bytes]:
        over.wait(30)
        return answer(500, {})

    social.profile_answer = never
    async with running(create_app(_offering(tmp_path, social, social_timeout=0.2))) as client:
        refused = await _log_in(client)
        over.set()
        social.profile_answer = None
        again = await _log_in(client)

    assert (refused.status_code, refused.json()["code"]) == (503, "5030010")
    assert again.status_code == 200


async def test_a_provider_that_is_down_is_a_503(tmp_path: Path) -> None:
    """Nothing listens there any more."""
    with social_server() as social:
        settings = _offering(tmp_path, social)

    async with running(create_app(settings)) as client:
        state = parse_qs(urlsplit(await _begin(client)).query)["state"][0]
        refused = await _come_back(client, {"code": "c", "state": state})

    assert (refused.status_code, refused.json()["type"]) == (503, "provider_unavailable")


async def test_no_code_and_no_secret_is_logged(tmp_path: Path, social: SocialServer) -> None:
    """Codes, states, cookies, tokens and the client's secret stay out of the logs; the provider's word gets in."""
    settings = _offering(tmp_path, social)
    async with running(create_app(settings)) as client:
        grant = await _agree(await _begin(client))
        cookie = client.cookies["social_handshake"]
        session = (await _come_back(client, grant)).json()
        social.token_answer = answer(401, {"error": "invalid_client", "error_description": "ada@example.com"})
        await _log_in(client)

    logged = everything_logged(settings)
    secrets = (grant["code"], grant["state"], cookie, session["access_token"], session["refresh_token"], CLIENT_SECRET)
    assert [secret for secret in secrets if secret in logged] == []
    assert "google refused to give a token: invalid_client" in logged
    assert "ada@example.com" not in logged


# --- whose account is it? ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "user"), [("google", google_user()), ("kakao", kakao_user()), ("facebook", facebook_user())]
)
async def test_the_same_email_opens_no_account(
    browser: httpx.AsyncClient, social: SocialServer, provider: str, user: Json
) -> None:
    """Whoever has an account with this e-mail has to log in to it first: an e-mail is not a proof, on neither side."""
    await registered(browser, ADA)
    social.user = user

    refused = await _log_in(browser, provider)

    assert (refused.status_code, refused.json()["type"]) == (409, "social_email_taken")
    assert "link" in refused.json()["message"]
    assert await Identities.query().count() == 0


@pytest.mark.parametrize(
    ("provider", "user"),
    [
        ("google", google_user(email_verified=False)),
        ("google", {"sub": "g-2", "email": "ada@example.com"}),
        ("kakao", kakao_user(is_email_verified=False)),
        ("kakao", kakao_user(is_email_valid=False)),
    ],
)
@pytest.mark.parametrize("exists", [False, True])
async def test_an_email_that_the_provider_has_not_verified_makes_no_account(
    browser: httpx.AsyncClient, social: SocialServer, provider: str, user: Json, exists: bool
) -> None:
    """It may be a stranger's; and the answer does not tell whether that stranger has an account."""
    if exists:
        await registered(browser, ADA)
    social.user = user

    refused = await _log_in(browser, provider)

    assert (refused.status_code, refused.json()["type"]) == (400, "social_email_unverified")
    assert await Users.query().count() == exists


@pytest.mark.parametrize(
    ("provider", "user"),
    [
        ("google", google_user(email="")),
        ("google", {"sub": "g-2", "email_verified": True}),
        ("google", google_user(email=["ada@example.com"])),
        ("google", google_user(email=f"{'a' * 300}@example.com")),
        ("kakao", {"id": 72}),
        ("kakao", {"id": 72, "kakao_account": {"email_needs_agreement": True}}),
        ("facebook", {"id": "5", "name": "Ada"}),
    ],
)
async def test_a_provider_without_an_email_makes_no_account(
    browser: httpx.AsyncClient, social: SocialServer, provider: str, user: Json
) -> None:
    """The answer says what to do instead."""
    social.user = user

    refused = await _log_in(browser, provider)

    assert (refused.status_code, refused.json()["type"]) == (400, "social_email_missing")


async def test_an_id_of_one_provider_is_not_that_of_another(browser: httpx.AsyncClient, social: SocialServer) -> None:
    """Two providers may give two people the same number."""
    social.user = google_user("71")
    await _log_in(browser)
    social.user = kakao_user(71, email="grace@example.com")

    session = await _log_in(browser, "kakao")

    assert (await browser.get(ME, headers=_bearer(session))).json()["email"] == "grace@example.com"


async def test_ids_are_told_apart_letter_by_letter(browser_on_backend: httpx.AsyncClient, social: SocialServer) -> None:
    """On every backend, whatever its collation thinks of letter cases."""
    social.user = google_user("abc")
    await _log_in(browser_on_backend)
    social.user = google_user("ABC", email="grace@example.com")

    await _log_in(browser_on_backend)

    assert await Users.query().count() == 2


@pytest.mark.parametrize(
    ("name", "shown"), [("\u0000\u202eeve", "eve"), ("x" * 1000, "x" * 255), (5, None), ({}, None), (" ", None)]
)
async def test_any_name_is_survived(browser: httpx.AsyncClient, social: SocialServer, name: Any, shown: Any) -> None:
    """What cannot be shown is left out, what is too long is cut, what is none is none."""
    social.user = google_user(name=name)

    session = await _log_in(browser)

    assert (await browser.get(ME, headers=_bearer(session))).json()["name"] == shown


async def test_a_blocked_user_stays_out(browser: httpx.AsyncClient) -> None:
    """By every door."""
    await _log_in(browser)
    await Users.query().update(status=UserStatus.blocked, all_rows=True)

    refused = await _log_in(browser)

    assert (refused.status_code, refused.json()["type"]) == (401, "account_inactive")


# --- linking ----------------------------------------------------------------------------------------------------------


async def test_an_account_is_linked_after_logging_in(
    browser_on_backend: httpx.AsyncClient, social: SocialServer
) -> None:
    """With the password, and then the provider opens it too, whatever its e-mail; both doors lead to one account."""
    social.user = google_user(email="other@example.com", email_verified=False)
    ada = await registered(browser_on_backend, ADA)

    linked = await _link(browser_on_backend, ada)
    session = await _log_in(browser_on_backend)

    me = await browser_on_backend.get(ME, headers=_bearer(session))
    listed = (await browser_on_backend.get(IDENTITIES, headers=ada)).json()
    assert (linked.status_code, me.json()["email"]) == (200, "ada@example.com")
    assert [identity["provider"] for identity in listed] == ["google"]
    assert set(listed[0]) == {"provider", "created_at"}


@pytest.mark.parametrize("body", [{}, {"pw": "wrong"}, {"pw": None}])
async def test_linking_needs_the_password(browser: httpx.AsyncClient, body: Json) -> None:
    """A stolen access token opens no second door."""
    ada = await registered(browser, ADA)

    refused = await browser.post(f"{IDENTITIES}/google", json=body, headers=ada)

    assert (refused.status_code, refused.json()["type"]) == (403, "password_wrong")
    assert "set-cookie" not in refused.headers


async def test_a_new_password_ends_a_link_that_has_begun(browser: httpx.AsyncClient) -> None:
    """Who has lost the old password to somebody else locks that one out."""
    ada = await registered(browser, ADA)
    begun = await browser.post(f"{IDENTITIES}/google", json={"pw": ADA["pw"]}, headers=ada)
    await browser.put(f"{ME}/password", json={"old_pw": ADA["pw"], "new_pw": "new"}, headers=ada)

    refused = await _come_back(browser, await _agree(begun.json()["authorization_url"]))

    assert (refused.status_code, refused.json()["type"]) == (400, "social_state_invalid")
    assert await Identities.query().count() == 0


async def test_an_account_of_the_provider_is_linked_once(
    browser_on_backend: httpx.AsyncClient, social: SocialServer
) -> None:
    """Not by two users, and a user has one of each provider; the same again is no error."""
    ada, grace = await registered(browser_on_backend, ADA), await registered(browser_on_backend, GRACE)
    first, again = await _link(browser_on_backend, ada), await _link(browser_on_backend, ada)

    by_another = await _link(browser_on_backend, grace, pw=GRACE["pw"])
    social.user = google_user("g-2")
    second = await _link(browser_on_backend, ada)

    assert (first.status_code, again.status_code) == (200, 200)
    assert (by_another.status_code, by_another.json()["type"]) == (409, "identity_taken")
    assert (second.status_code, second.json()["type"]) == (409, "already_linked")
    assert await Identities.query().count() == 1


async def test_unlinking_leaves_a_way_in(browser_on_backend: httpx.AsyncClient, social: SocialServer) -> None:
    """The last one stays until there is a password; what is not linked is a 404."""
    ada = _bearer(await _log_in(browser_on_backend))
    none = await browser_on_backend.delete(f"{IDENTITIES}/kakao", headers=ada)
    last = await browser_on_backend.delete(f"{IDENTITIES}/google", headers=ada)
    session = await browser_on_backend.put(f"{ME}/password", json={"new_pw": ADA["pw"]}, headers=ada)

    gone = await browser_on_backend.delete(f"{IDENTITIES}/google", headers=_bearer(session))

    assert [none.status_code, last.status_code, gone.status_code] == [404, 409, 204]
    assert (none.json()["type"], last.json()["type"]) == ("identity_not_found", "last_way_in")
    assert (await browser_on_backend.post("/api/v1/auth/login/email", json=ADA)).status_code == 200


async def test_of_two_ways_in_one_stays(browser_on_backend: httpx.AsyncClient, social: SocialServer) -> None:
    """Also when both are let go of at once."""
    ada = _bearer(await _log_in(browser_on_backend))
    social.user = kakao_user()
    await _link(browser_on_backend, ada, "kakao", pw=None)

    answers = await asyncio.gather(
        *(browser_on_backend.delete(f"{IDENTITIES}/{name}", headers=ada) for name in ("google", "kakao"))
    )

    assert sorted(answered.status_code for answered in answers) == [204, 409]
    assert await Identities.query().count() == 1


async def test_nobody_sees_or_unlinks_anothers(browser: httpx.AsyncClient) -> None:
    """The token says whose they are; there is no id to guess."""
    await _log_in(browser)
    grace = await registered(browser, GRACE)

    listed = await browser.get(IDENTITIES, headers=grace)
    gone = await browser.delete(f"{IDENTITIES}/google", headers=grace)

    assert (listed.json(), gone.status_code) == ([], 404)
    assert await Identities.query().count() == 1


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/google"), ("DELETE", "/google")])
async def test_identities_need_a_token(browser: httpx.AsyncClient, method: str, path: str) -> None:
    """The social cookie is none."""
    await _begin(browser)

    refused = await browser.request(method, IDENTITIES + path, json={})

    assert (refused.status_code, refused.json()["type"]) == (401, "not_authenticated")
