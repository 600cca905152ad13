"""Password hashes."""

import asyncio

import bcrypt
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from notification.security.passwords import DECOY, Passwords

pytestmark = pytest.mark.full_hashes


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    """One for all tests: it has no state but its threads."""
    return Passwords()


async def test_a_hash_verifies_its_password_only(passwords: Passwords) -> None:
    """The right password is right, another is not."""
    hashed = await passwords.hash("비밀번호🔑")

    assert await passwords.verify("비밀번호🔑", hashed) == (True, None)
    assert await passwords.verify("비밀번호", hashed) == (False, None)


async def test_the_event_loop_goes_on_while_a_password_is_hashed(passwords: Passwords) -> None:
    """Other requests are served meanwhile."""
    ticks = 0
    hashing = asyncio.create_task(passwords.hash("x"))

    while not hashing.done():
        await asyncio.sleep(0.001)
        ticks += 1

    assert ticks > 5


@pytest.mark.parametrize("length", [10, 72, 73, 100])
async def test_bcrypt_reads_72_bytes_as_it_always_did(passwords: Passwords, length: int) -> None:
    """A long password verifies against its old hash, and gets one of all of it."""
    password = "p" * length
    old = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()

    right, new = await passwords.verify(password, old)

    assert right
    assert new is not None
    assert await passwords.verify(password, new) == (True, None)
    assert not (await passwords.verify(f"{password}!", new)).right


@pytest.mark.parametrize("stored", [None, "", "plain text", "$5$rounds=1000$x$y"])
async def test_what_is_not_a_hash_verifies_nothing(passwords: Passwords, stored: str | None) -> None:
    """Nobody logs in to an account whose stored hash is missing or unreadable."""
    assert await passwords.verify("", stored) == (False, None)
    assert await passwords.verify("plain text", stored) == (False, None)


def test_the_decoy_is_as_expensive_as_a_new_hash() -> None:
    """Its parameters are those of today's hashes, so that checking against it takes as long."""
    assert not Argon2Hasher().check_needs_rehash(DECOY)
