"""Keys for calls from other services: made, changed and withdrawn by their owner."""

import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from activerow.errors import RecordNotFoundError
from notification.errors import TooManyAddressesError, TooManyKeysError
from notification.models import ApiKeys, ApiKeyWhitelists, KeyStatus, Users, db
from notification.security.known_keys import KnownKeys
from notification.security.vault import Vault

MOST_KEYS: Final = 3
MOST_ADDRESSES: Final = 10


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with the secret that nobody is shown again."""

    key: ApiKeys
    secret: str = field(repr=False)


async def create_key(user_id: int, memo: str | None, vault: Vault) -> NewKey:
    """A new key of the user.

    Raises:
        TooManyKeysError: The user has as many as one may have. Of many who ask at once, no more get one.
    """
    access_key, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
    async with db.transaction():
        await Users.get(user_id, lock=True)
        if await ApiKeys.where(ApiKeys.user_id == user_id, ApiKeys.status != KeyStatus.deleted).count() >= MOST_KEYS:
            raise TooManyKeysError
        key = await ApiKeys.create(
            user_id=user_id, memo=memo, access_key=access_key, secret=vault.seal(secret, access_key)
        )
    return NewKey(key, secret)


async def list_keys(user_id: int) -> list[ApiKeys]:
    """The user's keys, in the order they were made."""
    return await ApiKeys.where(ApiKeys.user_id == user_id, ApiKeys.status != KeyStatus.deleted).order_by("id").all()


async def find_key(user_id: int, key_id: int, *, lock: bool = False) -> ApiKeys:
    """The user's key with this number; with `lock`, nobody else changes it until the transaction ends.

    Raises:
        RecordNotFoundError: There is none, or it is somebody else's.
    """
    owned = ApiKeys.where(ApiKeys.id == key_id, ApiKeys.user_id == user_id, ApiKeys.status != KeyStatus.deleted)
    if (key := await (owned.for_update() if lock else owned).first()) is None:
        raise RecordNotFoundError("ApiKeys")
    return key


async def change_key(user_id: int, key_id: int, values: Any, known: KnownKeys) -> ApiKeys:
    """The user's key with these values; a stopped one is refused from now on.

    Raises:
        RecordNotFoundError: There is none, or it is somebody else's.
    """
    async with db.transaction():
        key = await find_key(user_id, key_id, lock=True)
        db.on_commit(lambda: known.forget(key.access_key))
        await key.update(values)
    return key


async def delete_key(user_id: int, key_id: int, known: KnownKeys) -> None:
    """Withdraw the user's key for good; its row stays for those that refer to it, its secret does not.

    Raises:
        RecordNotFoundError: There is none, or it is somebody else's.
    """
    async with db.transaction():
        key = await find_key(user_id, key_id, lock=True)
        db.on_commit(lambda: known.forget(key.access_key))
        await key.update(status=KeyStatus.deleted, secret=b"")


async def list_addresses(user_id: int, key_id: int) -> list[ApiKeyWhitelists]:
    """The networks from which the user's key may be used.

    Raises:
        RecordNotFoundError: There is no such key, or it is somebody else's.
    """
    await find_key(user_id, key_id)
    return await ApiKeyWhitelists.filter_by(api_key_id=key_id).order_by("id").all()


async def allow_address(user_id: int, key_id: int, network: str, known: KnownKeys) -> tuple[ApiKeyWhitelists, bool]:
    """Let the key be used from this network, and say whether that is new.

    Raises:
        RecordNotFoundError: There is no such key, or it is somebody else's.
        TooManyAddressesError: It has as many networks as it may have.
    """
    async with db.transaction():
        key = await find_key(user_id, key_id, lock=True)
        allowed = ApiKeyWhitelists.filter_by(api_key_id=key_id)
        if present := await allowed.filter_by(ip_addr=network).first():
            return present, False
        if await allowed.count() >= MOST_ADDRESSES:
            raise TooManyAddressesError
        db.on_commit(lambda: known.forget(key.access_key))
        return await ApiKeyWhitelists.create(api_key_id=key_id, ip_addr=network), True


async def disallow_address(user_id: int, key_id: int, address_id: int, known: KnownKeys) -> None:
    """Take a network off the key's list.

    Raises:
        RecordNotFoundError: There is no such key or no such network, or it is somebody else's.
    """
    async with db.transaction():
        key = await find_key(user_id, key_id, lock=True)
        db.on_commit(lambda: known.forget(key.access_key))
        if not await ApiKeyWhitelists.filter_by(id=address_id, api_key_id=key_id).delete():
            raise RecordNotFoundError("ApiKeyWhitelists")
