"""Secrets at rest."""

import pytest

from notification.security.vault import Vault, VaultError


def test_what_is_sealed_opens_for_its_owner() -> None:
    """The text comes back, and cannot be read off the sealed bytes."""
    vault = Vault(["a passphrase"])

    sealed = vault.seal("the secret", "key one")

    assert vault.open(sealed, "key one") == "the secret"
    assert b"secret" not in sealed
    assert sealed != vault.seal("the secret", "key one")


def test_what_is_sealed_does_not_open_for_another() -> None:
    """Whoever can write the table cannot give one key the secret of another."""
    vault = Vault(["a passphrase"])

    with pytest.raises(VaultError):
        vault.open(vault.seal("the secret", "key one"), "key two")


@pytest.mark.parametrize("place", [0, 2, 8, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    """Version, key name, nonce and ciphertext are all covered."""
    sealed = bytearray(Vault(["a passphrase"]).seal("the secret", "key one"))
    sealed[place] ^= 1

    with pytest.raises(VaultError):
        Vault(["a passphrase"]).open(bytes(sealed), "key one")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01short"])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    """The secret of a deleted key is empty."""
    with pytest.raises(VaultError):
        Vault(["a passphrase"]).open(sealed, "key one")


def test_a_new_passphrase_takes_over() -> None:
    """What the old one sealed still opens while it is listed, and no longer when it is not."""
    sealed = Vault(["old"]).seal("the secret", "key one")
    both = Vault(["new", "old"])

    assert both.open(sealed, "key one") == "the secret"
    with pytest.raises(VaultError):
        Vault(["new"]).open(sealed, "key one")
    assert Vault(["new"]).open(both.seal("the secret", "key one"), "key one") == "the secret"
