"""SQL that compares text and dates the same way on every backend.

`LIKE` is case-sensitive on PostgreSQL, not on SQLite (for ASCII letters), and up to the collation on MySQL; each class
here renders what its dialect needs. A bound value stays the value that was given: `Pattern` turns it into the dialect's
kind of pattern when the statement is sent, so one compiled statement serves all values.
"""

import re
from datetime import date
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, String
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

_ESCAPE = "/"
_ANY, _ONE = "%", "_"

# A pattern in parts: (True, "%") is a wildcard, (False, "50%") is text that means itself.
_Parts = list[tuple[bool, str]]


def _like_parts(pattern: str) -> _Parts:
    """Split a user's LIKE pattern, in which a backslash takes the meaning from `%`, `_` and itself."""
    found = re.findall(r"\\(.)|([%_])|(.)", pattern, re.DOTALL)
    return [(bool(wildcard), wildcard or escaped or plain) for escaped, wildcard, plain in found]


def _parts(shape: str, value: str) -> _Parts:
    if shape == "like":
        return _like_parts(value)
    before = [(True, _ANY)] if shape in {"contains", "endswith"} else []
    after = [(True, _ANY)] if shape in {"contains", "startswith"} else []
    return [*before, (False, value), *after]


def _as_like(parts: _Parts) -> str:
    return "".join(text if wild else re.sub(r"([%_/])", rf"{_ESCAPE}\1", text) for wild, text in parts)


def _as_glob(parts: _Parts) -> str:
    wildcards = {_ANY: "*", _ONE: "?"}
    return "".join(wildcards[text] if wild else re.sub(r"([*?[])", r"[\1]", text) for wild, text in parts)


def _as_regex(parts: _Parts) -> str:
    wildcards = {_ANY: ".*", _ONE: "."}
    return r"(?is)\A" + "".join(wildcards[text] if wild else re.escape(text) for wild, text in parts) + r"\Z"


class Pattern(TypeDecorator[str]):
    """A string that is sent as a pattern: what `LIKE` takes, on SQLite what `GLOB` or `REGEXP` takes."""

    impl = String
    cache_ok = True

    def __init__(self, shape: str, case: str) -> None:
        """Describe the pattern.

        Args:
            shape: `exact`, `contains`, `startswith`, `endswith`, or `like` where the value is a pattern already.
            case: `exact`, `ascii` or `unicode`: what may differ in case, and how SQLite has to compare it.
        """
        super().__init__()
        self.shape, self.case = shape, case

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Render the pattern for `dialect`."""
        if value is None:
            return None
        if self.shape == "exact" and dialect.name == "postgresql":
            return value
        if dialect.name != "sqlite":
            return _as_like(_parts(self.shape, value))
        if self.case == "unicode":
            return _as_regex(_parts(self.shape, value))
        return _as_glob(_parts(self.shape, value if self.case == "exact" else value.lower()))


class TextMatch(FunctionElement[bool]):
    """Two clauses: a column, and a value whose type is a `Pattern`."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> "TextMatch":  # noqa: ARG002
        """Stand as a condition of its own; SQLAlchemy would add `= 1`, which no index serves."""
        return self

    def both(self, compiler: SQLCompiler, **options: Any) -> tuple[str, str]:
        """The SQL of the column and of the pattern."""
        column, pattern = self.clauses
        return compiler.process(column, **options), compiler.process(pattern, **options)


class Like(TextMatch):
    """The column matches the pattern, letter case included."""

    inherit_cache = True


class ILike(TextMatch):
    """The column matches the pattern of ASCII letters, whatever the case."""

    inherit_cache = True


class UnicodeILike(ILike):
    """The column matches the pattern of any letters, whatever the case."""

    inherit_cache = True


class IExact(ILike):
    """The column equals the value of ASCII letters, whatever the case."""

    inherit_cache = True


class UnicodeIExact(UnicodeILike):
    """The column equals the value of any letters, whatever the case."""

    inherit_cache = True


class Regex(TextMatch):
    """The column contains a match of the regular expression, in the server's own dialect, letter case included."""

    inherit_cache = True


@compiles(Like)
def _like(element: Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} LIKE {pattern} ESCAPE '{_ESCAPE}')"


@compiles(Like, "sqlite")
def _like_sqlite(element: Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} GLOB {pattern})"


@compiles(Like, "mysql", "mariadb")
def _like_mysql(element: Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} LIKE ({pattern} COLLATE utf8mb4_bin) ESCAPE '{_ESCAPE}')"


@compiles(ILike)
def _ilike(element: ILike, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"(lower({column}) LIKE lower({pattern}) ESCAPE '{_ESCAPE}')"


@compiles(ILike, "postgresql")
def _ilike_postgresql(element: ILike, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} ILIKE {pattern} ESCAPE '{_ESCAPE}')"


@compiles(ILike, "sqlite")
def _ilike_sqlite(element: ILike, compiler: SQLCompiler, **options: Any) -> str:
    # SQLite's own lower() knows ASCII letters only, which is enough where the value has no others.
    column, pattern = element.both(compiler, **options)
    return f"(lower({column}) GLOB {pattern})"


@compiles(UnicodeILike, "sqlite")
def _unicode_ilike_sqlite(element: UnicodeILike, compiler: SQLCompiler, **options: Any) -> str:
    # REGEXP is the function that SQLAlchemy registers on every SQLite connection: Python's `re`, which knows Unicode.
    column, pattern = element.both(compiler, **options)
    return f"({column} REGEXP {pattern})"


@compiles(IExact, "postgresql")
@compiles(UnicodeIExact, "postgresql")
def _iexact_postgresql(element: ILike, compiler: SQLCompiler, **options: Any) -> str:
    # Not ILIKE: an index on lower(column) is what such a column has.
    column, pattern = element.both(compiler, **options)
    return f"(lower({column}) = lower({pattern}))"


@compiles(ILike, "mysql", "mariadb")
def _ilike_mysql(element: ILike, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"(lower({column}) LIKE (lower({pattern}) COLLATE utf8mb4_bin) ESCAPE '{_ESCAPE}')"


@compiles(Regex)
def _regex(element: Regex, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} REGEXP {pattern})"


@compiles(Regex, "postgresql")
def _regex_postgresql(element: Regex, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} ~ {pattern})"


@compiles(Regex, "mysql", "mariadb")
def _regex_mysql(element: Regex, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.both(compiler, **options)
    return f"({column} REGEXP ({pattern} COLLATE utf8mb4_bin))"


class Utc(FunctionElement[Any]):
    """A point in time as its UTC wall clock; columns without a time zone are taken as they are."""

    inherit_cache = True
    type = DateTime()


class DateOf(FunctionElement[date]):
    """The date of a point in time."""

    inherit_cache = True
    type = Date()


@compiles(Utc)
def _utc(element: Utc, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(Utc, "postgresql")
def _utc_postgresql(element: Utc, compiler: SQLCompiler, **options: Any) -> str:
    # EXTRACT from a timestamptz counts in the time zone of the session, which is not ours to know.
    (column,) = element.clauses
    sql = compiler.process(column, **options)
    return f"({sql} AT TIME ZONE 'UTC')" if _has_time_zone(column.type, compiler.dialect) else sql


def _has_time_zone(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    if isinstance(type_, TypeDecorator):
        return _has_time_zone(type_.load_dialect_impl(dialect), dialect)
    return bool(getattr(type_, "timezone", False))


@compiles(DateOf)
def _date_of(element: DateOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS DATE)"


@compiles(DateOf, "sqlite")
def _date_of_sqlite(element: DateOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)})"
