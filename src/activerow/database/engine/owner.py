"""Whose transaction runs on a connection: what the engine's listeners ask of a unit of work."""

from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

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


# Weak on both sides: the error that broke a unit leads, by its traceback, to the connection that it happened on.
_owners: WeakKeyDictionary[Connection, ReferenceType[Owner]] = WeakKeyDictionary()


def own(connection: Connection, owner: Owner) -> None:
    """Note that the transaction of `owner` runs on `connection`."""
    _owners[connection] = ref(owner)


def owner_of(connection: Connection | None) -> Owner | None:
    """The unit of work whose transaction runs on `connection`; None for a connection of somebody else."""
    reference = _owners.get(connection) if connection is not None else None
    return reference() if reference is not None else None
