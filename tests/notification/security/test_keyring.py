"""Signed statements: which secret signed them, and which of them are believed."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from notification.errors import TokenExpiredError, TokenInvalidError, TokenWrongAudienceError
from notification.security.keyring import Keyring, key_id

OLD, NEW = "the secret of last year, fifty bytes and a few more", "the secret of this year, fifty bytes and a few more"
HOUR = timedelta(hours=1)


def _signed(secret: str, headers: dict[str, Any] | None = None, algorithm: str = "HS256") -> str:
    claims: dict[str, Any] = {
        "iss": "notification-api",
        "aud": "here",
        "iat": datetime.now(UTC),
        "exp": datetime.now(UTC) + HOUR,
    }
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)  # pyright: ignore[reportUnknownMemberType]


def test_a_token_names_its_secret() -> None:
    """`kid` stands in the header, and differs from secret to secret."""
    header = jwt.get_unverified_header(Keyring(NEW).sign("here", HOUR, {}))

    assert header == {"alg": "HS256", "typ": "JWT", "kid": key_id(NEW)}
    assert key_id(NEW) != key_id(OLD)


def test_a_previous_secret_is_believed_until_it_is_taken_away() -> None:
    """Changing the secret logs nobody out; taking the old one out does."""
    token = Keyring(OLD).sign("here", HOUR, {"sub": "1"})

    assert Keyring(NEW, (OLD,)).read(token, "here")["sub"] == "1"
    with pytest.raises(TokenInvalidError):
        Keyring(NEW).read(token, "here")


def test_a_token_without_kid_is_read_with_every_secret() -> None:
    """Tokens that were made before there was a `kid`."""
    keyring = Keyring(NEW, ("another one, also of thirty-two bytes", OLD))

    assert keyring.read(_signed(OLD), "here")["aud"] == "here"
    assert keyring.read(_signed(NEW), "here")["aud"] == "here"


def _unsigned(algorithm: str, **header: Any) -> str:
    """A token with the signature of nobody."""
    body = _signed(NEW).split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "JWT"} | header).encode()).rstrip(b"=")
    return f"{head.decode()}.{body}."


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b.c",
        "\udc80.x.y",
        _unsigned("none"),
        _unsigned("None", kid=key_id(NEW)),
        _unsigned("HS256", kid=key_id(NEW)),
        _unsigned("RS256", kid=key_id(NEW)),
        _signed(NEW, {"kid": key_id(OLD)}),
        _signed(OLD, {"kid": key_id(NEW)}),
        _signed(NEW, {"kid": "../../dev/null"}),
        _signed(NEW, {"kid": ""}),
        _signed(NEW, algorithm="HS384"),
        _signed(NEW)[:-2],
    ],
)
def test_what_is_not_signed_with_our_secret_is_not_believed(token: str) -> None:
    """No signature, that of another algorithm, a wrong or an invented name of the secret."""
    with pytest.raises(TokenInvalidError) as caught:
        Keyring(NEW, (OLD,)).read(token, "here")

    assert type(caught.value) is TokenInvalidError


def test_a_token_is_for_one_audience_and_for_a_while() -> None:
    """What is signed for one purpose is good for no other, and not for ever."""
    keyring = Keyring(NEW)

    with pytest.raises(TokenWrongAudienceError):
        keyring.read(keyring.sign("there", HOUR, {}), "here")
    with pytest.raises(TokenExpiredError):
        keyring.read(keyring.sign("here", timedelta(seconds=-1), {}), "here")


def test_secrets_are_not_shown() -> None:
    """Not even by a traceback that prints the keyring."""
    assert "secret of" not in repr(Keyring(NEW, (OLD,)))
