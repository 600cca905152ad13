"""Adding members to a to-many relation, and taking them out, loaded or not."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper, RelationshipProperty, aliased
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import instance_state

from activerow.errors import UsageError
from activerow.mapping import is_partial, primary_key_names
from activerow.members import With, Without
from activerow.model.rows.attaching import append, at_home

State = InstanceState[Any]
Key = tuple[Any, ...]


def take_out(state: State, relation: RelationshipProperty[Any], rows: Iterable[object]) -> bool:
    """Take `rows` out of a relation that is in memory; says whether anything changed.

    Raises:
        NotLoadedError: It is not in memory.
    """
    present: Any = getattr(state.obj(), relation.key)
    impl: Any = state.manager[relation.key].impl
    members = [member for row in rows if (member := _same(present._sa_adapter, row)) is not None]
    for member in members:
        impl.remove(state, state.dict, member, None)
    return bool(members)


def put_in(state: State, relation: RelationshipProperty[Any], rows: Iterable[object]) -> bool:
    """Add those of `rows` that a relation, which is in memory, does not have; says whether anything changed.

    Raises:
        NotLoadedError: It is not in memory.
    """
    row: Any = state.obj()
    present: Any = getattr(row, relation.key)
    missing: list[object] = []
    for each in rows:
        if _same([*present._sa_adapter, *missing], each) is None:
            missing.append(each)
    for each in missing:
        append(row, relation.key, each)
    return bool(missing)


@asynccontextmanager
async def members_at_hand(
    session: AsyncSession, row: object, given: Mapping[str, object]
) -> AsyncGenerator[None, None]:
    """For the block, have in memory what `given` names of relations that are not loaded, and nothing else of them.

    Raises:
        UsageError: A row to take out is not stored.
    """
    state: State = instance_state(row)
    short: list[str] = []
    try:
        for name, value in given.items():
            if isinstance(value, With | Without) and state.key is not None:
                found = await _linked(session, state, name, _stored(value))
                if name not in state.dict:
                    short.append(name)
                    set_committed_value(row, name, found)
                else:
                    for member in found:
                        state.dict[name]._sa_adapter.append_without_event(member)
        yield
    finally:
        for name in short:
            state.dict.pop(name, None)
            state.committed_state.pop(name, None)


def _stored(value: With | Without) -> Iterable[object]:
    """The rows that may be members; a new one is none yet."""
    return value.rows if isinstance(value, Without) else [row for row in value.rows if instance_state(row).key]


async def _linked(session: AsyncSession, state: State, name: str, rows: Iterable[object]) -> list[object]:
    """Those of the rows that the relation has in the database, but does not show."""
    if name in state.dict and not is_partial(state, name):
        return []
    relation: RelationshipProperty[Any] = state.mapper.relationships[name]
    shown = state.dict[name]._sa_adapter if name in state.dict else ()
    asked = {_key(row): row for row in rows if _same(shown, row) is None}
    if not asked:
        return []
    result = await session.execute(_links(relation, state, asked))
    return [at_home(state, asked[tuple(key)]) for key in result]


def _links(relation: RelationshipProperty[Any], state: State, keys: Iterable[Key]) -> Select[Any]:
    """SELECT of the primary keys that the relation leads to from the row, among `keys`."""
    owner, target = state.mapper.class_, aliased(relation.mapper.class_)
    there = _is_one_of(target, relation.mapper, keys)
    here = _is_one_of(owner, state.mapper, [state.key[1] if state.key is not None else ()])
    columns = [getattr(target, name) for name in primary_key_names(relation.mapper.class_)]
    statement = cast("Select[Any]", select(*columns)).select_from(owner)
    return statement.join(getattr(owner, relation.key).of_type(target)).where(here, there).distinct()


def _is_one_of(entity: Any, mapper: Mapper[Any], keys: Iterable[Key]) -> ColumnElement[bool]:
    columns = [getattr(entity, name) for name in primary_key_names(mapper.class_)]
    return or_(*[and_(*[column == value for column, value in zip(columns, key, strict=True)]) for key in keys])


def _key(row: object) -> Key:
    state: State = instance_state(row)
    if state.key is None:
        raise UsageError(f"{row!r} is not stored, and no member of anything: it cannot be taken out")
    return state.key[1]


def _same(members: Iterable[object], row: object) -> object | None:
    """The object of the same row among `members`."""
    key = instance_state(row).key
    same = (member for member in members if member is row or (key is not None and instance_state(member).key == key))
    return next(same, None)
