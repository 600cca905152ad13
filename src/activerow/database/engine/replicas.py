"""The replicas of a database: which reads may go to one, and to which."""

import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.backends import backend_at
from activerow.database.engine.engines import EngineSet
from activerow.database.engine.sqlite_setup import is_in_memory
from activerow.errors import PoolExhaustedError, UnavailableError, UsageError
from activerow.replicas import Read, ReplicaPolicy

logger = logging.getLogger("activerow")

T = TypeVar("T")

PAUSE: Final = 5.0
"""Seconds for which a replica that could not be reached is left alone."""


class Replica:
    """One replica, and until when it is left alone."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.retry_at: float | None = None

    def admits(self) -> bool:
        """Whether to try it now. After a pause one read is let through, while the others still pass it over."""
        if self.retry_at is None:
            return True
        if time.monotonic() < self.retry_at:
            return False
        self.pause()
        return True

    def pause(self) -> None:
        """Leave it alone for a while."""
        self.retry_at = time.monotonic() + PAUSE

    def resume(self) -> None:
        """It has answered."""
        self.retry_at = None


class Replicas:
    """The replicas of a database, in turn; one that cannot be reached is passed over."""

    def __init__(self, engines: EngineSet) -> None:
        self._engines = engines
        self.members: Sequence[Replica] = ()
        self._turn = 0
        self.policy: ReplicaPolicy | None = None

    @property
    def urls(self) -> tuple[URL, ...]:
        """Where they are."""
        return tuple(replica.url for replica in self.members)

    def set_urls(self, urls: Iterable[URL], primary: URL | None) -> None:
        """Use these replicas from now on.

        Raises:
            UsageError: One is not of the primary's kind, or in memory.
        """
        urls = tuple(urls)
        for url in urls:
            kind = url.get_backend_name()
            if primary is not None and kind != primary.get_backend_name():
                raise UsageError(
                    f"a replica is {kind}, its primary {primary.get_backend_name()}; they must be the same"
                )
            if backend_at(url).embedded and is_in_memory(url):
                raise UsageError("a database in memory is nobody's replica; give the path of a file")
        self.members = tuple(map(Replica, urls))
        self._turn = random.randrange(len(urls)) if urls else 0  # noqa: S311  (processes should not all begin with one)

    def wanted(self, asked: bool | None, model: type, operation: str) -> bool:
        """Whether a read outside any unit goes to a replica: as asked for, else as the policy says."""
        if not self.members or asked is False:
            return False
        return asked is True or (self.policy is not None and bool(self.policy(Read(model, operation))))

    async def first_reachable(self, attempt: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        """What `attempt` gives for the next replica that can be reached, or for the primary where none can.

        Raises:
            PoolExhaustedError: All connections to the replica are in use; the primary's are not taken for it.
        """
        for replica in self._in_turn():
            if replica.admits():
                try:
                    result = await attempt(self._engines.engine(replica.url))
                except UnavailableError as error:
                    if isinstance(error, PoolExhaustedError):
                        raise
                    self._pause(replica, error)
                else:
                    replica.resume()
                    return result
        return await attempt(self._engines.primary)

    async def check(self) -> None:
        """Connect to each; one that cannot be reached is passed over for a while, and logged."""
        for replica in self.members:
            try:
                await self._engines.check(replica.url)
            except UnavailableError as error:
                self._pause(replica, error)
            else:
                replica.resume()

    def _in_turn(self) -> Iterator[Replica]:
        start, self._turn = self._turn, self._turn + 1
        for place in range(len(self.members)):
            yield self.members[(start + place) % len(self.members)]

    def _pause(self, replica: Replica, error: UnavailableError) -> None:
        replica.pause()
        error.target = self._engines.address(self._engines.engine(replica.url))
        logger.warning("a replica is passed over for %g s: %s", PAUSE, error)
