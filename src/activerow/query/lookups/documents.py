"""Lookups that lead into a JSON document: `data__address__city="Seoul"`, `data__tags__0__startswith="a"`.

A value is compared with what has its own type: a number never equals a string. A key that is missing, JSON's null and a
column that is NULL are all nothing, and comparisons with nothing are neither true nor false.
"""

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, cast

from sqlalchemy import Boolean, String, and_, bindparam, case, false, func, literal, not_, or_
from sqlalchemy.types import TypeEngine

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
from activerow.lookups import LOOKUPS, Lookup
from activerow.mapping import check_comparable, kind_of
from activerow.q import Condition
from activerow.query.lookups.comparison import Comparison, Given, fitting
from activerow.query.lookups.operands import flag_of, items_of, kind_name, pair_of
from activerow.query.lookups.words import NOT_NULL, NULL

MOST_VALUES: Final = 10_000

_MEMBERS: Final[Mapping[type[Any], type[JsonMember]]] = {
    JsonBoolean: JsonMember,
    JsonText: JsonTextMember,
    JsonNumber: JsonNumberMember,
    JsonFloat: JsonNumberMember,
}

_Build = Callable[[Any], Condition]
"""Makes the condition on a column, of a value that was accepted."""


class DocumentComparison(Comparison):
    """Of what stands at keys in a document. Its SQL depends on the type of the value, and is made anew each time."""

    __slots__ = ()

    def given(self, value: Any) -> Given:
        build = self._accepted(value)
        of_null = self.lookup.chosen(value).of_null if value is None or self.lookup.takes in {"flag", "list"} else None
        return Given(None, build, of_null)

    def condition(self, entity: Any, given: Given) -> Condition:
        return cast("_Build", given.value)(getattr(entity, self.operand.field.name))

    def _accepted(self, value: Any) -> _Build:
        word, takes = self.lookup.word, self.lookup.takes
        for key in self.operand.keys:
            self._check_key(key)
        if word == "isnull" or (value is None and word in {"exact", "ne"}):
            absent = flag_of(self.operand, self.lookup, value) if word == "isnull" else word == "exact"
            return lambda column: (NULL if absent else NOT_NULL).sql(self._at(column, JsonKind), None)
        if word == "has_key":
            return self._has_key(value)
        if word == "contains":
            return self._contains(value)
        if isinstance(takes, TypeEngine):
            return self._matches(value)
        if takes == "list":
            return self._membership(items_of(self.operand, self.lookup, value))
        if takes == "pair":
            low, high = pair_of(self.operand, self.lookup, value)
            least, most = self._compared(LOOKUPS["gte"], low), self._compared(LOOKUPS["lte"], high)
            return lambda column: and_(least(column), most(column))
        return self._compared(self.lookup, value)

    def _at(self, column: Any, kind: type[Any]) -> Any:
        """What stands at the keys, if it is of that kind."""
        return _inside(column, self.operand.keys, kind(column, _path(self.operand.keys)))

    # -- words ---------------------------------------------------------------------------------------------------

    def _has_key(self, key: Any) -> _Build:
        if isinstance(key, bool) or not (isinstance(key, str) or (isinstance(key, int) and key >= 0)):
            raise self._refused(f"takes a key, or a place in a list counted from 0, not {kind_name(key)}")
        if isinstance(key, str):
            self._check_key(key)
        keys = (*self.operand.keys, str(key))

        def build(column: Any) -> Condition:
            found = _inside(column, keys, JsonPresent(column, _path(keys)))
            return func.coalesce(found, false(), type_=Boolean())

        return build

    def _contains(self, value: Any) -> _Build:
        """A list has the member; or, as `in` means for text, a string has the part."""
        kind, bound = self._typed(value)
        written = literal(str(value) if isinstance(value, Decimal) else json.dumps(value), String())
        keys = self.operand.keys
        in_text = self._matches(value) if isinstance(value, str) else None

        def build(column: Any) -> Condition:
            member = _inside(column, keys, _MEMBERS[kind](column, _path(keys), written, bound))
            return member if in_text is None else func.coalesce(member, in_text(column), type_=Boolean())

        return build

    def _matches(self, value: Any) -> _Build:
        """A lookup whose values have a type of their own, which the value in the document has as well."""
        lookup = self.lookup.chosen(value)
        takes = cast("Any", lookup.takes)
        bound = bindparam(None, fitting(self.operand, lookup, takes, value), takes, unique=True)
        kind = JsonText if kind_of(takes).name == "text" else JsonNumber
        return lambda column: lookup.sql(self._at(column, kind), bound)

    def _compared(self, lookup: Lookup, value: Any) -> _Build:
        kind, bound = self._typed(value)
        if lookup.word not in {"exact", "ne"} and kind is JsonBoolean:
            raise self._refused("puts values in order, which true and false have none of")
        is_ordered_text = lookup.word not in {"exact", "ne"} and kind is JsonText

        def build(column: Any) -> Condition:
            place = self._at(column, kind)
            return lookup.sql(CodePoints(place) if is_ordered_text else place, bound)

        return build

    def _membership(self, items: list[Any]) -> _Build:
        if len(items) > MOST_VALUES:
            raise self._refused(f"takes at most {MOST_VALUES} values in a document")
        found: dict[type[Any], list[Any]] = {}
        for kind, bound in (self._typed(item) for item in items if item is not None):
            found.setdefault(kind, []).append(bound)

        def build(column: Any) -> Condition:
            conditions: dict[type[Any], Any] = {
                kind: self._at(column, kind).in_(values) for kind, values in found.items()
            }
            if JsonFloat in conditions and JsonNumber in conditions:
                conditions[JsonNumber] = or_(conditions.pop(JsonFloat), conditions[JsonNumber])
            # No more than one of them is not NULL: a value has one type.
            several = len(conditions) > 1
            condition: Any = (
                func.coalesce(*conditions.values(), type_=Boolean()) if several else or_(false(), *conditions.values())
            )
            if len(items) > sum(map(len, found.values())):
                condition = or_(condition, self._at(column, JsonKind).is_(None))
            return cast("Condition", condition if self.lookup.word == "in" else not_(condition))

        return build

    # -- values --------------------------------------------------------------------------------------------------

    def _refused(self, expectation: str) -> Exception:
        return self.operand.refused(self.lookup, expectation)

    def _check_key(self, key: str) -> None:
        """Accept a key that every server can be asked for.

        Raises:
            UsageError: It has a quote, a backslash or a control character in it.
        """
        if any(letter in '"\\' or ord(letter) < 32 for letter in key):
            raise self._refused("cannot ask for a key with quotes, backslashes or control characters")

    def _typed(self, value: Any) -> tuple[type[Any], Any]:
        """What the value is compared with, and the value to bind.

        Raises:
            UsageError: JSON has no such value, or it is a document of its own.
        """
        if isinstance(value, bool):
            return JsonBoolean, literal(value, Boolean())
        if isinstance(value, str):
            check_comparable(self.operand.field.owner, self.operand.field.name, String(), value)
            return JsonText, literal(value, String())
        if isinstance(value, float) and math.isfinite(value):
            return JsonFloat, literal(value, JsonNumeral())
        if isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite()):
            return JsonNumber, literal(value, JsonNumeral())
        if value is None:
            raise self.operand.null_refused(self.lookup)
        parts = f"ask for its parts, {self.operand.path}__key=..."
        remedy = parts if isinstance(value, dict | list) else "write it as JSON has it"
        raise self._refused(
            f"takes str, int, float, Decimal or bool in a document, not {kind_name(cast('object', value))}; {remedy}"
        )


def _path(keys: tuple[str, ...]) -> Any:
    return bindparam(None, keys, JsonPath(), unique=True)


def _inside(column: Any, keys: tuple[str, ...], element: Any) -> Any:
    """`element`, or NULL where an index leads into something else than a list: MariaDB takes any value for its own 0th,
    PostgreSQL a key of digits.
    """
    lists = [JsonIsList(column, _path(keys[:place])) for place, key in enumerate(keys) if is_index(key)]
    return case((and_(*lists), element)) if lists else element
