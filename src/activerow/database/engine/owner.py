"""Whose transaction runs on a connection: what the engine's listeners ask of a unit of work."""

from typing import Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Connection


class Owner(Protocol):
    """A unit of work, as its engine sees it."""

    immediate: bool | None
    """Whether its transaction begins as a writer; None leaves that to its first statement."""

    route: str | None
    near: type | None

    @property
    def read_only(self) -> bool:
        """Whether the transaction may only read."""
        ...

    def fail(self, error: BaseException, *, wrote: bool = False) -> None:
        """Note that a statement of the transaction failed."""
        ...


owners: WeakKeyDictionary[Connection, Owner] = WeakKeyDictionary()
