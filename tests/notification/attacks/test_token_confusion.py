"""One kind of token used as another; tokens signed by others, or not at all."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from pydantic import SecretStr

from notification.models import SnsType, Users
from notification.security.handshakes import Handshakes
from notification.security.keyring import Keyring, key_id
from notification.security.tokens import digest_of
from notification.settings import Settings
from notification.use_cases.administration import appoint
from tests.notification.tools.service import ADA, SECRET, Key, refusal, serving

ME = "/api/v1/users/me"
REGISTER = "/api/v1/auth/register/email"


def _token(
    stamp: str, secret: str = SECRET, algorithm: str = "HS256", kid: str | None = None, **changes: object
) -> str:
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "sub": "1",
        "stamp": stamp,
        "auth_time": int(now.timestamp()),
        "iss": "notification-api",
        "aud": "notification-api:access",
        "iat": now,
        "exp": now + timedelta(days=1),
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    headers = {"kid": kid} if kid else None
    return jwt.encode(  # pyright: ignore[reportUnknownMemberType]  # as in keyring.py
        claims, secret, algorithm=algorithm, headers=headers
    )


async def test_a_token_made_by_hand_with_the_secret_is_accepted(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The claims below are the right ones, so that each change of them is what gets a token refused."""
    answer = await client.get(ME, headers={"authorization": f"Bearer {_token(await _stamp())}"})

    assert answer.status_code == 200


async def _stamp() -> str:
    """What the tokens of the first user have to say."""
    return (await Users.get(1)).stamp


def _wrong(stamp: str) -> list[tuple[str, str]]:
    """Tokens, and why each is refused."""
    return [
        ("nonsense", "token_invalid"),
        (_token(stamp, secret="another secret, of thirty-two bytes and more"), "token_invalid"),
        (_token(stamp, algorithm="HS384", secret=SECRET), "token_invalid"),
        (_token(stamp, secret="", algorithm="none"), "token_invalid"),
        (_token(stamp, aud="notification-api:social"), "token_wrong_audience"),
        (_token(stamp, iss="somebody else"), "token_wrong_issuer"),
        ("refresh_" + "x" * 43, "token_wrong_audience"),
        (_token(stamp, sub="one"), "token_invalid"),
        (_token(stamp, sub=None), "token_invalid"),
        (_token(stamp, exp=None), "token_invalid"),
        (_token(stamp, auth_time=None), "token_invalid"),
        (_token(stamp, exp=datetime.now(UTC) - timedelta(seconds=1)), "token_expired"),
        (_token(stamp, sub="77"), "account_inactive"),
    ]


async def test_a_token_that_is_not_right_is_a_401(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Tampered, unsigned, for another purpose, too old or of nobody: each is refused, and says why."""
    for token, word in _wrong(await _stamp()):
        answer = await client.get(ME, headers={"authorization": f"Bearer {token}"})

        assert refusal(answer) == (401, word)


@pytest.mark.parametrize("kind", ["unknown", "digest", "access token"])
async def test_what_is_no_refresh_token_gets_nothing(client: httpx.AsyncClient, kind: str) -> None:
    """An invented one, what is stored of one, and an access token."""
    session = (await client.post(REGISTER, json=ADA)).json()
    sent = {
        "unknown": "refresh_" + "x" * 43,
        "digest": digest_of(session["refresh_token"]),
        "access token": session["access_token"][:200],
    }

    answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": sent[kind]})

    assert (answer.status_code, answer.json()["type"]) == (401, "refresh_token_invalid")


async def test_a_refresh_token_is_no_access_token(client: httpx.AsyncClient) -> None:
    """The longer-lived secret opens nothing by itself."""
    session = (await client.post(REGISTER, json=ADA)).json()

    answer = await client.get(ME, headers={"authorization": f"Bearer {session['refresh_token']}"})

    assert (answer.status_code, answer.json()["type"]) == (401, "token_wrong_audience")


def _head(**header: Any) -> str:
    """A token with this header, whose signature cannot be right."""
    parts = (json.dumps({"alg": "HS256", "typ": "JWT"} | header), json.dumps({"sub": "1"}), "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


HEADERS: tuple[dict[str, Any], ...] = (
    {"kid": "no such key"},
    {"kid": key_id("another secret")},
    {"kid": 1},
    {"kid": ["a"]},
    {"kid": None},
    {"kid": "../../dev/null"},
    {"kid": "' OR 1=1 --"},
    {"kid": key_id(SECRET), "alg": "none"},
    {"alg": "None"},
    {"alg": "RS256"},
    {"alg": "ES256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}},
    {"jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/keys"},
    {"crit": ["exp"]},
    {"b64": False},
    {"zip": "DEF"},
    {"deep": json.loads("[" * 900 + "]" * 900)},
)


async def test_a_token_does_not_choose_how_it_is_read(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Neither algorithm, nor key, nor where keys are; a key id that names a secret makes no signature of it."""
    for header in HEADERS:
        answer = await client.get(ME, headers={"authorization": f"Bearer {_head(**header)}"})

        assert refusal(answer) == (401, "token_invalid"), header


async def test_a_key_id_does_not_make_another_secret_ours(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Signed rightly with a secret of the attacker's, under the name of ours."""
    token = _token("stamp", secret="an attacker's secret, of thirty-two bytes", kid=key_id(SECRET))

    assert refusal(await client.get(ME, headers={"authorization": f"Bearer {token}"})) == (401, "token_invalid")


async def test_a_header_of_any_depth_is_no_token(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """As deep as a line of HTTP lets it be."""
    for depth in (2_000, 40_000):
        header = b'{"alg":"HS256","x":' + b"[" * depth + b"]" * depth + b"}"
        token = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".e30.x"

        answer = await client.get(ME, headers={"authorization": f"Bearer {token}"})

        assert refusal(answer) == (401, "token_invalid")


async def test_every_text_that_signs_in_somewhere_opens_one_door(settings: Settings) -> None:
    """Access token, refresh token, handshake, admin cookie and API key: each as each of the others."""
    keyring = Keyring(SECRET)
    handshake = Handshakes(keyring).seal(Handshakes(keyring).begin(SnsType.google))
    async with serving(settings) as client:
        session = (await client.post("/api/v1/auth/register/email", json=ADA)).json()
        access, refresh = session["access_token"], session["refresh_token"]
        key = await Key.of(client, {"authorization": f"Bearer {access}"})
        await appoint(ADA["email"])
        await client.get("/admin/login")
        form = {"username": ADA["email"], "password": ADA["pw"]}
        await client.post("/admin/login", data=form | {"csrftoken": client.cookies["starlette_admin_csrftoken"]})
        admin = client.cookies["admin_session"]
        client.cookies.clear()

        bearer = [await client.get(ME, headers={"authorization": f"Bearer {text}"}) for text in
                  (refresh, handshake, admin, key.access_key, key.secret_key, SECRET)]  # fmt: skip
        refreshed = [await client.post("/api/v1/auth/refresh", json={"refresh_token": text[:200]}) for text in
                     (access, handshake, admin, key.secret_key)]  # fmt: skip
        admins = [await client.get("/admin/", headers={"cookie": f"admin_session={text}"}) for text in
                  (access, refresh, handshake)]  # fmt: skip
        right = await client.get("/admin/", headers={"cookie": f"admin_session={admin}"})

    assert {answer.status_code for answer in bearer + refreshed} == {401}
    assert {answer.headers["location"].partition("?")[0] for answer in admins} == {"/admin/login"}
    assert right.status_code == 200


async def test_an_admin_session_is_no_handshake(settings: Settings) -> None:
    """What the admin pages sign, and what logs in, finish no log-in at a provider."""
    offered = {"google_client_id": "us", "google_client_secret": SecretStr("secret")}
    async with serving(settings.model_copy(update=offered)) as client:
        access = (await client.post("/api/v1/auth/register/email", json=ADA)).json()["access_token"]
        answers = [
            await client.get(
                "/api/v1/auth/google/callback?code=x&state=x", headers={"cookie": f"social_handshake={text}"}
            )
            for text in (access, "x", "eyJpZCI6MX0.x.y", _head(deep=json.loads("[" * 900 + "]" * 900)))
        ]

    assert {refusal(answer) for answer in answers} == {(400, "social_state_invalid")}
