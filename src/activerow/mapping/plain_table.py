"""The table of a model as writes without a Session see it: what stands in columns that are given no value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Column, Computed, Identity

from activerow.mapping.column_kinds import check_for
from activerow.mapping.entity import Entity, entity_of
from activerow.mapping.hooks import hooks_of
from activerow.mapping.type_checks import Check

Maker = Callable[[dict[str, object]], object]
"""Makes a value for a row of which these values are known."""

F = TypeVar("F", bound=Callable[..., Any])


def own_default(default: F) -> F:
    """Mark a default of ours, which asks its context for nothing but `current_parameters`."""
    default.activerow = True  # type: ignore[attr-defined]  # functions take attributes, their type does not say so
    return default


@dataclass(frozen=True, slots=True)
class _Context:
    """What such a default is given."""

    current_parameters: dict[str, object]


@dataclass(frozen=True, slots=True)
class PlainColumn:
    """One column, as an INSERT or UPDATE of its row sees it.

    Attributes:
        name: Of the attribute.
        key: Of the column, in a statement.
        check: What is wrong with a value.
        default: Makes the value of a new row that is given none.
        on_update: Makes the value of a row that is changed.
        is_null: A new row that is given none has NULL.
        is_made: The server makes the value of a new row that is given none.
    """

    name: str
    key: str
    column: Column[Any]
    check: Check | None
    default: Maker | None
    on_update: Maker | None
    is_null: bool
    is_made: bool


class PlainTable:
    """The table of a model, for writing rows without a Session; `against` says why that cannot be."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.table = cast("Any", entity.mapper.local_table)
        self.against: list[str] = []
        self.columns = [self._column(name, column) for name, column in entity.columns.items()]
        self.by_name = {column.name: column for column in self.columns}
        self.counter: str | None = None
        counter = self.table.autoincrement_column if entity.reads_directly() else None
        if counter is not None and len(entity.keys) == 1:
            self.counter = entity.keys[0]
        self.moving = [column for column in self.columns if column.on_update is not None]

    @classmethod
    def of(cls, entity: Entity) -> "PlainTable":
        """The table of an entity; answered from memory after the first time."""
        found: PlainTable | None = entity.memory.get(cls)
        if found is None:
            found = entity.memory[cls] = cls(entity)
        return found

    def _column(self, name: str, column: Column[Any]) -> PlainColumn:
        default, on_update = self._maker(column.default), self._maker(column.onupdate)
        if column.server_onupdate is not None:
            self.against.append(f"{name} is computed by the server with each UPDATE")
        made = column.server_default is not None
        if isinstance(column.server_default, Computed | Identity):
            self.against.append(f"{name} is computed by the server")
        kind: Any = column.type
        is_null = not (column.primary_key or made or column.default is not None or kind.should_evaluate_none)
        if kind.should_evaluate_none:
            self.against.append(f"{name} tells NULL from None")
        return PlainColumn(name, column.key, column, check_for(column.type), default, on_update, is_null, made)

    def _maker(self, default: Any) -> Maker | None:
        if default is None:
            return None
        if default.is_scalar:
            value = default.arg
            return lambda _values: value
        if default.is_callable and hasattr(default.arg, "__wrapped__"):
            make = default.arg
            return lambda _values: make(None)
        if default.is_callable and getattr(default.arg, "activerow", False):
            ask = default.arg
            return lambda values: ask(_Context(values))
        self.against.append(f"the default of {default.column.name} is SQL, a sequence, or depends on the row")
        return None


def against_direct(model: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why rows of a model are read, and written, by a Session always; empty where the driver's own call may do it."""
    entity = entity_of(model)
    reading = entity.against_reading
    if reading:
        return reading, reading
    hooks = () if hooks_of(model) is None else ("it has hooks",)
    return (), (*entity.against_writing, *PlainTable.of(entity).against, *hooks)
