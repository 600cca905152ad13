"""The errors that the drivers would raise, made without their cause."""

import importlib
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Dialect

from activerow.backends import backend_of
from activerow.errors import (
    CommitUnknownError,
    DatabaseError,
    UnavailableError,
    UsageError,
)
from activerow.testing.replacing import replaced

_Maker = Callable[[Any, str], Exception]

_SQLSTATES: Final = {1213: "40001", 1205: "HY000", 1020: "HY000", 1969: "70100"}


class DriverFailure:
    """What the driver of a dialect raises where activerow raises an error of `kind`.

    Attributes:
        is_loss: The connection is lost with it.

    Raises:
        UsageError: This database has no such error, or only its data can bring it about.
    """

    def __init__(self, dialect: Dialect, kind: type[DatabaseError]) -> None:
        known = backend_of(dialect).failures
        self.is_loss = kind in (UnavailableError, CommitUnknownError)
        found = known.get(UnavailableError if self.is_loss else kind)
        if found is None:
            names = ", ".join(sorted(each.__name__ for each in known))
            raise UsageError(f"{kind.__name__} cannot be brought about on {dialect.name}; these can: {names}")
        self._dialect = dialect
        self._code, self._message = found
        self._raised: list[BaseException] = []

    def raise_from(self, connection: Any) -> None:
        """Let SQLAlchemy's `connection` raise what it makes of the driver's error."""
        error = _MAKERS[self._dialect.driver](self._code, self._message)
        self._raised.append(error)
        connection._handle_exception(error)

    @contextmanager
    def losing(self) -> Generator[None]:
        """Let the connection count as lost for the errors raised in the block, where that is what they mean."""

        def make(plain: Callable[..., bool]) -> Callable[..., bool]:
            def is_disconnect(error: BaseException, *args: Any) -> bool:
                ours = any(each in (error, error.__cause__) for each in self._raised)
                return self.is_loss if ours else plain(error, *args)

            return is_disconnect

        with replaced(self._dialect, "is_disconnect", make):
            yield


def _aiosqlite(name: str, message: str) -> Exception:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorname, error.sqlite_errorcode = name, getattr(sqlite3, name)
    return error


def _asyncpg(sqlstate: str, message: str) -> Exception:
    classes = vars(importlib.import_module("asyncpg.exceptions")).values()
    kind: type[Exception] = next(each for each in classes if getattr(each, "sqlstate", None) == sqlstate)
    return kind(message)


def _psycopg(sqlstate: str, message: str) -> Exception:
    kind: type[Exception] = importlib.import_module("psycopg.errors").lookup(sqlstate)
    return kind(message)


def _asyncmy(number: int, message: str) -> Exception:
    kind: Any = importlib.import_module("asyncmy.errors").OperationalError
    error: Exception = kind(number, message)
    kind.sqlstate.__set__(error, _SQLSTATES.get(number))
    return error


def _aiomysql(number: int, message: str) -> Exception:
    kind: type[Exception] = importlib.import_module("pymysql.err").OperationalError
    return kind(number, message)


_MAKERS: Final[dict[str, _Maker]] = {
    "aiosqlite": _aiosqlite,
    "asyncpg": _asyncpg,
    "psycopg": _psycopg,
    "asyncmy": _asyncmy,
    "aiomysql": _aiomysql,
}
