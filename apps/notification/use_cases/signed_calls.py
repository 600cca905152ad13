"""Who a call from another service is signed by, and that it is accepted once."""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy.orm import joinedload

from activerow.errors import UniqueViolationError
from notification.errors import SignatureInvalidError, SignatureUsedError
from notification.models import ApiKeys, KeyStatus, UsedSignatures, UserStatus
from notification.networks import Address, contains, network_of
from notification.ops.logs import log_unreadable_secret
from notification.security.known_keys import KnownKey, KnownKeys
from notification.security.signatures import WINDOW_SECONDS, Claim
from notification.security.vault import Vault, VaultError

_ACCESS_KEY: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
# Longer than a signature is valid, because the clocks of several servers differ.
_KEPT: Final = timedelta(seconds=2 * WINDOW_SECONDS)


class SignedCalls:
    """Accepts calls that are signed with an API key."""

    def __init__(self, vault: Vault, known: KnownKeys) -> None:
        self._vault, self._known = vault, known
        # Stands in for keys that do not exist, so that they take as much work as those that do.
        self._nobody = KnownKey(0, 0, "", None, "", False, (), vault.seal(secrets.token_urlsafe(32), ""))

    async def verify(self, claim: Claim, address: Address | None) -> KnownKey:
        """The key that signed the call.

        Raises:
            SignatureExpiredError: Signed too long ago.
            SignatureInvalidError: Unknown or stopped key, blocked owner, wrong signature, address not allowed: one
                answer for all of it.
        """
        claim.check_time(time.time())
        known = await self._find(claim.access_key) or self._nobody
        signed = claim.is_signed_with(self._secret(known))
        allowed = not known.networks or (address is not None and contains(known.networks, address))
        if not (signed and allowed and known.usable):
            raise SignatureInvalidError
        return known

    async def use_once(self, claim: Claim) -> None:
        """Remember the signature until it is too old, whatever becomes of the call.

        Raises:
            SignatureUsedError: It was used before. Of many at once, one is accepted.
        """
        expires_at = datetime.fromtimestamp(claim.timestamp, UTC) + _KEPT
        try:
            await UsedSignatures.create(digest=sha256(claim.signature).hexdigest(), expires_at=expires_at)
        except UniqueViolationError as error:
            raise SignatureUsedError from error

    async def _find(self, access_key: str) -> KnownKey | None:
        return await self._known.get(access_key, _look) if _ACCESS_KEY.fullmatch(access_key) else None

    def _secret(self, known: KnownKey) -> str:
        try:
            return self._vault.open(known.sealed, known.access_key)
        except VaultError:
            if known.usable:
                log_unreadable_secret(known.id)
            return secrets.token_urlsafe(32)


async def _look(access_key: str) -> KnownKey | None:
    """The key with its owner and its networks, in one query."""
    found = ApiKeys.filter_by(access_key=access_key).include("user").options(joinedload(ApiKeys.whitelists))
    key = await found.one_or_none()
    # MySQL finds it in other letter cases as well.
    if key is None or key.access_key != access_key:
        return None
    return KnownKey(
        id=key.id,
        user_id=key.user_id,
        access_key=key.access_key,
        memo=key.memo,
        email=key.user.email,
        usable=key.status is KeyStatus.active and key.user.status is UserStatus.active,
        networks=tuple(network_of(allowed.ip_addr) for allowed in key.whitelists),
        sealed=key.secret,
    )
