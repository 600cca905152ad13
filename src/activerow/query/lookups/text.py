"""Lookups that match text: `contains`, `istartswith`, `like`, `regex` and their like."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, String, bindparam

from activerow.backends import IExact, ILike, Like, Pattern, Regex, TextMatch, UnicodeIExact, UnicodeILike
from activerow.mapping import check_comparable
from activerow.query.lookups.operands import Lookup, kind_of
from activerow.query.lookups.paths import SENSITIVE

_FOLDING: Final[Mapping[tuple[bool, str], type[TextMatch]]] = {
    (True, "ascii"): IExact,
    (True, "unicode"): UnicodeIExact,
    (False, "ascii"): ILike,
    (False, "unicode"): UnicodeILike,
}


def match(column: Any, lookup: Lookup) -> ColumnElement[bool]:
    """The condition that the text of `column` matches.

    Raises:
        UsageError: The value is no string.
        InvalidDataError: No text could hold it.
    """
    word, value = lookup.word, lookup.value
    if not isinstance(value, str):
        raise lookup.refused(f"takes a string, not {kind_of(value)}")
    check_comparable(lookup.field.owner, lookup.field.name, String(), value)
    if word == "regex":
        return Regex(column, bindparam(None, value, String(), unique=True))
    kind: type[TextMatch] = Like
    case, shape = "exact", word
    if word not in SENSITIVE:
        shape, case = word.removeprefix("i"), "ascii" if value.isascii() else "unicode"
        kind = _FOLDING[shape == "exact", case]
    return kind(column, bindparam(None, value, Pattern(shape, case), unique=True))
