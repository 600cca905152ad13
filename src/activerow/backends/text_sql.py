"""SQL that compares text and dates, and averages numbers, the same way on every backend.

`LIKE` is case-sensitive on PostgreSQL, not on SQLite (for ASCII letters), and up to the collation on MySQL; each class
here stands for the words that its server needs. A bound value stays the value that was given: `Pattern` turns it into
the server's kind of pattern when the statement is sent, so one compiled statement serves all values.
"""

from datetime import date
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, Float, String
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.backends.element import ServerElement, written
from activerow.backends.known import backend_of


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
        return None if value is None else backend_of(dialect).pattern(self.shape, self.case, value)


class TextMatch(ServerElement[bool]):
    """Two clauses: a column, and a value whose type is a `Pattern`."""

    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> "TextMatch":  # noqa: ARG002
        """Stand as a condition of its own; SQLAlchemy would add `= 1`, which no index serves."""
        return self


class Like(TextMatch):
    """The column matches the pattern, letter case included."""

    words = "({0} LIKE {1} ESCAPE '/')"


class ILike(TextMatch):
    """The column matches the pattern of ASCII letters, whatever the case."""

    words = "(lower({0}) LIKE lower({1}) ESCAPE '/')"


class UnicodeILike(ILike):
    """The column matches the pattern of any letters, whatever the case."""


class IExact(ILike):
    """The column equals the value of ASCII letters, whatever the case."""


class UnicodeIExact(UnicodeILike):
    """The column equals the value of any letters, whatever the case."""


class Regex(TextMatch):
    """The column contains a match of the regular expression, in the server's own dialect, letter case included."""

    words = "({0} REGEXP {1})"


class CodePoints(ServerElement[str]):
    """Text that sorts by its characters' numbers, as SQLite and a binary collation do."""

    type = String()
    words = "{0}"


class Exact(ServerElement[float]):
    """A number whose average has all the digits of a float; MySQL gives that of integers four."""

    type = Float()
    words = "{0}"


class DateOf(ServerElement[date]):
    """The date of a point in time."""

    type = Date()
    words = "CAST({0} AS DATE)"


class Utc(ServerElement[Any]):
    """A point in time as its UTC wall clock; columns without a time zone are taken as they are."""

    type = DateTime()
    words = "{0}"


@compiles(Utc)
def _utc(element: Utc, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = element.clauses
    if _has_time_zone(column.type, compiler.dialect):
        return written(element, compiler, **options)
    return compiler.process(column, **options)


def _has_time_zone(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    if isinstance(type_, TypeDecorator):
        return _has_time_zone(type_.load_dialect_impl(dialect), dialect)
    return bool(getattr(type_, "timezone", False))
