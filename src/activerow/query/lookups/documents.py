"""Lookups that lead into a JSON document: `data__address__city="Seoul"`, `data__tags__0__startswith="a"`.

A value is compared with what has its own type: a number never equals a string. A key that is missing, JSON's null and a
column that is NULL are all nothing, and comparisons with nothing are neither true nor false.
"""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from sqlalchemy import Boolean, String, and_, bindparam, case, false, func, literal, not_, or_

from activerow.backends import (
    CodePoints,
    JsonBoolean,
    JsonFloat,
    JsonIsList,
    JsonKind,
    JsonMember,
    JsonNumber,
    JsonNumberMember,
    JsonNumeral,
    JsonPath,
    JsonPresent,
    JsonText,
    JsonTextMember,
    is_index,
)
from activerow.mapping import check_comparable
from activerow.q import Condition
from activerow.query.lookups.operands import Lookup, kind_of
from activerow.query.lookups.paths import TEXT
from activerow.query.lookups.text import match

MOST_VALUES: Final = 10_000

_MEMBERS: Final[Mapping[type[Any], type[JsonMember]]] = {
    JsonBoolean: JsonMember,
    JsonText: JsonTextMember,
    JsonNumber: JsonNumberMember,
    JsonFloat: JsonNumberMember,
}


def compare_document(column: Any, lookup: Lookup) -> Condition:
    """The condition on what stands at the lookup's keys in the document of `column`.

    Raises:
        UsageError: The value is none that JSON has, or does not fit the comparison.
    """
    word, value = lookup.word, lookup.value
    for key in lookup.field.keys:
        _check_key(lookup, key)
    if word == "has_key":
        return _has_key(column, lookup)
    if word == "isnull" or (value is None and word in {"exact", "ne"}):
        absent = lookup.flag() if word == "isnull" else word == "exact"
        kind = _at(column, lookup, JsonKind)
        return cast("Condition", kind.is_(None) if absent else kind.is_not(None))
    if word == "contains":
        return _contains(column, lookup)
    if word in TEXT:
        return match(_at(column, lookup, JsonText), lookup)
    if word in {"in", "not_in"}:
        return _membership(column, lookup)
    return _comparison(column, lookup)


def _path(keys: tuple[str, ...]) -> Any:
    return bindparam(None, keys, JsonPath(), unique=True)


def _at(column: Any, lookup: Lookup, kind: type[Any]) -> Any:
    """What stands at the lookup's keys, if it is of that kind."""
    return _inside(column, lookup.field.keys, kind(column, _path(lookup.field.keys)))


def _inside(column: Any, keys: tuple[str, ...], element: Any) -> Any:
    """`element`, or NULL where an index leads into something else than a list: MariaDB takes any value for its own 0th,
    PostgreSQL a key of digits.
    """
    lists = [JsonIsList(column, _path(keys[:place])) for place, key in enumerate(keys) if is_index(key)]
    return case((and_(*lists), element)) if lists else element


def _has_key(column: Any, lookup: Lookup) -> Condition:
    key: Any = lookup.value
    if isinstance(key, bool) or not (isinstance(key, str) or (isinstance(key, int) and key >= 0)):
        raise lookup.refused(f"takes a key, or a place in a list counted from 0, not {kind_of(key)}")
    if isinstance(key, str):
        _check_key(lookup, key)
    keys = (*lookup.field.keys, str(key))
    return func.coalesce(_inside(column, keys, JsonPresent(column, _path(keys))), false(), type_=Boolean())


def _check_key(lookup: Lookup, key: str) -> None:
    """Accept a key that every server can be asked for.

    Raises:
        UsageError: It has a quote, a backslash or a control character in it.
    """
    if any(letter in '"\\' or ord(letter) < 32 for letter in key):
        raise lookup.refused("cannot ask for a key with quotes, backslashes or control characters")


def _contains(column: Any, lookup: Lookup) -> Condition:
    """A list has the member; or, as `in` means for text, a string has the part."""
    value: Any = lookup.value
    kind, bound = _typed(lookup, value)
    written = str(value) if isinstance(value, Decimal) else json.dumps(value)
    keys = lookup.field.keys
    member = _inside(column, keys, _MEMBERS[kind](column, _path(keys), literal(written, String()), bound))
    if not isinstance(value, str):
        return cast("Condition", member)
    return func.coalesce(member, match(_at(column, lookup, JsonText), lookup), type_=Boolean())


def _comparison(column: Any, lookup: Lookup) -> Condition:
    word = lookup.word
    if word == "between":
        low, high = lookup.pair()
        return _ordered(column, lookup, "gte", low) & _ordered(column, lookup, "lte", high)
    if word in {"exact", "ne"}:
        kind, bound = _typed(lookup, lookup.value)
        place = _at(column, lookup, kind)
        return cast("Condition", place == bound if word == "exact" else place != bound)
    return _ordered(column, lookup, word, lookup.value)


def _ordered(column: Any, lookup: Lookup, word: str, value: object) -> Condition:
    kind, bound = _typed(lookup, value)
    if kind is JsonBoolean:
        raise lookup.refused("puts values in order, which true and false have none of")
    place = _at(column, lookup, kind)
    place = CodePoints(place) if kind is JsonText else place
    return cast(
        "Condition", {"gt": place > bound, "gte": place >= bound, "lt": place < bound, "lte": place <= bound}[word]
    )


def _membership(column: Any, lookup: Lookup) -> Condition:
    items = lookup.items()
    if len(items) > MOST_VALUES:
        raise lookup.refused(f"takes at most {MOST_VALUES} values in a document")
    found: dict[type[Any], Any] = {}
    for kind, bound in (_typed(lookup, item) for item in items if item is not None):
        found.setdefault(kind, []).append(bound)
    conditions = {kind: _at(column, lookup, kind).in_(values) for kind, values in found.items()}
    if JsonFloat in conditions and JsonNumber in conditions:
        conditions[JsonNumber] = or_(conditions.pop(JsonFloat), conditions[JsonNumber])
    # No more than one of them is not NULL: a value has one type.
    several = len(conditions) > 1
    condition = func.coalesce(*conditions.values(), type_=Boolean()) if several else or_(false(), *conditions.values())
    if None in items:
        condition = or_(condition, _at(column, lookup, JsonKind).is_(None))
    return cast("Condition", condition if lookup.word == "in" else not_(condition))


def _typed(lookup: Lookup, value: Any) -> tuple[type[Any], Any]:
    """What the value is compared with, and the value to bind.

    Raises:
        UsageError: JSON has no such value, or it is a document of its own.
    """
    if isinstance(value, bool):
        return JsonBoolean, literal(value, Boolean())
    if isinstance(value, str):
        check_comparable(lookup.field.owner, lookup.field.name, String(), value)
        return JsonText, literal(value, String())
    if isinstance(value, float) and math.isfinite(value):
        return JsonFloat, literal(value, JsonNumeral())
    if isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite()):
        return JsonNumber, literal(value, JsonNumeral())
    if value is None:
        raise lookup.refused(f"cannot compare with None; ask for it with {lookup.path}__isnull=True")
    remedy = (
        f"ask for its parts, {lookup.path}__key=..." if isinstance(value, dict | list) else "write it as JSON has it"
    )
    raise lookup.refused(
        f"takes str, int, float, Decimal or bool in a document, not {kind_of(cast('object', value))}; {remedy}"
    )
