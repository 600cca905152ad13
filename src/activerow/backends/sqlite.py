"""SQLite, through aiosqlite."""

import re
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Integer, Table, text

from activerow.backends.backend import Backend, delete_all
from activerow.backends.patterns import ANY, ONE, Parts, parts_of
from activerow.backends.sqlite_errors import FAILURES, report
from activerow.backends.words import JsonWords, TextWords, TimeWords

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


# SQLite's own lower() knows ASCII letters only, which is enough where the value has no others. REGEXP is a function
# that every connection gets: Python's `re`, which knows Unicode. LIKE ends at a NUL character and ignores case.
_LOWER_GLOB: Final = "(lower({0}) GLOB {1})"
_REGEXP: Final = "({0} REGEXP {1})"

_TEXT: Final = TextWords(
    like="({0} GLOB {1})",
    ilike=_LOWER_GLOB,
    iexact=_LOWER_GLOB,
    unicode_ilike=_REGEXP,
    unicode_iexact=_REGEXP,
    pattern=_pattern,
)

_TIME: Final = TimeWords(
    # To the millisecond, with six digits as bound values have them: the column compares as text.
    clock="(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    date="date({0})",
)

_INT64: Final = range(-(1 << 63), 1 << 63)


def _numeral(value: Any) -> Any:
    return value if isinstance(value, int) and value in _INT64 else float(value)


_NUMBER: Final = "(CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN json_extract({0}, {1}) END)"
_MEMBER: Final = (
    "(CASE WHEN json_type({0}, {1}) = 'array' THEN EXISTS"
    " (SELECT 1 FROM json_each({0}, {1}) AS member WHERE member.type "
)

_JSON: Final = JsonWords(
    kind="NULLIF(json_type({0}, {1}), 'null')",
    is_list="(json_type({0}, {1}) = 'array')",
    present="(json_type({0}, {1}) IS NOT NULL)",
    text="(CASE WHEN json_type({0}, {1}) = 'text' THEN json_extract({0}, {1}) END)",
    number=_NUMBER,
    double=_NUMBER,
    boolean="(CASE json_type({0}, {1}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)",
    member=f"{_MEMBER} = {{2}}) END)",
    text_member=f"{_MEMBER} = 'text' AND member.value = {{3}}) END)",
    number_member=f"{_MEMBER} IN ('integer', 'real') AND member.value = {{3}}) END)",
    numeral=_numeral,
)


def _explain(_dialect: Dialect, _analyze: bool) -> str:
    return "EXPLAIN QUERY PLAN"


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
    text=_TEXT,
    time=_TIME,
    json=_JSON,
    nulls_first=True,
    row_values=True,
    untyped=True,
    explain=_explain,
    measures=False,
    big_key=Integer(),  # only INTEGER PRIMARY KEY is generated
    nan=False,  # it becomes NULL
    executemany=True,
    most_parameters={"aiosqlite": 32_766},
    empty=_empty,
    check_deferred=_check_deferred,
)
