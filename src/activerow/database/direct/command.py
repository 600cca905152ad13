"""A statement as a channel runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""A tuple in the order of the statement; of psycopg a mapping."""

Answer: TypeAlias = tuple[Sequence[Any], int, int | None]
"""The rows; how many they are, or were written; the key that SQLite or MySQL gave to an inserted row."""


@dataclass(frozen=True, slots=True)
class Command:
    """A statement, made once and run often.

    Attributes:
        sql: As SQLAlchemy compiles it for the dialect of the engine.
        model: Whose rows it is about, for those who hear of statements.
        writes: Whether it changes rows. Only what does not is ever repeated.
        returns: Whether it gives rows: a SELECT, or a write with RETURNING.
    """

    sql: str
    model: type | None = None
    writes: bool = False
    returns: bool = True
