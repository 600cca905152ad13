"""SQL that compares text and dates the same way on every backend.

`LIKE` is case-sensitive on PostgreSQL, not on SQLite (for ASCII letters), and up to the collation on MySQL; each class
here stands for the words that its server needs. A bound value stays the value that was given: `Pattern` turns it into
the server's kind of pattern when the statement is sent, so one compiled statement serves all values.
"""

from datetime import date
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, String
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
        return None if value is None else backend_of(dialect).text.pattern(self.shape, self.case, value)


class TextMatch(ServerElement[bool]):
    """Two clauses: a column, and a value whose type is a `Pattern`."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> "TextMatch":  # noqa: ARG002
        """Stand as a condition of its own; SQLAlchemy would add `= 1`, which no index serves."""
        return self


class Like(TextMatch):
    """The column matches the pattern, letter case included."""

    inherit_cache = True
    words = "text.like"


class ILike(TextMatch):
    """The column matches the pattern of ASCII letters, whatever the case."""

    inherit_cache = True
    words = "text.ilike"


class UnicodeILike(TextMatch):
    """The column matches the pattern of any letters, whatever the case."""

    inherit_cache = True
    words = "text.unicode_ilike"


class IExact(TextMatch):
    """The column equals the value of ASCII letters, whatever the case."""

    inherit_cache = True
    words = "text.iexact"


class UnicodeIExact(TextMatch):
    """The column equals the value of any letters, whatever the case."""

    inherit_cache = True
    words = "text.unicode_iexact"


class Regex(TextMatch):
    """The column contains a match of the regular expression, in the server's own dialect, letter case included."""

    inherit_cache = True
    words = "text.regex"


class CodePoints(ServerElement[str]):
    """Text that sorts by its characters' numbers, as SQLite and a binary collation do."""

    inherit_cache = True
    type = String()
    words = "text.code_points"


class DateOf(ServerElement[date]):
    """The date of a point in time."""

    inherit_cache = True
    type = Date()
    words = "time.date"


class Utc(ServerElement[Any]):
    """A point in time as its UTC wall clock; columns without a time zone are taken as they are."""

    inherit_cache = True
    type = DateTime()
    words = "time.utc"


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
