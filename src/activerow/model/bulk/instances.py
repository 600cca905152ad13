"""The instances that inserted rows become, with their keys and what the database has computed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.base import instance_state

from activerow.database.flush import take_in
from activerow.mapping import Entity, entity_of, is_expression
from activerow.model.bulk.groups import Group
from activerow.query import read_expired


async def stored(
    session: AsyncSession,
    model: type,
    groups: list[Group],
    told: Mapping[Group, list[Any]],
    given: Callable[[int], Any],
) -> list[Any]:
    """The rows of a batch as instances of the session, in the order in which they were given.

    Args:
        session: In whose transaction they were inserted.
        model: The class that the call was made on.
        groups: The rows as they were sent.
        told: The keys that the INSERTs of a group have told.
        given: The row at a position: an instance among them is the one that it becomes.
    """
    sync = session.sync_session
    rows: dict[int, Any] = {}
    unread: list[tuple[object, list[str]]] = []
    for group in groups:
        entity = entity_of(group.layout.model)
        for position, values, said in _shown(entity, group, told.get(group)):
            rows[position] = row = _instance(entity, given(position), values)
            take_in(sync, instance_state(row), said)
            missing = [name for name in entity.columns if name not in values]
            if missing:
                unread.append((row, missing))
    for row, names in unread:
        sync.expire(row, names)
    if unread:
        await read_expired(session, model)
    return [rows[position] for position in sorted(rows)]


def _shown(
    entity: Entity, group: Group, keys: list[Any] | None
) -> Iterator[tuple[int, dict[str, Any], tuple[str, ...]]]:
    """Of each row its position, the values that are known, and the names among them that the program gave."""
    layout, taken = group.layout, group.taken
    told = [name for name, column in entity.columns.items() if column is layout.table.autoincrement_column]
    said = tuple(name for name in layout.given if name != group.reserved)
    columns = [
        (s.name, values) for s, values in zip(layout.sources, taken.columns, strict=True) if s.name in entity.columns
    ]
    for index, position in enumerate(group.positions):
        values = {name: column[index] for name, column in columns}
        if index in taken.with_sql:
            values = {name: value for name, value in values.items() if not is_expression(value)}
        if keys is not None:
            values[told[0]] = keys[index]
        yield position, values, said


def _instance(entity: Entity, given: Any, values: dict[str, Any]) -> Any:
    """The instance that was given, or a new one as if it were read, showing the values."""
    if isinstance(given, entity.model):
        instance_state(given).dict.update(values)
        return given
    row = entity.new_row(values)
    state: Any = instance_state(row)
    state.manager.dispatch.load(state, None)
    return row
