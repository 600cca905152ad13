"""Rows as callers have them: dicts, Pydantic models, instances; in a list, a generator, an asynchronous generator."""

import inspect as python
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from itertools import islice
from typing import Any, cast

from sqlalchemy import inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstanceState, Mapper, RelationshipDirection

from activerow.errors import UsageError
from activerow.mapping import (
    check_class,
    discriminator_of,
    fields_of,
    mapper_of,
    primary_key_names,
    says_own_class,
)
from activerow.model.bulk.layout import Layout, Row, insert_layout
from activerow.model.rows import collect

Rows = Iterable[object] | AsyncIterable[object]
Placed = tuple[Layout, Row]


class RowReader:
    """Tells what each row gives, as a mapping of columns and their layout."""

    def __init__(self, model: type, dialect: Dialect) -> None:
        self.model, self.dialect = model, dialect
        self.mapper = mapper_of(model)
        fields = fields_of(model)
        writable = (*primary_key_names(model), *fields.insert_only, *fields.settable_columns)
        self._writable: dict[str, Any] = {
            name: self.mapper.column_attrs[name].columns[0] for name in dict.fromkeys(writable)
        }
        self._relations = fields.relations
        self._class_word = discriminator_of(self.mapper)
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._kinds: dict[type, RowReader] = {}

    def read(self, row: object) -> Placed | None:
        """The layout of a row, and its columns; None for a row of which nothing is to be written.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: It gives something that is no column.
            UsageError: It is none of the three kinds of rows, or an instance that is not to be written like this.
        """
        if row.__class__ is dict:
            return self.placed(cast("dict[str, Any]", row))
        if isinstance(row, self.model):
            kind = row.__class__
            reader = self if kind is self.model else self._kinds.get(kind)
            if reader is None:
                reader = self._kinds[kind] = self.for_class(kind)
            return reader.read_instance(inspect(row, raiseerr=True))
        return self.placed(collect(row, {}) if row is not None else self._refuse(row))

    def for_class(self, kind: type) -> "RowReader":
        """The reader for instances of a subclass."""
        return type(self)(kind, self.dialect)

    def layout(self, names: frozenset[str]) -> Layout:
        """The layout of rows that give `names`."""
        return insert_layout(self.model, names, self.dialect, filled=True)

    def read_instance(self, state: InstanceState[Any]) -> Placed | None:
        """The same for an instance of the very class."""
        row = state.obj()
        if state.key is not None:
            raise UsageError(f"{row!r} is stored already; upsert_many() writes rows that may be there")
        return self.placed(self.values_of(state))

    def placed(self, row: dict[str, Any]) -> Placed:
        """The layout of a mapping, and its columns."""
        names = tuple(row)
        layout = self._layouts.get(names)
        if layout is None:
            own = self._class_word
            if own is not None and own in row and says_own_class(self.model, own, row[own]):
                return self.placed({name: value for name, value in row.items() if name != own})
            related = [name for name in names if self.is_to_one(name)]
            if related:
                return self.placed(self._with_keys(row, related))
            layout = self._layouts[names] = self.layout(frozenset(names))
        if layout.generated is not None and row[layout.generated] is None:
            return self.placed({name: value for name, value in row.items() if name != layout.generated})
        return layout, row

    def _refuse(self, row: object) -> dict[str, Any]:
        raise UsageError(
            f"rows are mappings, Pydantic models or instances of {self.model.__name__}, not {type(row).__name__}"
        )

    # -- relations -----------------------------------------------------------------------------------------------

    def is_to_one(self, name: object) -> bool:
        """Whether a row of its relation gives its key."""
        relation = self.mapper.relationships.get(cast("str", name))
        return relation is not None and relation.direction is RelationshipDirection.MANYTOONE and not relation.viewonly

    def _with_keys(self, row: dict[str, Any], related: list[str]) -> dict[str, Any]:
        """The row with the keys of the rows it refers to in their place."""
        columns = {name: value for name, value in row.items() if name not in related}
        for name in related:
            for key, value in self.key_of_relative(name, row[name]).items():
                columns.setdefault(key, value)
        return columns

    def key_of_relative(self, name: str, value: Any) -> dict[str, Any]:
        """The columns by which a row refers to `value`, its to-one relative."""
        relation = self.mapper.relationships[name]
        target: Mapper[Any] = relation.mapper
        if value is not None and not isinstance(value, target.class_):
            raise UsageError(
                f"{self.model.__name__}.{name} takes a row of {target.class_.__name__}, not {type(value).__name__}"
            )
        state: InstanceState[Any] | None = inspect(value) if value is not None else None
        if state is not None and state.key is None:
            raise UsageError(f"{self.model.__name__}.{name} is {value!r}, which has no key yet: save() it first")
        key: dict[str, Any] = {}
        for local, remote in relation.local_remote_pairs or ():
            attribute = self.mapper.get_property_by_column(local).key
            key[attribute] = (
                None if state is None else self._part(name, state, target.get_property_by_column(remote).key)
            )
        return key

    def _part(self, name: str, state: InstanceState[Any], attribute: str) -> object:
        if attribute not in state.dict:
            raise UsageError(f"{self.model.__name__}.{name} is {state.obj()!r}, whose {attribute!r} is not loaded")
        return state.dict[attribute]

    # -- instances -----------------------------------------------------------------------------------------------

    def values_of(self, state: InstanceState[Any]) -> dict[str, Any]:
        """What an instance has set; None counts where the column has nothing better, as in a flush."""
        if state.key is None and state.session is not None:
            row = state.obj()
            raise UsageError(f"{row!r} was added to a session, which will insert it; take it out, or leave it to that")
        check_class(state)
        values: dict[str, Any] = {}
        for name, column in self._writable.items():
            if name in state.dict:
                better = column.primary_key or column.default is not None or column.server_default is not None
                if state.dict[name] is not None or not better:
                    values[name] = state.dict[name]
        for name in self._relations:
            value = state.dict.get(name)
            if self.is_to_one(name) and value is not None:
                values |= self.key_of_relative(name, value)
            elif value and state.key is None and not self.mapper.relationships[name].viewonly:
                raise UsageError(
                    f"{state.obj()!r} has rows in {name!r}, which many rows at once do not save; create() it"
                )
        return values


class StoredRowReader(RowReader):
    """The same for rows that may be there: rows that give the same names have one layout."""

    def layout(self, names: frozenset[str]) -> Layout:
        return insert_layout(self.model, names, self.dialect, filled=False)

    def read_instance(self, state: InstanceState[Any]) -> Placed | None:
        return self.placed(self.values_of(state))


async def batches(rows: Rows, size: int) -> AsyncGenerator[list[object], None]:
    """The rows in lists of at most `size`; no more of them are held than that.

    Raises:
        UsageError: `rows` is one row, or nothing that can be iterated.
    """
    if isinstance(rows, AsyncIterable):
        iterator = aiter(rows)
        try:
            while batch := await _next_async(iterator, size):
                yield batch
        finally:
            if python.isasyncgen(iterator):
                await iterator.aclose()
        return
    if _is_one(rows):
        raise UsageError(f"rows are many: a list or a generator, not {type(rows).__name__}")
    iterating = iter(rows)
    while chunk := list(islice(iterating, size)):
        yield chunk


def _is_one(rows: object) -> bool:
    return isinstance(rows, Mapping | str | bytes) or not hasattr(rows, "__iter__")


async def _next_async(iterator: AsyncIterator[object], size: int) -> list[object]:
    batch: list[object] = []
    async for row in iterator:
        batch.append(row)
        if len(batch) == size:
            break
    return batch
