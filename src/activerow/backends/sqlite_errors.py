"""SQLite's errors, by the name of their extended result code."""

import re
import sqlite3
from typing import Final

from activerow.backends.report import Report
from activerow.errors import (
    CheckViolationError,
    DatabaseError,
    ForeignKeyViolationError,
    InvalidDataError,
    LockTimeoutError,
    NotNullViolationError,
    SaveError,
    SerializationError,
    StatementTimeoutError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
)

_KINDS: Final[dict[str, tuple[type[DatabaseError], str | None]]] = {
    "SQLITE_CONSTRAINT_UNIQUE": (UniqueViolationError, None),
    "SQLITE_CONSTRAINT_PRIMARYKEY": (UniqueViolationError, None),
    "SQLITE_CONSTRAINT_ROWID": (UniqueViolationError, None),
    "SQLITE_CONSTRAINT_FOREIGNKEY": (ForeignKeyViolationError, None),
    "SQLITE_CONSTRAINT_NOTNULL": (NotNullViolationError, None),
    "SQLITE_CONSTRAINT_CHECK": (CheckViolationError, None),
    "SQLITE_CONSTRAINT_DATATYPE": (InvalidDataError, "wrong type"),
    "SQLITE_CONSTRAINT_TRIGGER": (SaveError, None),
    "SQLITE_CONSTRAINT": (SaveError, "a constraint refused it"),
    "SQLITE_MISMATCH": (InvalidDataError, "wrong type"),
    "SQLITE_TOOBIG": (InvalidDataError, "too long"),
    "SQLITE_BUSY": (LockTimeoutError, "another connection holds the write lock"),
    "SQLITE_BUSY_SNAPSHOT": (SerializationError, "another connection wrote after this one had read"),
    "SQLITE_LOCKED": (LockTimeoutError, "another connection holds a lock"),
    "SQLITE_INTERRUPT": (StatementTimeoutError, "interrupted"),
    "SQLITE_READONLY": (UnavailableError, "the database is read-only"),
    "SQLITE_CANTOPEN": (UnavailableError, "the file cannot be opened"),
    "SQLITE_NOTADB": (UnavailableError, "the file is not a database"),
    "SQLITE_PERM": (UnavailableError, "no permission for the file"),
    "SQLITE_IOERR": (UnavailableError, "the disk failed"),
    "SQLITE_FULL": (UnavailableError, "the disk is full"),
    "SQLITE_NOMEM": (UnavailableError, "out of memory"),
}
# After these SQLite may have rolled back the whole transaction by itself; after the last, its snapshot is of no use.
_FATAL: Final = ("SQLITE_INTERRUPT", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_NOMEM", "SQLITE_BUSY_SNAPSHOT")

# What it says of any function of Python's, such as REGEXP.
_RAISED: Final = "user-defined function raised exception"
_FAILED: Final = "constraint failed: "
# SQLite carries out RESTRICT by triggers of its own, and says so: only its words tell them from a trigger's.
_RESTRICT: Final = ("SQLITE_CONSTRAINT_TRIGGER", "FOREIGN KEY constraint failed")
_INDEX: Final = re.compile(r"index '(.+)'")
_STRICT_COLUMN: Final = re.compile(r"column (.+)\.(.+)$")

FAILURES: Final[dict[type[DatabaseError], tuple[str, str]]] = {
    LockTimeoutError: ("SQLITE_BUSY", "database is locked"),
    SerializationError: ("SQLITE_BUSY_SNAPSHOT", "database is locked"),
    TransientError: ("SQLITE_BUSY_SNAPSHOT", "database is locked"),
    StatementTimeoutError: ("SQLITE_INTERRUPT", "interrupted"),
    UnavailableError: ("SQLITE_IOERR", "disk I/O error"),
}
"""A code for each error that tests bring about, and the text that comes with it."""


def report(error: BaseException) -> Report:
    """Describe an error of the driver."""
    name = error.sqlite_errorname if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorname") else None
    if name is None:
        return Report()
    kind, reason = _kind(name)
    if (name, str(error)) == _RESTRICT:
        kind = ForeignKeyViolationError
    elif name in {"SQLITE_ERROR", "SQLITE_CONSTRAINT_TRIGGER"}:
        # Messages of statements that do not compile name tables and columns, never values; a trigger's are its own.
        reason = str(error)
    columns = _columns(kind, str(error))
    return Report(
        kind=kind,
        code=name,
        reason=reason,
        table=columns[0][0] if columns else None,
        columns=tuple(column for _, column in columns),
        named=str(error).partition(_FAILED)[2] if columns else None,
        constraint=_constraint(kind, str(error)),
        fatal=name.startswith(_FATAL),
        pattern=reason == _RAISED,
    )


def _kind(name: str) -> tuple[type[DatabaseError], str | None]:
    """By the code, or by the primary code that it extends: SQLITE_IOERR_WRITE is a SQLITE_IOERR."""
    while name not in _KINDS and name.count("_") > 1:
        name = name.rpartition("_")[0]
    return _KINDS.get(name, (DatabaseError, None))


def _columns(kind: type[DatabaseError], message: str) -> list[tuple[str, str]]:
    """Table and column pairs that the message names: `users.email`, or `seats.row, seats.number`."""
    if kind is InvalidDataError:
        return [(match[1], match[2])] if (match := _STRICT_COLUMN.search(message)) else []
    if kind not in {UniqueViolationError, NotNullViolationError} or _index(message):
        return []
    pairs = [part.rpartition(".") for part in message.partition(_FAILED)[2].split(", ")]
    return [(table, column) for table, _, column in pairs if table]


def _constraint(kind: type[DatabaseError], message: str) -> str | None:
    if kind is CheckViolationError:
        return message.partition(_FAILED)[2] or None
    return _index(message) if kind is UniqueViolationError else None


def _index(message: str) -> str | None:
    """The name that stands for the columns when a unique index is over an expression."""
    match = _INDEX.search(message)
    return match.group(1) if match else None
