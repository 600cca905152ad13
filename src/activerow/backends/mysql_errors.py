"""The errors of MySQL and MariaDB, by number, from asyncmy and aiomysql."""

import re
from typing import Any, Final

from activerow.backends.report import Report
from activerow.errors import (
    CheckViolationError,
    CommitUnknownError,
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

_TOO_LONG: Final = (InvalidDataError, "too long")
_WRONG: Final = (InvalidDataError, "wrong type")
_RANGE: Final = (InvalidDataError, "out of range")
_LOST: Final = (UnavailableError, "the connection is lost")
_REFUSED: Final = (UnavailableError, "the server refused user or password")
_READ_ONLY: Final = (UnavailableError, "the server or the transaction is read-only")
_LOCKED: Final = (LockTimeoutError, "another transaction holds a lock")
_DEADLOCK: Final = (DeadlockError, "two transactions waited for each other")
_CANCELLED: Final = (StatementTimeoutError, "the server cancelled the statement")
_CROWDED: Final = (UnavailableError, "too many connections")

_KINDS: Final[dict[int, tuple[type[DatabaseError], str | None]]] = {
    **dict.fromkeys((1062, 1169, 1586, 1859), (UniqueViolationError, None)),
    **dict.fromkeys((1216, 1217, 1451, 1452), (ForeignKeyViolationError, None)),
    **dict.fromkeys((1048, 1263, 1364), (NotNullViolationError, None)),
    **dict.fromkeys((3819, 4025), (CheckViolationError, None)),
    **dict.fromkeys((1406, 1153, 1301), _TOO_LONG),
    **dict.fromkeys((1264, 1690, 1441), _RANGE),
    **dict.fromkeys((1265, 1292, 1366, 1367, 1411, 1416, 3140, 3141, 3156), _WRONG),
    **dict.fromkeys((1300, 3988), (InvalidDataError, "a character that the database cannot store")),
    1365: (InvalidDataError, "division by zero"),
    1644: (SaveError, None),
    **dict.fromkeys((1213, 1614), _DEADLOCK),
    1020: (SerializationError, "another transaction changed what this one read"),
    1206: (TransientError, "the server's lock table is full"),
    **dict.fromkeys((1205, 3572), _LOCKED),
    **dict.fromkeys((1317, 1969, 3024), _CANCELLED),
    **dict.fromkeys((1053, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055), _LOST),
    **dict.fromkeys((2002, 2003, 2005), (UnavailableError, "the server cannot be reached")),
    **dict.fromkeys((1044, 1045, 1130, 1251, 1698), _REFUSED),
    1049: (UnavailableError, "no such database"),
    **dict.fromkeys((1040, 1203, 1226), _CROWDED),
    **dict.fromkeys((1290, 1792, 1836), _READ_ONLY),
    1047: (UnavailableError, "the node is not ready"),
    1180: (CommitUnknownError, "the cluster lost the commit"),
    **dict.fromkeys((1021, 1114), (UnavailableError, "the disk is full")),
    **dict.fromkeys((1037, 1041), (UnavailableError, "out of memory")),
}
_FATAL: Final = frozenset({1020, 1047, 1053, 1180, 1206, 1213, 1305, 1614, 1927, 2006, 2013, 2055})
# No such table, column, function or savepoint: the message names it, and never values. 1644: a trigger's own words.
_TOLD: Final = frozenset({1051, 1054, 1146, 1305, 1644})
# MariaDB's number, and those of MySQL's library.
_PATTERN: Final = frozenset({1139, *range(3685, 3701)})
_SIGNAL: Final = "45000"
_REFERRED_TO: Final = frozenset({1217, 1451})

_ANY_NAME: Final = "`(?:[^`]|``)+`"
_NAME: Final = "`((?:[^`]|``)+)`"
_DUPLICATE: Final = re.compile(r"Duplicate entry '(.*)' for key '(.+)'\s*$", re.DOTALL)
_FOREIGN_KEY: Final = re.compile(
    rf"{_NAME}, CONSTRAINT {_NAME} FOREIGN KEY \(({_ANY_NAME}(?:, {_ANY_NAME})*)\)"
    rf" REFERENCES (?:{_ANY_NAME}\.)?{_NAME} \(({_ANY_NAME}(?:, {_ANY_NAME})*)\)"
)
_CHECK: Final = re.compile(rf"(?i:constraint) [`'](.+?)[`'] (?:failed for (?:{_ANY_NAME}\.)?{_NAME}|is violated)")
_COLUMN: Final = re.compile(
    rf"(?:[Cc]olumn|Field) (?:(?:(?:{_ANY_NAME}\.)?{_NAME}\.)?{_NAME}"
    r"|'((?:(?!(?:[Cc]olumn|Field) ').)+)')(?= cannot be null| doesn't have a default| at row |\s*$)"
)

FAILURES: Final[dict[type[DatabaseError], tuple[int, str]]] = {
    DeadlockError: (1213, "Deadlock found when trying to get lock; try restarting transaction"),
    LockTimeoutError: (1205, "Lock wait timeout exceeded; try restarting transaction"),
    SerializationError: (1020, "Record has changed since last read in table"),
    TransientError: (1213, "Deadlock found when trying to get lock; try restarting transaction"),
    StatementTimeoutError: (1969, "Query execution was interrupted (max_statement_time exceeded)"),
    UnavailableError: (2013, "Lost connection to MySQL server during query"),
}
"""A code for each error that tests bring about, and the text that comes with it."""


def report(error: BaseException) -> Report:
    """Describe an error of asyncmy, aiomysql or pymysql."""
    number = error.args[0] if error.args else None
    if not isinstance(number, int) or not number:
        return Report()
    message = str(error.args[1]) if len(error.args) > 1 else ""
    kind, reason = _KINDS.get(number, (DatabaseError, None))
    sqlstate = _sqlstate(error)
    if sqlstate == _SIGNAL:
        kind = SaveError  # a trigger's, with a number of its own perhaps
    return Report(
        kind=kind,
        code=number,
        sqlstate=sqlstate,
        reason=message if number in _TOLD or sqlstate == _SIGNAL else reason,
        fatal=number in _FATAL,
        pattern=number in _PATTERN,
        **_names(kind, number, message),
    )


def _sqlstate(error: BaseException) -> str | None:
    """Five characters from the server; what a client finds out by itself has none, and repeats its number there."""
    state: Any = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) and len(state) == 5 else None


def _names(kind: type[DatabaseError], number: int, message: str) -> dict[str, Any]:
    """The names that a message holds; none of it decides what kind of error it is."""
    if kind is UniqueViolationError:
        return _names_of_duplicate(message)
    if kind is ForeignKeyViolationError:
        return _names_of_foreign_key(message, is_target=number in _REFERRED_TO)
    if kind is CheckViolationError:
        match = _CHECK.search(message)
        return {"constraint": match[1], "table": match[2] and _plain(match[2])} if match else {}
    if kind in {NotNullViolationError, InvalidDataError}:
        # The refused value stands before the column, and may look like one.
        found = _COLUMN.findall(message)
        if found:
            table, quoted, plain = found[-1]
            return {"table": _plain(table) or None, "columns": (_plain(quoted) or plain,)}
    return {}


def _names_of_duplicate(message: str) -> dict[str, Any]:
    match = _DUPLICATE.search(message)
    if match is None:
        return {}
    joined, key = match.groups()
    return {"constraint": key, "joined": joined}


def _names_of_foreign_key(message: str, *, is_target: bool) -> dict[str, Any]:
    match = _FOREIGN_KEY.search(message)
    if match is None:
        return {"is_target": is_target}
    table, constraint, columns, target, target_columns = match.groups()
    return {
        "table": _plain(table),
        "constraint": _plain(constraint),
        "columns": _unquoted(target_columns if is_target else columns),
        "foreign_key": _unquoted(columns),
        "target": _plain(target),
        "is_target": is_target,
    }


def _unquoted(columns: str) -> tuple[str, ...]:
    return tuple(map(_plain, re.findall(_NAME, columns)))


def _plain(name: str) -> str:
    return name.replace("``", "`")
