"""A user's keys for calls from other services, and the networks these may be used from."""

from typing import Annotated

from fastapi import APIRouter, Path, Response, status

from activerow.errors import RecordNotFoundError
from notification.deps import CurrentUser, RecentUser, ServicesDep
from notification.docs.openapi import may_raise
from notification.errors import LoginTooOldError, TooManyAddressesError, TooManyKeysError
from notification.schemas.api_keys import Address, AddressWanted, Key, KeyChange, KeyCreated, KeyWanted
from notification.use_cases import api_keys

_NEEDS_KEY = may_raise(RecordNotFoundError)
_LARGEST_ID = 2**31 - 1

Id = Annotated[int, Path(ge=1, le=_LARGEST_ID, examples=[1])]

router = APIRouter(prefix="/api/v1/users/me/apikeys", tags=["API keys"])


@router.get("", summary="List your keys")
async def list_keys(user: CurrentUser) -> list[Key]:
    """Your keys, without their secrets."""
    return [Key.model_validate(key) for key in await api_keys.list_keys(user.id)]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a key",
    openapi_extra=may_raise(TooManyKeysError, LoginTooOldError),
)
async def create_key(user: RecentUser, body: KeyWanted, services: ServicesDep) -> KeyCreated:
    """Make a key. Its secret is in this answer and in no other."""
    new = await api_keys.create_key(user.id, body.memo, services.vault)
    told = Key.model_validate(new.key).model_dump(exclude={"status"})
    return KeyCreated(**told, secret_key=new.secret)


@router.patch("/{key_id}", summary="Change a key", openapi_extra=_NEEDS_KEY)
async def change_key(user: CurrentUser, key_id: Id, body: KeyChange, services: ServicesDep) -> Key:
    """Change what is sent; a stopped key is refused until it is active again."""
    return Key.model_validate(await api_keys.change_key(user.id, key_id, body, services.known_keys))


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Withdraw a key", openapi_extra=_NEEDS_KEY)
async def delete_key(user: CurrentUser, key_id: Id, services: ServicesDep) -> None:
    """Withdraw a key for good."""
    await api_keys.delete_key(user.id, key_id, services.known_keys)


@router.get("/{key_id}/whitelists", summary="List a key's networks", openapi_extra=_NEEDS_KEY)
async def list_addresses(user: CurrentUser, key_id: Id) -> list[Address]:
    """Where the key may be used from; from everywhere, when the list is empty."""
    return [Address.model_validate(address) for address in await api_keys.list_addresses(user.id, key_id)]


@router.post(
    "/{key_id}/whitelists",
    status_code=status.HTTP_201_CREATED,
    summary="Allow a network",
    responses={200: {"model": Address, "description": "It was on the list already"}},
    openapi_extra=may_raise(RecordNotFoundError, TooManyAddressesError),
)
async def allow_address(
    user: CurrentUser, key_id: Id, body: AddressWanted, services: ServicesDep, response: Response
) -> Address:
    """Let the key be used from an address or a network as well."""
    address, is_new = await api_keys.allow_address(user.id, key_id, body.ip_addr, services.known_keys)
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return Address.model_validate(address)


@router.delete(
    "/{key_id}/whitelists/{address_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take a network off",
    openapi_extra=_NEEDS_KEY,
)
async def disallow_address(user: CurrentUser, key_id: Id, address_id: Id, services: ServicesDep) -> None:
    """Let the key no longer be used from there; without any network it may be used from everywhere."""
    await api_keys.disallow_address(user.id, key_id, address_id, services.known_keys)
