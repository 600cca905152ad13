"""Relations that are loaded in an order of the query's own, or their first rows alone: the latest three comments.

One statement for up to 500 rows: a window function numbers the related rows of each, and the rows are read by their
numbers. A second SELECT with a LIMIT would be cut across all rows together.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import RelationshipProperty, Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import instance_state

from activerow.errors import UsageError
from activerow.mapping import criteria_of, primary_key_names
from activerow.query.lookups import Column, by_primary_key, joined
from activerow.query.plan import Chosen, Path, beyond, include_options
from activerow.query.related.routes import Route, State, key_of, routes_of

_KEYS_PER_STATEMENT = 500


def load_ranked(session: Session, rows: Iterable[object], paths: Sequence[Path], shown: tuple[type, ...]) -> None:
    """Load what `paths` order or cut, for rows that a session holds; unsaved changes of a relation stay."""
    for path in paths:
        if isinstance(path, Chosen) and path.is_ranked:
            states = [instance_state(row) for row in rows]
            for name in path[:-1]:
                states = list(_related(states, name))
            if states:
                _load(session, states, path, beyond(paths, path), shown)


def _related(states: Iterable[State], name: str) -> Iterable[State]:
    found: dict[State, None] = {}
    for state in states:
        value = state.dict.get(name)
        members: Iterable[Any] = () if value is None else getattr(value, "_sa_adapter", (value,))
        found.update((instance_state(member), None) for member in members)
    return found


def _load(
    session: Session, states: Iterable[State], path: Chosen, further: tuple[Path, ...], shown: tuple[type, ...]
) -> None:
    wanted: dict[RelationshipProperty[Any], list[State]] = {}
    for state in states:
        if path[-1] not in state.committed_state:
            wanted.setdefault(state.mapper.relationships[path[-1]], []).append(state)
    for relation, owners in wanted.items():
        short, sure = routes_of(relation)
        direct = [state for state in owners if short is not None and key_of(state, short) is not None]
        for route, some in ((short, direct), (sure, [state for state in owners if state not in set(direct)])):
            if route is not None and some:
                target: type = relation.mapper.class_
                options = (*include_options(target, further, joins=True), *criteria_of(target, shown))
                _fetch(session, relation, route, some, _ranked(relation, route, path).options(*options))
        related = [member for state in owners for member in state.dict[path[-1]]._sa_adapter]
        load_ranked(session, related, further, shown)


def _fetch(
    session: Session,
    relation: RelationshipProperty[Any],
    route: Route,
    states: Iterable[State],
    statement: Select[Any],
) -> None:
    owners: dict[tuple[Any, ...], list[State]] = {}
    for state in states:
        owners.setdefault(key_of(state, route) or (), []).append(state)
    found: dict[tuple[Any, ...], list[object]] = {key: [] for key in owners}
    keys = [key for key in owners if None not in key]
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        chunk = keys[start : start + _KEYS_PER_STATEMENT]
        given = [key[0] for key in chunk] if len(route.names) == 1 else chunk
        for *values, row in session.execute(statement, {"keys": given}).unique():
            found[tuple(values)].append(row)
    for key, group in owners.items():
        for state in group:
            set_committed_value(state.obj(), relation.key, found[key])


def _ranked(relation: RelationshipProperty[Any], route: Route, path: Chosen) -> Select[Any]:
    """The statement of a route for the first rows of each key, in their order."""
    target, model = relation.entity.entity, cast("type", relation.mapper.class_)
    found_by = list(route.statement.selected_columns)[: len(route.names)]
    names = primary_key_names(model)
    keys = [getattr(target, name) for name in names]
    given = tuple(Column(each) for each in relation.order_by or ()) if not path.order else path.order
    if target is not model and any(each.hops for each in given):
        raise UsageError(f"include(order_by=...) of {relation} sorts by its own columns: the relation is to an alias")
    order = (*given, *by_primary_key(model)) if target is model else (*given, *[Column(key) for key in keys])
    number = func.row_number().over(partition_by=found_by, order_by=[each.expression for each in order])
    columns = [column.label(f"activerow_by_{place}") for place, column in enumerate(found_by)]
    columns += [key.label(f"activerow_key_{place}") for place, key in enumerate(keys)]
    rows = cast(
        "Select[Any]", route.statement.order_by(None).with_only_columns(*columns, number.label("activerow_nth"))
    )
    if path.where is not None:
        rows = rows.where(path.where)
    ranked = joined(rows, model, order).subquery()
    same = and_(*[key == ranked.c[f"activerow_key_{place}"] for place, key in enumerate(keys)])
    by = [ranked.c[f"activerow_by_{place}"] for place in range(len(found_by))]
    statement = cast("Select[Any]", select(*by, target)).select_from(target).join(ranked, same)
    if path.limit is not None:
        statement = statement.where(ranked.c.activerow_nth <= path.limit)
    return statement.order_by(ranked.c.activerow_nth)
