"""Lookups: what stands behind a field's name in a condition, as `gte` in `age__gte=18`.

A lookup is a class with a word, what it takes, and its SQL. `register` adds one of the program's own:

```py
@register
class Divides(Lookup):
    word, kinds, takes = "divides", ("integer",), Integer()
    summary = "A divisor of this."

    def sql(self, column, value):
        return value % column == 0
```
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.types import TypeEngine

from activerow.errors import UsageError

Takes = Literal["value", "list", "pair", "flag", "nothing"] | TypeEngine[Any]


class Lookup:
    """A comparison, by its word; one object of the class serves all conditions.

    Attributes:
        word: What stands behind the field's name.
        kinds: The kinds of column that offer it, of `text integer decimal float boolean date time datetime interval
            enum uuid bytes array json network range other`; none named, all do.
        takes: What its value is. `value`: one that the column could hold; `list`, `pair`: several such; `flag`: True or
            False; an SQL type: a value of that type, whatever the column's.
        summary: A sentence about the rows that are found, for the query string that `filters()` documents; without one
            it is not offered there.
        also: What others call it, for the error about a word that does not exist.
        of_null: What it says of NULL: True or False, or None for what SQL leaves unknown.
    """

    word: ClassVar[str] = ""
    kinds: ClassVar[tuple[str, ...]] = ()
    takes: Takes = "value"
    summary: ClassVar[str] = ""
    also: ClassVar[tuple[str, ...]] = ()
    of_null: ClassVar[bool | None] = None

    def check(self, value: Any) -> str | None:
        """What is wrong with a value that its type lets pass, to be read after "takes"; None where nothing is."""
        del value
        return None

    def chosen(self, value: Any) -> "Lookup":
        """The lookup that is meant with this value: another one where its SQL depends on more than the bound value."""
        del value
        return self

    def sql(self, column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        """The condition on a column; `value` is bound already, of a pair both, of a list all in one."""
        raise NotImplementedError(f"{type(self).__name__} needs a method sql(column, value)")


L = TypeVar("L", bound=Lookup)

_registered: dict[str, Lookup] = {}
LOOKUPS: Mapping[str, Lookup] = MappingProxyType(_registered)
"""All lookups by their words."""


def register(lookup: type[L]) -> type[L]:
    """Add a lookup; stands above its class, which must be imported before a condition names it.

    Raises:
        UsageError: Its word is no word, or another lookup has it.
    """
    word = lookup.word
    if not word.isidentifier() or "__" in word or word.strip("_") != word:
        raise UsageError(f"{lookup.__name__}.word must be a name without underscores around it, not {word!r}")
    if word in _registered:
        raise UsageError(f"the lookup {word!r} exists already: {type(_registered[word]).__name__}")
    _registered[word] = lookup()
    return lookup
