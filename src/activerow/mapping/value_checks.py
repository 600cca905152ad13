"""Values that do not fit their columns, found before a statement is sent.

The same values are refused on every backend. SQLite would store a text that is too long, a number that is out of range
or a value of the wrong type without a word; PostgreSQL refuses them without naming the column; MySQL sees them only
when the row arrives. So a column takes what PostgreSQL takes there, and nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Column
from sqlalchemy.orm import InstanceState, Mapper

from activerow.errors import InvalidDataError, UsageError
from activerow.mapping.column_kinds import Type, check_for, comparing_check
from activerow.mapping.inspection import discriminator_of, says_own_class
from activerow.mapping.read_only import refused_name
from activerow.mapping.type_checks import Check

_checks: "WeakKeyDictionary[Mapper[Any], tuple[tuple[str, Check], ...]]" = WeakKeyDictionary()


def check_row(state: InstanceState[Any], *, backend: str | None = None) -> None:
    """Refuse values of a row that would be sent and do not fit: all of a new row, the changed ones of a stored row.

    Raises:
        InvalidDataError: For the first such value.
        ReadOnlyFieldError: The row says that it is of another class of its hierarchy.
    """
    if state.mapper.polymorphic_on is not None:
        check_class(state)
    if state.key is None:
        check_values(state.mapper, state.dict, operation="insert", backend=backend)
    elif state.modified:
        changed = {name: state.dict.get(name) for name in state.committed_state}
        check_values(state.mapper, changed, operation="update", backend=backend)


def check_class(state: InstanceState[Any]) -> None:
    """Accept a row that says of itself what it is.

    Raises:
        ReadOnlyFieldError: It says that it is of another class of its hierarchy.
    """
    name = discriminator_of(state.mapper)
    said = state.dict.get(name) if name is not None else None
    if name is not None and said is not None and not says_own_class(state.class_, name, said):
        raise refused_name(state.class_, name, ())


def check_values(
    mapper: Mapper[Any], values: Mapping[str, object], *, operation: str | None = None, backend: str | None = None
) -> None:
    """Refuse a value that does not fit its column; None and SQL expressions always pass.

    Args:
        mapper: Of the model whose row is written.
        values: Attribute to value; what is no column is passed over.
        operation: `insert` or `update`, for the error.
        backend: Name of the dialect, for the few values that only some backends can store.

    Raises:
        InvalidDataError: For the first such value, in the order of the columns.
    """
    for name, check in _checks_of(mapper):
        value = values.get(name)
        if value is None:
            continue
        reason = check(value, backend)
        if reason is not None and not is_expression(value):
            raise InvalidDataError(
                model=mapper.class_.__name__,
                operation=operation,
                table=getattr(mapper.local_table, "name", None),
                columns=(name,),
                values={name: value},
                reason=reason,
            )


def is_expression(value: object) -> bool:
    """SQL, rather than a value to bind."""
    return hasattr(value, "__clause_element__") or hasattr(value, "get_children")


def _checks_of(mapper: Mapper[Any]) -> tuple[tuple[str, Check], ...]:
    checks = _checks.get(mapper)
    if checks is None:
        checks = _checks[mapper] = tuple(_compiled(mapper))
    return checks


def _compiled(mapper: Mapper[Any]) -> Iterable[tuple[str, Check]]:
    for name, attribute in mapper.column_attrs.items():
        column = attribute.columns[0]
        check = check_for(column.type) if isinstance(column, Column) else None
        if check is not None:
            yield name, check


def check_comparable(model: type, name: str, type_: Type, value: object) -> None:
    """Refuse a value that the column `name` of `model` could not hold, whatever its length.

    Raises:
        InvalidDataError: The value is of another type, or no backend can take it.
    """
    check = comparing_check(type_)
    reason = check(value, None) if check is not None else None
    if reason is not None:
        raise refusal(model, name, reason, value)


def refusal(model: type, name: str, reason: str, value: object = None) -> InvalidDataError:
    """The error for a value that cannot be compared with the column `name`."""
    return InvalidDataError(
        model=model.__name__, operation="select", columns=(name,), values={name: value}, reason=reason
    )


def collect(values: object, columns: Mapping[str, object]) -> dict[str, object]:
    """One dict of a mapping or Pydantic model and keyword arguments; the latter win.

    Raises:
        UsageError: `values` is neither.
    """
    if values is None:
        return dict(columns)
    if isinstance(values, Mapping):
        return {**values, **columns}
    names = getattr(values, "model_fields_set", None)
    if names is None:
        raise UsageError(f"values must be a mapping or a Pydantic model, not {type(values).__name__}")
    return {**{name: getattr(values, name) for name in names}, **columns}
