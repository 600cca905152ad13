"""Password hashes: argon2, with bcrypt hashes of an older day still accepted."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

# bcrypt reads no further; its libraries used to cut silently, today's refuses.
_BCRYPT_BYTES = 72

# The hash of a password that nobody knows, as expensive to check as a real one.
DECOY = "$argon2id$v=19$m=65536,t=3,p=4$pbWE/HH+wQB7K9sOe3URiQ$csJzzJipFGQX/E8pLl43GRiJ0ok98MekclL+Gw475Xg"


class OldBcryptHasher(BcryptHasher):
    """bcrypt that verifies a long password as it was hashed: by its first 72 bytes."""

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002  # the name in pwdlib
        """Whether the hash was made from this password."""
        entered = password.encode() if isinstance(password, str) else password
        return super().verify(entered[:_BCRYPT_BYTES], hash)


class Verdict(NamedTuple):
    """What a check found: whether the password is right, and a new hash where the stored one is out of date."""

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and checks passwords beside the event loop, few at a time: each takes a while and 64 MiB."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(), OldBcryptHasher()))
        # Its threads end with this object; there is nothing to close.
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        """The password's argon2 hash."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Whether the password is right. Without a stored hash it is wrong, and takes as long to say so."""
        loop = asyncio.get_running_loop()
        verdict = await loop.run_in_executor(self._threads, self._verified, password, stored or DECOY)
        return verdict if stored else Verdict(right=False)

    def _verified(self, password: str, stored: str) -> Verdict:
        try:
            return Verdict(*self._hasher.verify_and_update(password, stored))
        except UnknownHashError:
            return Verdict(right=False)
