"""Reading the related rows of many rows with one statement.

Where the rows of a relation are found by the values of columns alone (almost always), the statement needs no JOIN with
the table that one starts from: `SELECT posts.user_id, posts.* FROM posts WHERE posts.user_id IN (...)`. Any other
relation is joined, from an alias of that table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Select, bindparam, inspect, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper, RelationshipDirection, RelationshipProperty, aliased
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import instance_state
from sqlalchemy.orm.exc import UnmappedColumnError
from sqlalchemy.sql.util import ClauseAdapter

from activerow.mapping import criteria_of, equated_columns, hiding_of, is_hidden, is_partial, mark_whole

Key = tuple[Any, ...]
Known = Mapping[Any, object]
State = InstanceState[Any]


@dataclass(frozen=True, slots=True)
class Route:
    """How to get from rows to related ones: values of the former, and a statement that takes them as `keys`.

    The statement's rows are the values again, and after them a related row.
    """

    names: tuple[str, ...]
    statement: Select[Any]
    to_primary_key: bool


_routes: "WeakKeyDictionary[RelationshipProperty[Any], tuple[Route | None, Route]]" = WeakKeyDictionary()


async def fetch_related(
    session: AsyncSession, relation: RelationshipProperty[Any], states: Sequence[State], known: Known
) -> None:
    """Set `relation` on rows that have not got it, from one statement (none, where the session holds them all).

    A related row that is among `known` is that object, and not a second one for the same row.
    """
    short, sure = routes_of(relation)
    direct = [state for state in states if short is not None and key_of(state, short) is not None]
    if short is not None and direct:
        await _fetch(session, relation, short, direct, known)
    joined = [state for state in states if state not in set(direct)]
    if joined:
        await _fetch(session, relation, sure, joined, known)


def key_of(state: State, route: Route) -> Key | None:
    """The values to look for; None when one of them is not in memory."""
    values: list[Any] = []
    for name in route.names:
        if name in state.dict:
            values.append(state.dict[name])
        else:
            stored = _stored_key(state)
            if name not in stored:
                return None
            values.append(stored[name])
    return tuple(values)


def _stored_key(state: State) -> dict[str, Any]:
    mapper: Mapper[Any] = state.mapper
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    return dict(zip(names, state.key[1] if state.key is not None else (), strict=False))


async def _fetch(
    session: AsyncSession, relation: RelationshipProperty[Any], route: Route, states: Iterable[State], known: Known
) -> None:
    by_key: dict[Key, list[State]] = {}
    for state in states:
        by_key.setdefault(key_of(state, route) or (), []).append(state)
    found: dict[Key, list[object]] = {key: [] for key in by_key if None in key}
    if route.to_primary_key:
        found |= _held(relation, by_key, known.get) | _held(relation, by_key, session.sync_session.identity_map.get)
    missing = [key for key in by_key if key not in found]
    if missing:
        keys = [key[0] for key in missing] if len(route.names) == 1 else missing
        result = await session.execute(_visible(relation, route), {"keys": keys})
        for *key, row in result.unique():
            found.setdefault(tuple(key), []).append(known.get(instance_state(row).key, row))
    for key, group in by_key.items():
        for state in group:
            _set(state, relation, found.get(key, []))


def _visible(relation: RelationshipProperty[Any], route: Route) -> Select[Any]:
    """The statement of a route, which passes over hidden related rows; the rows that one starts from may be hidden."""
    target = cast("type", relation.mapper.class_)
    hiding = hiding_of(target)
    statement = route.statement if hiding is None else route.statement.where(hiding.criterion(relation.entity.entity))
    options = criteria_of(target, (cast("type", relation.parent.class_),))
    return statement.options(*options) if options else statement


def _held(
    relation: RelationshipProperty[Any], keys: Iterable[Key], get: Callable[[Any], object]
) -> dict[Key, list[object]]:
    """Those of the related rows that `get` has, by identity."""
    mapper: Mapper[Any] = relation.mapper
    held: dict[Key, list[object]] = {}
    for key in keys:
        row = get(mapper.identity_key_from_primary_key(key)) if None not in key else None
        if row is not None and isinstance(row, mapper.class_) and (hidden := is_hidden(row)) is not None:
            held[key] = [] if hidden else [row]
    return held


def _set(state: State, relation: RelationshipProperty[Any], rows: list[object]) -> None:
    row = state.obj()
    # Another task may have been quicker, and its caller may have changed the collection since.
    if row is not None and (relation.key not in state.dict or is_partial(state, relation.key)):
        mark_whole(state, relation.key)
        set_committed_value(row, relation.key, rows if relation.uselist else rows[0] if rows else None)


def statement_to(relation: RelationshipProperty[Any]) -> tuple[tuple[str, ...], Select[Any]]:
    """Attributes of a row, and the statement that takes their values as `keys` and gives them before related rows."""
    short, sure = routes_of(relation)
    route = short or sure
    return route.names, route.statement


# --- routes ---------------------------------------------------------------------------------------------------------


def routes_of(relation: RelationshipProperty[Any]) -> tuple[Route | None, Route]:
    """The short route where there is one, and the one that always leads there."""
    known = _routes.get(relation)
    if known is None:
        known = _routes[relation] = (_short_route(relation), _joined_route(relation))
    return known


def _short_route(relation: RelationshipProperty[Any]) -> Route | None:
    pairs = equated_columns(relation)
    if pairs is None:
        return None
    target = relation.entity.entity
    try:
        names = tuple(relation.parent.get_property_by_column(local).key for local in pairs)
        if relation.secondary is None:
            remotes = [getattr(target, relation.mapper.get_property_by_column(far).key) for far in pairs.values()]
        else:
            remotes = list(pairs.values())
    except UnmappedColumnError:
        return None
    statement = cast("Select[Any]", select(*remotes, target)).where(_among(remotes))
    if relation.secondary is not None:
        statement = statement.join(relation.secondary, cast("ColumnElement[bool]", relation.secondaryjoin))
    to_key = (
        relation.direction is RelationshipDirection.MANYTOONE and tuple(pairs.values()) == relation.mapper.primary_key
    )
    return Route(names, _ordered(statement, relation), to_key)


def _joined_route(relation: RelationshipProperty[Any]) -> Route:
    source, target = aliased(relation.parent.class_), relation.entity.entity
    names = [relation.parent.get_property_by_column(column).key for column in relation.parent.primary_key]
    keys = [getattr(source, name) for name in names]
    statement = cast("Select[Any]", select(*keys, target)).select_from(source).where(_among(keys))
    if relation.secondary is None:
        statement = statement.join(getattr(source, relation.key))
    else:
        # Spelt out: SQLAlchemy would give the secondary table an alias, which `order_by` knows nothing of.
        near = ClauseAdapter(inspect(source).selectable).traverse(relation.primaryjoin)
        far = cast("ColumnElement[bool]", relation.secondaryjoin)
        statement = statement.join(relation.secondary, near).join(target, far)
    return Route(tuple(names), _ordered(statement, relation), to_primary_key=False)


def _ordered(statement: Select[Any], relation: RelationshipProperty[Any]) -> Select[Any]:
    order = relation.order_by
    return statement.order_by(*order) if order else statement


def _among(columns: Sequence[Any]) -> ColumnElement[bool]:
    column = columns[0] if len(columns) == 1 else tuple_(*columns)
    return cast("ColumnElement[bool]", column.in_(bindparam("keys", expanding=True)))
