"""Rows as callers have them: dicts, Pydantic models, instances; in a list, a generator, an asynchronous generator."""

import inspect as python
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from itertools import islice
from typing import Any, cast

from sqlalchemy import inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstanceState, Mapper, RelationshipDirection

from activerow.errors import UsageError
from activerow.mapping import check_class, discriminator_of, fields_of, mapper_of, says_own_class
from activerow.model.bulk.columns import Row, Shape, shape_of, writable_names
from activerow.model.rows import collect

Rows = Iterable[object] | AsyncIterable[object]
Shaped = tuple[Shape, Row]


class RowReader:
    """Tells what each row gives, as a mapping of columns and its shape."""

    def __init__(self, model: type, dialect: Dialect, *, new: bool) -> None:
        """Read rows of `model`.

        Args:
            model: The class that the call was made on.
            dialect: Of the connection that they are sent to.
            new: They are not there yet: stored instances are refused.
        """
        self._model, self._dialect, self._new = model, dialect, new
        self._mapper = mapper_of(model)
        self._class_word = discriminator_of(self._mapper)
        self._known: dict[tuple[str, ...], Shape] = {}
        self._kinds: dict[type, RowReader] = {}

    def read(self, row: object) -> Shaped:
        """The shape of a row, and its columns.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: It gives something that is no column.
            UsageError: It is none of the three kinds of rows, or an instance that is stored already.
        """
        if row.__class__ is dict:
            return self._shaped(cast("dict[str, Any]", row))
        if isinstance(row, self._model):
            return self._of_instance(row)
        return self._shaped(collect(row, {}) if row is not None else self._refuse(row))

    def _shaped(self, row: dict[str, Any]) -> Shaped:
        names = tuple(row)
        shape = self._known.get(names)
        if shape is None:
            own = self._class_word
            if own is not None and own in row and says_own_class(self._model, own, row[own]):
                return self._shaped({name: value for name, value in row.items() if name != own})
            related = [name for name in names if self._is_to_one(name)]
            if related:
                return self._shaped(self._with_keys(row, related))
            shape = self._known[names] = shape_of(self._model, frozenset(names), self._dialect, filled=self._new)
        if shape.generated is not None and row[shape.generated] is None:
            return self._shaped({name: value for name, value in row.items() if name != shape.generated})
        return shape, row

    def _refuse(self, row: object) -> dict[str, Any]:
        raise UsageError(
            f"rows are mappings, Pydantic models or instances of {self._model.__name__}, not {type(row).__name__}"
        )

    # -- relations -----------------------------------------------------------------------------------------------

    def _is_to_one(self, name: object) -> bool:
        relation = self._mapper.relationships.get(cast("str", name))
        return relation is not None and relation.direction is RelationshipDirection.MANYTOONE and not relation.viewonly

    def _with_keys(self, row: dict[str, Any], related: list[str]) -> dict[str, Any]:
        """The row with the keys of the rows it refers to in their place."""
        columns = {name: value for name, value in row.items() if name not in related}
        for name in related:
            for key, value in self._key(name, row[name]).items():
                columns.setdefault(key, value)
        return columns

    def _key(self, name: str, value: Any) -> dict[str, Any]:
        relation = self._mapper.relationships[name]
        target: Mapper[Any] = relation.mapper
        if value is not None and not isinstance(value, target.class_):
            raise UsageError(
                f"{self._model.__name__}.{name} takes a row of {target.class_.__name__}, not {type(value).__name__}"
            )
        state: InstanceState[Any] | None = inspect(value) if value is not None else None
        if state is not None and state.key is None:
            raise UsageError(f"{self._model.__name__}.{name} is {value!r}, which has no key yet: save() it first")
        key: dict[str, Any] = {}
        for local, remote in relation.local_remote_pairs or ():
            attribute = self._mapper.get_property_by_column(local).key
            key[attribute] = (
                None if state is None else self._part(name, state, target.get_property_by_column(remote).key)
            )
        return key

    def _part(self, name: str, state: InstanceState[Any], attribute: str) -> object:
        if attribute not in state.dict:
            raise UsageError(f"{self._model.__name__}.{name} is {state.obj()!r}, whose {attribute!r} is not loaded")
        return state.dict[attribute]

    # -- instances -----------------------------------------------------------------------------------------------

    def _of_instance(self, row: object) -> Shaped:
        kind = row.__class__
        if kind is not self._model:
            if kind not in self._kinds:
                self._kinds[kind] = RowReader(kind, self._dialect, new=self._new)
            return self._kinds[kind].read(row)
        state: InstanceState[Any] = inspect(row, raiseerr=True)
        if self._new and state.key is not None:
            raise UsageError(f"{row!r} is stored already; upsert_many() writes rows that may be there")
        if state.key is None and state.session is not None:
            raise UsageError(f"{row!r} was added to a session, which will insert it; take it out, or leave it to that")
        return self._shaped(self._values(state))

    def _values(self, state: InstanceState[Any]) -> dict[str, Any]:
        """What an instance has set; None counts where the column has nothing better, as in a flush."""
        check_class(state)
        values: dict[str, Any] = {}
        for name in writable_names(self._model):
            if name in state.dict:
                column: Any = self._mapper.column_attrs[name].columns[0]
                better = column.primary_key or column.default is not None or column.server_default is not None
                if state.dict[name] is not None or not better:
                    values[name] = state.dict[name]
        for name in fields_of(self._model).relations:
            value = state.dict.get(name)
            if self._is_to_one(name) and value is not None:
                values |= self._key(name, value)
            elif value and state.key is None and not self._mapper.relationships[name].viewonly:
                raise UsageError(
                    f"{state.obj()!r} has rows in {name!r}, which many rows at once do not save; create() it"
                )
        return values


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
