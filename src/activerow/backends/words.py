"""The words of one kind of server: the texts of the SQL that `text_sql` and `json_sql` stand for.

In a text `{0}`, `{1}` ... are the clauses of the element, in their order.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import DateTime, String
from sqlalchemy.types import NullType, TypeEngine

from activerow.backends.patterns import ESCAPE, like_pattern

_LIKE: Final = f"({{0}} LIKE {{1}} ESCAPE '{ESCAPE}')"
_LOWER_LIKE: Final = f"(lower({{0}}) LIKE lower({{1}}) ESCAPE '{ESCAPE}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWords:
    """How a text is compared with a `Pattern`, for `regex` with an expression in the server's own dialect.

    Attributes:
        like: Letter case included.
        ilike, iexact: Whatever the case, with a pattern or value of ASCII letters.
        unicode_ilike, unicode_iexact: The same for any letters.
        regex: The text contains a match, letter case included.
        code_points: The text, sorting by its characters' numbers.
        pattern: What is sent for a `Pattern`: of its shape, its case and the value.
    """

    like: str = _LIKE
    ilike: str = _LOWER_LIKE
    iexact: str = _LOWER_LIKE
    unicode_ilike: str = _LOWER_LIKE
    unicode_iexact: str = _LOWER_LIKE
    regex: str = "({0} REGEXP {1})"
    code_points: str = "{0}"
    pattern: Callable[[str, str, str], str] = like_pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWords:
    """How moments are stored and read.

    Attributes:
        clock: This moment in UTC, to the microsecond, for a whole statement.
        stored: What a `UTCDateTime` is; without a time zone it gets wall clocks of UTC.
        utc: A moment with a time zone as a wall clock of UTC.
        date: The date of a moment.
    """

    clock: str = "CURRENT_TIMESTAMP"
    stored: DateTime = field(default_factory=DateTime)
    utc: str = "{0}"
    date: str = "CAST({0} AS DATE)"


def dollar_path(keys: tuple[str, ...]) -> str:
    """`$."tags"[0]`: how SQLite and MySQL write a path."""
    # SQLite before 3.45 and MariaDB find a key by the letters it is stored in: those of SQLAlchemy's JSON are ASCII.
    return "$" + "".join(f"[{key}]" if is_index(key) else f".{json.dumps(key)}" for key in keys)


def is_index(key: str) -> bool:
    """A key of digits means a place in a list."""
    return key.isascii() and key.isdigit()


def same(value: Any) -> Any:
    """The value as it is."""
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonWords:
    """What stands at a path of a JSON document; NULL where that is of another type. None: the server cannot be asked.

    Attributes:
        kind: The server's word for its type; NULL for JSON's null and for nothing.
        is_list: Whether it is a list.
        present: Whether there is anything, JSON's null included; never NULL.
        text, number, boolean: The value, if it is one.
        double: The number, to be compared with a float.
        member: Whether it is a list with the member `{2}`, which is written as JSON.
        text_member, number_member: The same; `{3}` is the member as a value.
        path_type, path: What is sent for the keys of a path.
        numeral_type, numeral: What is sent for a number to compare with.
    """

    kind: str | None = None
    is_list: str | None = None
    present: str | None = None
    text: str | None = None
    number: str | None = None
    double: str | None = None
    boolean: str | None = None
    member: str | None = None
    text_member: str | None = None
    number_member: str | None = None
    path_type: TypeEngine[Any] = field(default_factory=String)
    path: Callable[[tuple[str, ...]], Any] = dollar_path
    numeral_type: TypeEngine[Any] = field(default_factory=NullType)
    numeral: Callable[[Any], Any] = same
