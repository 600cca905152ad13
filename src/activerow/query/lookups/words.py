"""The lookups that are there from the start."""

from typing import Any, cast

from sqlalchemy import ColumnElement, String, and_, or_

from activerow.backends import IExact, ILike, Like, Pattern, Regex, TextMatch, UnicodeIExact, UnicodeILike
from activerow.lookups import Lookup, register

Condition = ColumnElement[bool]
Sql = ColumnElement[Any]

# --- NULL -----------------------------------------------------------------------------------------------------------


class _Null(Lookup):
    word, takes, of_null = "isnull", "nothing", True

    def sql(self, column: Sql, value: None) -> Condition:
        del value
        return column.is_(None)


class _NotNull(Lookup):
    word, takes, of_null = "isnull", "nothing", False

    def sql(self, column: Sql, value: None) -> Condition:
        del value
        return column.is_not(None)


NULL, NOT_NULL = _Null(), _NotNull()


@register
class IsNull(Lookup):
    """Without a value, or with one."""

    word, takes, also = "isnull", "flag", ("is_null", "null", "is")
    summary = "`true`: without a value; `false`: with one."

    def chosen(self, value: Any) -> Lookup:
        return NULL if value else NOT_NULL


# --- one value ------------------------------------------------------------------------------------------------------


@register
class Exact(Lookup):
    """Equal; None is NULL."""

    word, also = "exact", ("eq", "equals")
    summary = "Exactly this."

    def chosen(self, value: Any) -> Lookup:
        return NULL if value is None else self

    def sql(self, column: Sql, value: Sql) -> Condition:
        return column == value


@register
class Ne(Lookup):
    """Not equal; None is NULL."""

    word, also = "ne", ("neq", "not", "not_eq", "isnot")
    summary = "Anything but this; rows without a value are left out."

    def chosen(self, value: Any) -> Lookup:
        return NOT_NULL if value is None else self

    def sql(self, column: Sql, value: Sql) -> Condition:
        return column != value


@register
class Gt(Lookup):
    """Greater."""

    word, summary = "gt", "More than this."

    def sql(self, column: Sql, value: Sql) -> Condition:
        return column > value


@register
class Gte(Lookup):
    """Greater or equal."""

    word, summary, also = "gte", "This or more.", ("ge",)

    def sql(self, column: Sql, value: Sql) -> Condition:
        return column >= value


@register
class Lt(Lookup):
    """Less."""

    word, summary = "lt", "Less than this."

    def sql(self, column: Sql, value: Sql) -> Condition:
        return column < value


@register
class Lte(Lookup):
    """Less or equal."""

    word, summary, also = "lte", "This or less.", ("le",)

    def sql(self, column: Sql, value: Sql) -> Condition:
        return column <= value


# --- several values -------------------------------------------------------------------------------------------------


@register
class Between(Lookup):
    """From the first value to the second, both included."""

    word, takes, also = "between", "pair", ("range",)

    def sql(self, column: Sql, value: Any) -> Condition:
        low, high = value
        return column.between(low, high)


@register
class Within(Lookup):
    """From the first moment up to the second, which does not belong to it."""

    word, kinds, takes = "within", ("datetime",), "pair"

    def sql(self, column: Sql, value: Any) -> Condition:
        start, end = value
        return and_(column >= start, column < end)


@register
class In(Lookup):
    """One of the values."""

    word, takes, also = "in", "list", ("in_", "one_of")
    summary = "One of these, separated by commas."

    def chosen(self, value: Any) -> Lookup:
        return _IN_NOTHING if _is_empty(value) else _IN_OR_NULL if _has_none(value) else self

    def sql(self, column: Sql, value: Any) -> Condition:
        return column.in_(value)


class _InOrNull(In):
    of_null = True

    def sql(self, column: Sql, value: Any) -> Condition:
        return or_(column.in_(value), column.is_(None))


@register
class NotIn(Lookup):
    """None of the values."""

    word, takes, also = "not_in", "list", ("nin", "notin", "not_in_")
    summary = "None of these, separated by commas; rows without a value are left out."

    def chosen(self, value: Any) -> Lookup:
        return _NOT_IN_NOTHING if _is_empty(value) else _NEITHER_IN_NOR_NULL if _has_none(value) else self

    def sql(self, column: Sql, value: Any) -> Condition:
        return column.not_in(value)


class _NeitherInNorNull(NotIn):
    of_null = False

    def sql(self, column: Sql, value: Any) -> Condition:
        return and_(column.not_in(value), column.is_not(None))


class _InNothing(In):
    of_null = False


class _NotInNothing(NotIn):
    of_null = True


_IN_OR_NULL, _NEITHER_IN_NOR_NULL = _InOrNull(), _NeitherInNorNull()
_IN_NOTHING, _NOT_IN_NOTHING = _InNothing(), _NotInNothing()


def _is_empty(value: Any) -> bool:
    return isinstance(value, list) and not value


def _has_none(value: Any) -> bool:
    # By identity: SQL among the values would answer `==` with SQL.
    return isinstance(value, list) and any(item is None for item in cast("list[object]", value))


# --- texts ----------------------------------------------------------------------------------------------------------


class _Match(Lookup):
    """A text matches a pattern, letter case included."""

    kinds = ("text", "json", "any")
    shape = ""

    def __init__(self) -> None:
        self.takes = Pattern(self.shape or self.word, "exact")

    def sql(self, column: Sql, value: Any) -> Condition:
        return Like(column, value)


class _Folding(_Match):
    """The same whatever the case.

    SQLite by itself folds ASCII letters only, which is enough where the value has no others.
    """

    ascii: type[TextMatch] = ILike
    unicode: type[TextMatch] = UnicodeILike

    def __init__(self, case: str = "ascii") -> None:
        self.takes = Pattern(self.shape, case)
        self._match = self.ascii if case == "ascii" else self.unicode
        self._beyond_ascii = type(self)("unicode") if case == "ascii" else self

    def chosen(self, value: Any) -> Lookup:
        return self if not isinstance(value, str) or value.isascii() else self._beyond_ascii

    def sql(self, column: Sql, value: Any) -> Condition:
        return self._match(column, value)


@register
class Contains(_Match):
    """The text has the value in it; of a JSON list, the value is a member."""

    word, summary = "contains", "With this text in it."


@register
class StartsWith(_Match):
    """The text begins with the value."""

    word, summary = "startswith", "Beginning with this text."


@register
class EndsWith(_Match):
    """The text ends with the value."""

    word, summary = "endswith", "Ending with this text."


@register
class LikePattern(_Match):
    """The text matches a pattern with `%` and `_`."""

    word = "like"


@register
class IContains(_Folding):
    """As `contains`, whatever the case."""

    word, shape, summary = "icontains", "contains", "With this text in it, in upper or lower case."


@register
class IStartsWith(_Folding):
    """As `startswith`, whatever the case."""

    word, shape, summary = "istartswith", "startswith", "Beginning with this text, in upper or lower case."


@register
class IEndsWith(_Folding):
    """As `endswith`, whatever the case."""

    word, shape, summary = "iendswith", "endswith", "Ending with this text, in upper or lower case."


@register
class IExactly(_Folding):
    """As `exact`, whatever the case."""

    word, shape, summary = "iexact", "exact", "This text, in upper or lower case."
    ascii, unicode = IExact, UnicodeIExact


@register
class ILikePattern(_Folding):
    """As `like`, whatever the case."""

    word, shape = "ilike", "like"


@register
class RegularExpression(Lookup):
    """The text contains a match of a regular expression, in the server's own dialect."""

    word, kinds, takes, also = "regex", ("text", "json", "any"), String(), ("matches", "match")

    def sql(self, column: Sql, value: Any) -> Condition:
        return Regex(column, value)


# --- documents ------------------------------------------------------------------------------------------------------


@register
class HasKey(Lookup):
    """A JSON document has the key, or a list the place."""

    word, kinds = "has_key", ("json",)
