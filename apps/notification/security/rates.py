"""How often somebody may ask: counted in this process, or in Redis for all processes together."""

import math
import time
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from redis.asyncio import Redis

from notification.errors import RateLimitedError
from notification.networks import Address
from notification.ops.logs import log_rates_unavailable

_REDIS_SECONDS: Final = 0.5


class Rates:
    """Counts requests in moving windows. Without an answer from Redis the process counts alone for a while."""

    def __init__(
        self, *, login: str, service: str, redis_url: str = "", installation: str = "notification", pause: float = 5.0
    ) -> None:
        self._login, self._service = rate_of(login), rate_of(service)
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._redis = _storage(redis_url, installation) if redis_url else None
        self._shared = MovingWindowRateLimiter(self._redis) if self._redis else None
        self._pause, self._alone_until = pause, 0.0  # seconds before Redis is asked again

    async def count_log_in_from(self, address: Address | None) -> None:
        """Count an attempt to log in, register or refresh from an address.

        Raises:
            RateLimitedError: One too many.
        """
        await self._count(self._login, "from", _neighbourhood(address))

    async def count_log_in_to(self, account: str) -> None:
        """Count an attempt to log in to an account, whether that exists or not.

        Raises:
            RateLimitedError: One too many.
        """
        await self._count(self._login, "to", sha256(account.lower().encode("utf-8", "replace")).hexdigest())

    async def count_call_by(self, key_id: int) -> None:
        """Count a call that was signed with an API key.

        Raises:
            RateLimitedError: One too many.
        """
        await self._count(self._service, "key", str(key_id))

    @property
    def are_shared(self) -> bool:
        """Whether Redis counts."""
        return self._redis is not None

    async def ask(self) -> None:
        """Return when Redis answers.

        Raises:
            ConnectionError: It does not.
        """
        if self._redis is not None and not await self._redis.check():
            raise ConnectionError("Redis does not answer")

    async def close(self) -> None:
        """Close the connections to Redis."""
        bridge = self._redis.bridge if self._redis else None
        client: object = bridge.get_connection() if isinstance(bridge, RedispyBridge) else None
        if isinstance(client, Redis):
            await client.aclose()

    async def _count(self, limits: Sequence[RateLimitItem], *who: str) -> None:
        for limit in limits:
            if (seconds := await self._seconds_to_wait(limit, *who)) is not None:
                raise RateLimitedError(retry_after=seconds)

    async def _seconds_to_wait(self, limit: RateLimitItem, *who: str) -> int | None:
        if self._shared and time.monotonic() >= self._alone_until:
            try:
                return await _hit(self._shared, limit, *who)
            except StorageError as error:
                self._alone_until = time.monotonic() + self._pause
                log_rates_unavailable(error)
        return await _hit(self._here, limit, *who)


async def _hit(limiter: MovingWindowRateLimiter, limit: RateLimitItem, *who: str) -> int | None:
    """Count; None when it is not too often, else the seconds until it no longer is."""
    if await limiter.hit(limit, *who):
        return None
    window = await limiter.get_window_stats(limit, *who)
    return max(1, math.ceil(window.reset_time - time.time()))


def rate_of(text: str) -> Sequence[RateLimitItem]:
    """The limits that a setting names, such as `10/minute` or `10/minute;100/hour`; none when it is empty.

    Raises:
        ValueError: It names none.
    """
    return parse_many(text) if text.strip() else ()


def _neighbourhood(address: Address | None) -> str:
    """The address, of IPv6 its /64: one customer has as many addresses there as it likes."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def _storage(url: str, installation: str) -> RedisStorage:
    return RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=installation,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
    )
