"""PostgreSQL's errors, by SQLSTATE, from asyncpg and psycopg."""

import re
from typing import Any, Final

from activerow.backends.report import Report
from activerow.errors import (
    CheckViolationError,
    DatabaseError,
    DeadlockError,
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

# By code, or by its first two characters, which are its class.
_KINDS: Final[dict[str, tuple[type[DatabaseError], str | None]]] = {
    "23505": (UniqueViolationError, None),
    "23P01": (UniqueViolationError, None),
    "23503": (ForeignKeyViolationError, None),
    "23001": (ForeignKeyViolationError, None),
    "23502": (NotNullViolationError, None),
    "23514": (CheckViolationError, None),
    "23": (SaveError, "a constraint refused it"),
    "44": (SaveError, "the view's condition refused it"),
    "P0": (SaveError, None),
    "22001": (InvalidDataError, "too long"),
    "22003": (InvalidDataError, "out of range"),
    "22008": (InvalidDataError, "a date or time that does not exist"),
    "22007": (InvalidDataError, "not a date or time"),
    "22012": (InvalidDataError, "division by zero"),
    "22021": (InvalidDataError, "a character that the database cannot store"),
    "22P05": (InvalidDataError, "a character that the database cannot store"),
    "22P02": (InvalidDataError, "wrong type"),
    "22P03": (InvalidDataError, "wrong type"),
    "22000": (InvalidDataError, "wrong type, or out of range"),
    "22": (InvalidDataError, "not valid"),
    "40001": (SerializationError, "another transaction changed what this one read or wrote"),
    "40P01": (DeadlockError, "two transactions waited for each other"),
    "40": (TransientError, "the server rolled the transaction back"),
    "55P03": (LockTimeoutError, "another transaction holds a lock"),
    "57014": (StatementTimeoutError, "the server cancelled the statement"),
    "25P04": (StatementTimeoutError, "the transaction took too long"),
    "25P03": (UnavailableError, "the server closed the connection, idle in a transaction for too long"),
    "25006": (UnavailableError, "the server or the transaction is read-only"),
    "08": (UnavailableError, "the connection is lost"),
    "28": (UnavailableError, "the server refused user or password"),
    "3D": (UnavailableError, "no such database"),
    "53100": (UnavailableError, "the disk is full"),
    "53200": (UnavailableError, "out of memory"),
    "53300": (UnavailableError, "too many connections"),
    "53": (UnavailableError, "the server has no resources left"),
    "57P01": (UnavailableError, "the server shut the connection down"),
    "57P02": (UnavailableError, "the server crashed"),
    "57P03": (UnavailableError, "the server is starting or stopping"),
    "57P04": (UnavailableError, "the database was dropped"),
    "57P05": (UnavailableError, "the server closed the connection, idle for too long"),
}
# The functions of the server that find out that a prepared statement is older than the tables and types it is about.
_REVALIDATING: Final = frozenset(
    {
        "RevalidateCachedQuery",
        *("getTypeInputInfo", "getTypeOutputInfo", "getTypeBinaryInputInfo", "getTypeBinaryOutputInfo"),
    }
)
_RAISE: Final = "exec_stmt_raise"
_OUTDATED: Final = "tables or types were changed since the statement was prepared"
_FATAL: Final = ("40", "08", "57P", "25P03", "25P04", "3B001")

# The words of a detail are in the server's language; its brackets are not: Key (a, b)=(1, 2) already exists.
_KEY: Final = re.compile(r"\((.*?)\)=\((.*)\)", re.DOTALL)

FAILURES: Final[dict[type[DatabaseError], tuple[str, str]]] = {
    DeadlockError: ("40P01", "deadlock detected"),
    LockTimeoutError: ("55P03", "canceling statement due to lock timeout"),
    SerializationError: ("40001", "could not serialize access due to concurrent update"),
    TransientError: ("40001", "could not serialize access due to concurrent update"),
    StatementTimeoutError: ("57014", "canceling statement due to statement timeout"),
    UnavailableError: ("57P01", "terminating connection due to administrator command"),
}
"""A code for each error that tests bring about, and the text that comes with it."""


def report(error: Any) -> Report:
    """Describe an error of asyncpg or psycopg."""
    sqlstate: str | None = getattr(error, "sqlstate", None)
    if sqlstate is None:
        return _report_without_code(error)
    kind, reason = _KINDS.get(sqlstate) or _KINDS.get(sqlstate[:2]) or (DatabaseError, None)
    source = _said(error, "server_source_function", "source_function")
    if sqlstate[:2] in {"42", "P0"} or source == _RAISE:
        # A statement that does not compile: the message names tables and columns, never values. A function's are its
        # own words.
        reason = _said(error, "message", "message_primary")
    outdated = source in _REVALIDATING
    if outdated:
        kind, reason = TransientError, _OUTDATED
    columns, values = _key(_said(error, "detail", "message_detail") or "")
    column = _said(error, "column_name")
    return Report(
        kind=kind,
        code=sqlstate,
        sqlstate=sqlstate,
        reason=reason,
        schema=_said(error, "schema_name"),
        table=_said(error, "table_name"),
        constraint=_said(error, "constraint_name"),
        columns=(column,) if column else columns,
        values=() if column else values,
        fatal=sqlstate.startswith(_FATAL),
        pattern=sqlstate == "2201B",
        outdated=outdated,
    )


def _report_without_code(error: BaseException) -> Report:
    """What the drivers find by themselves: psycopg a NUL character, which it calls DataError, and lost or refused
    connections; asyncpg that a type which it knows has changed.

    What libpq says about connections names host and user; no other message goes without values.
    """
    kind = type(error)
    if kind.__name__ == "OutdatedSchemaCacheError":
        return Report(kind=TransientError, reason=_OUTDATED, outdated=True)
    if kind.__module__.partition(".")[0] != "psycopg":
        return Report()
    if kind.__name__ == "DataError":
        return Report(kind=InvalidDataError, reason="a character that the database cannot store")
    return Report(reason=str(error).partition("\n")[0] if kind.__name__ == "OperationalError" else None)


def _said(error: Any, asyncpg_name: str, psycopg_name: str | None = None) -> str | None:
    """A field of the server's message, where asyncpg or psycopg keeps it."""
    diagnostics = getattr(error, "diag", None)
    if diagnostics is not None:
        return getattr(diagnostics, psycopg_name or asyncpg_name, None)
    return getattr(error, asyncpg_name, None)


def _key(detail: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns and values of the key that a detail names."""
    match = _KEY.search(detail)
    if match is None:
        return (), ()
    columns = tuple(match.group(1).split(", "))
    values = (match.group(2),) if len(columns) == 1 else tuple(match.group(2).split(", "))
    # A comma inside of a value is not marked.
    return tuple(name.strip('"') for name in columns), values if len(values) == len(columns) else ()
