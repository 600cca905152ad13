"""Secrets that must be read again: encrypted before they are stored, with keys that only the server has."""

import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_NAME_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD: Final = len(_VERSION) + _NAME_BYTES


class VaultError(Exception):
    """A sealed secret cannot be opened: its key is gone, or it was changed or belongs to something else."""


class Vault:
    """Seals texts with AES-GCM. The first passphrase seals; all of them open, so that one can replace another.

    What is sealed starts with a version and the name of its key: `version, name (4), nonce (12), ciphertext`.
    """

    def __init__(self, passphrases: Sequence[str]) -> None:
        self._keys = dict(_derived(passphrase) for passphrase in reversed(passphrases))
        self._current, _ = _derived(passphrases[0])

    def seal(self, text: str, owner: str) -> bytes:
        """The text, readable only here and only as `owner`'s: put into another row, it does not open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _VERSION + self._current
        return head + nonce + self._keys[self._current].encrypt(nonce, text.encode(), head + owner.encode())

    def open(self, sealed: bytes, owner: str) -> str:
        """The text that was sealed for `owner`.

        Raises:
            VaultError: It cannot be read.
        """
        head, nonce, body = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE_BYTES], sealed[_HEAD + _NONCE_BYTES :]
        key = self._keys.get(head[len(_VERSION) :])
        if not head.startswith(_VERSION) or key is None:
            raise VaultError("sealed with a key that is not configured; see ENCRYPTION_PREVIOUS_KEYS")
        try:
            return key.decrypt(nonce, body, head + owner.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise VaultError("changed after it was sealed, or sealed for something else") from error


def _derived(passphrase: str) -> tuple[bytes, AESGCM]:
    """The name of the passphrase's key, and the key; neither leads back to the passphrase."""
    material = HKDF(SHA256(), _NAME_BYTES + 32, salt=None, info=b"notification-api: secrets of API keys")
    derived = material.derive(passphrase.encode())
    return derived[:_NAME_BYTES], AESGCM(derived[_NAME_BYTES:])
