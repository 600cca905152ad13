"""One lookup on one operand: the value is checked, bound, and compared, in three steps that know nothing of each other.

So names are resolved once per model and path, and SQL depends on the form of a value alone, never on the value.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import String, bindparam
from sqlalchemy.types import TupleType, TypeEngine

from activerow.lookups import Lookup
from activerow.mapping import Type, bound_as, comparing_check, is_expression, kind_of, refusal
from activerow.q import Condition
from activerow.query.lookups.operands import Operand, flag_of, items_of, kind_name, pair_of, subquery_of

_MOST_PARAMETERS: Final = 10_000


class Given(NamedTuple):
    """A value that was accepted.

    Attributes:
        form: What of it the SQL depends on; None where that is the value itself.
        value: What is bound, or SQL.
        of_null: What the comparison then says of NULL: True, False, or None for unknown.
    """

    form: Hashable
    value: Any
    of_null: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(ABC):
    """A lookup on an operand; one object serves all conditions that say the same."""

    operand: Operand
    lookup: Lookup

    @abstractmethod
    def given(self, value: Any) -> Given:
        """Accept a value.

        Raises:
            UsageError: It does not fit the lookup.
            InvalidDataError: It could not be in the column.
        """

    @abstractmethod
    def condition(self, entity: Any, given: Given) -> Condition:
        """The condition on `entity`, the field's model or an alias of it."""


class ShapedComparison(Comparison):
    """One whose SQL depends on the form of a value alone."""

    __slots__ = ()

    @abstractmethod
    def bound(self, given: Given) -> Any:
        """The accepted value as SQL."""

    @abstractmethod
    def sql(self, entity: Any, form: Hashable, bound: Any) -> Condition:
        """The condition for all values of a form."""

    def condition(self, entity: Any, given: Given) -> Condition:
        return self.sql(entity, given.form, self.bound(given))


class ColumnComparison(ShapedComparison):
    """Of a column, or a part of its moment."""

    __slots__ = ()

    def given(self, value: Any) -> Given:
        value = self._taken(value)
        lookup = self.lookup.chosen(value)
        fits = self._fitting(lookup, value)
        reason = None if is_expression(fits) else lookup.check(fits)
        if reason is not None:
            raise self.operand.refused(lookup, f"takes {reason}")
        return Given(lookup, fits, lookup.of_null)

    def _taken(self, value: Any) -> Any:
        """The value in the form that the lookup takes."""
        takes = self.lookup.takes
        if takes == "list":
            return self._several(value)
        if takes == "pair":
            return pair_of(self.operand, self.lookup, value)
        return flag_of(self.operand, self.lookup, value) if takes == "flag" else value

    def _several(self, value: Any) -> Any:
        subquery = subquery_of(self.operand, self.lookup, value)
        if subquery is None:
            return value if is_expression(value) else items_of(self.operand, self.lookup, value)
        if len(subquery.selected_columns) != 1:
            raise self.operand.refused(self.lookup, "takes a query of one column: name it with select(...)")
        return subquery

    def _fitting(self, lookup: Lookup, value: Any) -> Any:
        takes = lookup.takes
        if isinstance(takes, TypeEngine):
            return fitting(self.operand, lookup, takes, value)
        if takes == "list" and not is_expression(value):
            return [self._one(lookup, item) for item in value if item is not None]
        if takes == "pair":
            return tuple(self._one(lookup, item) for item in value)
        return self._one(lookup, value) if takes == "value" else value

    def _one(self, lookup: Lookup, value: Any) -> Any:
        if is_expression(value):
            return value
        if value is None:
            raise self.operand.null_refused(lookup)
        return self.operand.fitting(value)

    def bound(self, given: Given) -> Any:
        takes, value = cast("Lookup", given.form).takes, given.value
        if isinstance(takes, TypeEngine):
            return bindparam(None, value, takes, unique=True)
        if takes == "list" and not is_expression(value):
            return self._all_bound(value)
        if takes == "pair":
            return tuple(self._one_bound(item) for item in value)
        return self._one_bound(value) if takes == "value" else value

    def _one_bound(self, value: Any) -> Any:
        type_ = self.operand.type
        if type_ is None or is_expression(value):
            return value
        return bindparam(None, value, bound_as(type_, value), unique=True)

    def _all_bound(self, values: list[Any]) -> Any:
        if self.operand.type is None or any(is_expression(value) for value in values):
            return [self._one_bound(value) for value in values]
        return all_bound([bound_as(self.operand.type, values[0] if values else None)], values)

    def sql(self, entity: Any, form: Hashable, bound: Any) -> Condition:
        return cast("Lookup", form).sql(self.operand.column(entity), bound)


def fitting(operand: Operand, lookup: Lookup, type_: Type, value: Any) -> Any:
    """The value, once a lookup whose values are of a type of their own accepts it.

    Raises:
        UsageError: It is of another type.
        InvalidDataError: No column of that type could hold it.
    """
    is_text = kind_of(type_).name == "text"
    if is_text and not isinstance(value, str):
        raise operand.refused(lookup, f"takes a string, not {kind_name(value)}")
    if value is None:
        raise operand.null_refused(lookup)
    # A pattern, which converts its text, takes any text.
    check = comparing_check(String() if is_text else type_)
    reason = check(value, None) if check is not None else None
    if reason is not None:
        raise refusal(operand.field.owner, operand.field.name, reason, value)
    return value


def all_bound(types: Sequence[Type], values: Sequence[Any]) -> Any:
    """Any number of values, or of tuples of values of several columns, for an IN."""
    type_ = types[0] if len(types) == 1 else TupleType(*types)
    # Drivers count parameters in 15 or 16 bits; rendered and escaped in the statement there is no such limit.
    many = len(values) * len(types) > _MOST_PARAMETERS
    return bindparam(None, list(values), type_, expanding=True, literal_execute=many, unique=True)
