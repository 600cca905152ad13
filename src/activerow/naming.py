"""Names in the database: of tables, and of constraints and indexes that were given none.

A table is named after its class, in snake case and in the plural:

| class ends in | rule | example |
| --- | --- | --- |
| consonant + `y` | `ies` | `Category` -> `categories` |
| `ss`, `us`, `sh`, `ch`, `x`, `z` | `es` | `Address` -> `addresses`, `Status` -> `statuses` |
| `is` | `es` | `Analysis` -> `analyses` |
| any other `s` | stays, it is a plural | `Users` -> `users`, `News` -> `news` |
| anything else | `s` | `ApiKey` -> `api_keys` |

Only the last word changes. English has more plurals than rules: `Person` becomes `persons`, and a class that wants
`people` says `__tablename__ = "people"`.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import CheckConstraint, Constraint, Table
from sqlalchemy.exc import CompileError

# Between a small letter or digit and a capital, and before the last capital of a run: ApiKey, HTTPServer.
_WORD_BORDER: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TAKES_ES: Final = ("ss", "us", "sh", "ch", "x", "z")
_VOWELS: Final = frozenset("aeiou")


def snake_case(name: str) -> str:
    """`HTTPServer` as `http_server`."""
    return _WORD_BORDER.sub("_", name).lower()


def plural(word: str) -> str:
    """The regular English plural of a word in small letters; a plural stays as it is."""
    if word.endswith("y") and len(word) > 1 and word[-2] not in _VOWELS:
        return f"{word[:-1]}ies"
    if word.endswith(_TAKES_ES):
        return f"{word}es"
    if word.endswith("is"):
        return f"{word[:-2]}es"
    return word if word.endswith("s") else f"{word}s"


def table_name(class_name: str) -> str:
    """The table of a class: `ApiKey` is stored in `api_keys`."""
    return plural(snake_case(class_name))


def _check_name(constraint: Constraint, table: Table) -> str:
    """A name for a check that was given none: the same on every run, and its own within the table."""
    if not isinstance(constraint, CheckConstraint):
        return table.name
    columns = [column.name for column in constraint.columns]
    return "_".join([*columns, f"{zlib.crc32(_condition(constraint).encode()):08x}"])


def _condition(check: CheckConstraint) -> str:
    """The condition with the numbers and texts in it: two that differ only there are two."""
    try:
        return str(check.sqltext.compile(compile_kwargs={"literal_binds": True}))
    except CompileError:
        return str(check.sqltext)


NAMING_CONVENTION: Final[Mapping[str, str | Callable[[Constraint, Table], str]]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(check_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
    "check_name": _check_name,
}
"""Constraint names for `MetaData(naming_convention=...)`: a name of your own is kept, what has none is named alike on
every backend, so that migrations can drop it and errors can tell its columns."""
