"""What is known about an API key for a few seconds, so that each call need not ask the database."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from notification.networks import Network

SECONDS: Final = 5.0
_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class KnownKey:
    """An API key and its owner, as they were a moment ago. Its secret stays sealed."""

    id: int
    user_id: int
    access_key: str
    memo: str | None
    email: str
    usable: bool  # neither the key nor its owner is stopped
    networks: tuple[Network, ...]
    sealed: bytes = field(repr=False)


Look = Callable[[str], Awaitable[KnownKey | None]]


class KnownKeys:
    """Remembers what `look` found, nothing too, for `seconds`; of more than `size` keys those used last."""

    def __init__(self, seconds: float = SECONDS, size: int = _SIZE, clock: Callable[[], float] = monotonic) -> None:
        self._seconds, self._size, self._clock = seconds, size, clock
        self._found: OrderedDict[str, tuple[float, KnownKey | None]] = OrderedDict()
        self._changes = 0

    async def get(self, access_key: str, look: Look) -> KnownKey | None:
        """The key with this name. A key that does not exist is remembered as well: asking for it takes as long."""
        expires, known = self._found.get(access_key, (0.0, None))
        if expires > self._clock():
            self._found.move_to_end(access_key)
            return known
        changes = self._changes
        known = await look(access_key)
        # A change that was committed while we looked may be newer than what we saw.
        if changes == self._changes:
            self._found[access_key] = (self._clock() + self._seconds, known)
            self._found.move_to_end(access_key)
            while len(self._found) > self._size:
                self._found.popitem(last=False)
        return known

    def forget(self, access_key: str) -> None:
        """Look again next time."""
        self._changes += 1
        self._found.pop(access_key, None)

    def forget_keys_of(self, user_id: int) -> None:
        """Look again next time for every key of an owner."""
        self._changes += 1
        owned = [name for name, (_, known) in self._found.items() if known is not None and known.user_id == user_id]
        for name in owned:
            del self._found[name]
