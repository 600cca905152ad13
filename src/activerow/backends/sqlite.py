"""SQLite, through aiosqlite."""

import re
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Table,
    func,
    literal_column,
    select,
    text,
)

from activerow.backends.backend import Backend, delete_all
from activerow.backends.moments import SQLITE_MOMENTS
from activerow.backends.sqlite_errors import FAILURES, report
from activerow.backends.values import ANY, ONE, Parts, parts_of

# --- words ----------------------------------------------------------------------------------------------------------


def _pattern(shape: str, case: str, value: str) -> str:
    if case == "unicode":
        return _as_regex(parts_of(shape, value))
    return _as_glob(parts_of(shape, value if case == "exact" else value.lower()))


def _as_glob(parts: Parts) -> str:
    wildcards = {ANY: "*", ONE: "?"}
    return "".join(wildcards[text] if wild else re.sub(r"([*?[])", r"[\1]", text) for wild, text in parts)


def _as_regex(parts: Parts) -> str:
    wildcards = {ANY: ".*", ONE: "."}
    return r"(?is)\A" + "".join(wildcards[text] if wild else re.escape(text) for wild, text in parts) + r"\Z"


_INT64: Final = range(-(1 << 63), 1 << 63)


def _json_number(value: Any) -> Any:
    return value if isinstance(value, int) and value in _INT64 else float(value)


_MEMBER: Final = (
    "(CASE WHEN json_type({0}, {1}) = 'array' THEN EXISTS"
    " (SELECT 1 FROM json_each({0}, {1}) AS member WHERE member.type"
)

_SQL: Final = {
    # LIKE ignores case and ends at a NUL character. lower() knows ASCII letters only, which is enough where the value
    # has no others. REGEXP is a function that every connection gets: Python's `re`, which knows Unicode.
    "Like": "({0} GLOB {1})",
    "ILike": "(lower({0}) GLOB {1})",
    "UnicodeILike": "({0} REGEXP {1})",
    "DateOf": "date({0})",
    # To the millisecond, with six digits as bound values have them: the column compares as text.
    "utcnow": "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    "JsonKind": "NULLIF(json_type({0}, {1}), 'null')",
    "JsonIsList": "(json_type({0}, {1}) = 'array')",
    "JsonPresent": "(json_type({0}, {1}) IS NOT NULL)",
    "JsonText": "(CASE WHEN json_type({0}, {1}) = 'text' THEN json_extract({0}, {1}) END)",
    "JsonNumber": "(CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN json_extract({0}, {1}) END)",
    "JsonBoolean": "(CASE json_type({0}, {1}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)",
    "JsonMember": f"{_MEMBER} = {{2}}) END)",
    "JsonTextMember": f"{_MEMBER} = 'text' AND member.value = {{3}}) END)",
    "JsonNumberMember": f"{_MEMBER} IN ('integer', 'real') AND member.value = {{3}}) END)",
}


def _explain(_dialect: Dialect, _analyze: bool) -> str:
    return "EXPLAIN QUERY PLAN"


# --- keys -----------------------------------------------------------------------------------------------------------


def _next_key(column: Column[Any], _table: str, given: int) -> ColumnElement[Any]:
    """What SQLite would number a row itself: one more than the highest there is, or ever was with AUTOINCREMENT."""
    stored: Any = select(func.coalesce(func.max(column), 0)).scalar_subquery()
    highest = func.max(stored, given)
    if column.table.dialect_options["sqlite"]["autoincrement"]:
        used = text("(SELECT seq FROM sqlite_sequence WHERE name = :name)").bindparams(name=column.table.name)
        highest = func.max(highest, func.coalesce(used, 0))
    number: ColumnElement[Any] = literal_column("numbers.number", Integer()) + highest
    return number


# --- tests ----------------------------------------------------------------------------------------------------------


def _empty(connection: Connection, tables: Iterable[Table]) -> None:
    connection.execute(text("PRAGMA defer_foreign_keys=ON"))  # until the COMMIT
    delete_all(connection, tables)


def _check_deferred(send: Callable[[str], list[Any]]) -> None:
    if send("PRAGMA foreign_key_check"):
        error = sqlite3.IntegrityError("FOREIGN KEY constraint failed")
        error.sqlite_errorname = "SQLITE_CONSTRAINT_FOREIGNKEY"
        error.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
        raise error


SQLITE: Final = Backend(
    name="sqlite",
    title="SQLite",
    dialects=("sqlite",),
    drivers=("aiosqlite",),
    embedded=True,
    modules=("sqlite3", "aiosqlite"),
    report=report,
    failures=FAILURES,
    one_writer=True,
    covered=frozenset({"SERIALIZABLE", "REPEATABLE READ", "READ COMMITTED"}),
    sql=_SQL,
    pattern=_pattern,
    types=SQLITE_MOMENTS,
    json_number=_json_number,
    nulls_first=True,
    row_values=True,
    untyped=True,
    explain=_explain,
    measures=False,
    generated_key=Integer(),
    next_key=_next_key,
    nan=False,  # it becomes NULL
    reads_own_table=True,
    executemany=True,
    most_parameters={"aiosqlite": 32_766},
    empty=_empty,
    check_deferred=_check_deferred,
)
