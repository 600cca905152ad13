"""What errors have undone in a unit of work."""

import asyncio
from weakref import WeakKeyDictionary

from sqlalchemy.orm import SessionTransaction

from activerow.database.failures import is_fatal, translate
from activerow.errors import ActiveRowError


class Damage:
    """The first errors of a unit: of the whole of it, and of each savepoint in it."""

    __slots__ = ("savepoints", "whole")

    def __init__(self) -> None:
        self.whole: BaseException | None = None
        self.savepoints: WeakKeyDictionary[SessionTransaction, BaseException] = WeakKeyDictionary()

    def note(self, error: BaseException, savepoint: SessionTransaction | None) -> bool:
        """Mark what `error` has undone: `savepoint`, or all where the server drops it. Says whether it is the first."""
        if savepoint is not None and not isinstance(error, asyncio.CancelledError) and not is_fatal(error):
            if savepoint in self.savepoints:
                return False
            self.savepoints[savepoint] = error
        elif self.whole is not None:
            return False
        else:
            self.whole = error
        return True

    @property
    def is_none(self) -> bool:
        """Whether nothing was undone."""
        return self.whole is None and not self.savepoints

    def of(self, savepoint: SessionTransaction | None) -> BaseException | None:
        """The error that broke the unit, or `savepoint` in it."""
        if self.whole is not None or savepoint is None:
            return self.whole
        return self.savepoints.get(savepoint)

    def restate(self, error: BaseException, told: BaseException) -> None:
        """Show `told` wherever `error` is."""
        if self.whole is error:
            self.whole = told
        for savepoint, first in list(self.savepoints.items()):
            if first is error:
                self.savepoints[savepoint] = told


def as_told(error: Exception, operation: str, model: type | None) -> Exception:
    """The activerow error for `error`, or `error` itself when it is none of the database's."""
    translated = error if isinstance(error, ActiveRowError) else translate(error, operation=operation, model=model)
    if translated is None or translated is error:
        return error
    translated.__cause__ = error
    return translated
