"""The left side of a comparison, and the forms that the value on the right may have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from sqlalchemy import Date, Integer, Select, extract, select

from activerow.backends import DateOf, Utc
from activerow.errors import UsageError
from activerow.lookups import LOOKUPS, Lookup
from activerow.mapping import Check, Type, comparing_check, kind_of, refusal
from activerow.query.lookups.paths import Field

CUT: Final = "activerow_cut"
SHOWS_HIDDEN: Final = "activerow_shows_hidden"
"""Execution options by which a query tells of its SELECT what the statement around it has to know."""

_PAIR: Final = 2
_OF_A_RELATION: Final = ("exact", "ne", "in", "not_in", "isnull")
_OF_SEVERAL_COLUMNS: Final = ("exact", "ne")


@dataclass(frozen=True, eq=False)
class Operand:
    """A field, a part of its moment, or what keys lead to in its document."""

    field: Field
    part: str | None = None
    keys: tuple[str, ...] = ()

    @cached_property
    def path(self) -> str:
        """How it is written."""
        return "__".join((self.field.path, *self.keys, *([self.part] if self.part is not None else [])))

    @cached_property
    def type(self) -> Type | None:
        """What it is in SQL; None for a relation or several columns."""
        if self.part is None:
            return self.field.type
        return Date() if self.part == "date" else Integer()

    @cached_property
    def check(self) -> Check | None:
        """The check of what it is compared with."""
        return None if self.type is None else comparing_check(self.type)

    def column(self, entity: Any) -> Any:
        """Its SQL, on the field's model or an alias of it."""
        column = getattr(entity, self.field.name)
        if self.part is None:
            return column
        is_moment = kind_of(cast("Type", self.field.type)).name == "datetime"
        moment = Utc(column) if is_moment else column
        return DateOf(moment) if self.part == "date" else extract(self.part, moment)

    def fitting(self, value: object) -> object:
        """The value, once it is accepted.

        Raises:
            InvalidDataError: The column could not hold it.
        """
        reason = self.check(value, None) if self.check is not None else None
        if reason is not None:
            reason = reason if self.part is None else f"its {self.part}: {reason}"
            raise refusal(self.field.owner, self.field.name, reason, value)
        return value

    def refused(self, lookup: Lookup, expectation: str) -> UsageError:
        """The error for a value that does not fit the lookup."""
        return UsageError(f"{self.path}__{lookup.word} {expectation}")

    def null_refused(self, lookup: Lookup) -> UsageError:
        """The error for None."""
        return self.refused(lookup, f"cannot compare with None; ask for NULL with {self.path}__isnull=True")


def offered(field: Field, part: str | None) -> tuple[Lookup, ...]:
    """The lookups that a field, or a part of it, offers."""
    if field.relation is not None:
        return tuple(LOOKUPS[word] for word in _OF_A_RELATION)
    if field.type is None:
        return tuple(LOOKUPS[word] for word in _OF_SEVERAL_COLUMNS)
    kind = kind_of(cast("Type", Operand(field, part).type)).name
    return tuple(lookup for lookup in LOOKUPS.values() if not lookup.kinds or kind in lookup.kinds)


# --- values ---------------------------------------------------------------------------------------------------------


def items_of(operand: Operand, lookup: Lookup, value: Any) -> list[Any]:
    """The value as a list.

    Raises:
        UsageError: It is none.
    """
    items: Any = value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise operand.refused(lookup, f"takes a list of values, not {kind_name(cast('object', value))}")
    return list(items)


def subquery_of(operand: Operand, lookup: Lookup, value: Any) -> Any:
    """A query, or a SELECT, as the right side of IN; None where the value is neither.

    Raises:
        UsageError: It shows hidden rows, which the statement around it would hide again.
    """
    keys: Any = getattr(value, "keys_apart", None)
    statement: Any = keys() if keys is not None else value
    if not issubclass(statement.__class__, Select):
        return None
    options: Any = statement.get_execution_options()
    if options.get(SHOWS_HIDDEN):
        raise operand.refused(lookup, "takes no query with with_deleted() or only_deleted(): read its keys before")
    # MySQL and MariaDB take no LIMIT in the subquery of an IN.
    return select(*statement.subquery().c) if options.get(CUT) else statement


def pair_of(operand: Operand, lookup: Lookup, value: Any) -> tuple[Any, Any]:
    """The value as two values.

    Raises:
        UsageError: There are not two.
    """
    pair = cast("list[Any]", value) if isinstance(value, list | tuple) else []
    if len(pair) != _PAIR:
        raise operand.refused(lookup, "takes two values, (low, high)")
    return pair[0], pair[1]


def flag_of(operand: Operand, lookup: Lookup, value: object) -> bool:
    """The value as a truth value.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(value, bool):
        raise operand.refused(lookup, f"takes True or False, not {kind_name(value)}")
    return value


def kind_name(value: object) -> str:
    """The type of a value, for a message."""
    return "None" if value is None else type(value).__name__
