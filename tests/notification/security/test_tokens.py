"""Access tokens."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from notification.errors import TokenExpiredError, TokenInvalidError
from notification.security.keyring import Keyring
from notification.security.tokens import Login, Tokens

KEYRING = Keyring("a secret of these tests, thirty-two bytes long")


def _login(user_id: int) -> Login:
    return Login(user_id, "stamp", datetime(2026, 11, 22, tzinfo=UTC))


def test_a_token_names_its_user() -> None:
    """Whoever has the secret reads what was signed."""
    tokens = Tokens(KEYRING, minutes=30)

    assert tokens.read(tokens.issue(_login(7))) == _login(7)


def test_a_signature_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a token says is remembered, and not what another one says."""
    checked: list[str] = []
    decode = jwt.decode

    def noted(token: str, *arguments: Any, **options: Any) -> Any:
        checked.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", noted)
    tokens = Tokens(KEYRING, minutes=30)
    first, second = tokens.issue(_login(1)), tokens.issue(_login(2))

    assert [tokens.read(token).user_id for token in (first, second, first, second)] == [1, 2, 1, 2]
    assert checked == [first, second]


def test_a_token_that_is_remembered_expires() -> None:
    """At its second, whenever it was seen before."""
    now = [0.0]
    tokens = Tokens(KEYRING, minutes=30, clock=lambda: now[0])
    token = tokens.issue(_login(1))
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]

    now[0] = expires - 0.5
    assert tokens.read(token).user_id == 1

    now[0] = expires
    with pytest.raises(TokenExpiredError):
        tokens.read(token)


def test_a_refusal_is_not_remembered() -> None:
    """A token of another secret opens nothing, however often it is tried."""
    tokens = Tokens(KEYRING, minutes=30)
    foreign = Tokens(Keyring("another secret of these tests, thirty-two bytes"), minutes=30).issue(_login(1))

    for _ in range(2):
        with pytest.raises(TokenInvalidError):
            tokens.read(foreign)
