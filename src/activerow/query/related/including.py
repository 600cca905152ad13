"""Relations that a query includes, read for detached rows by statements of their own, without a Session."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Select
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstanceState, RelationshipProperty
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import instance_state

from activerow.mapping import Entity, collector_paused, entity_of, row_loader
from activerow.query.plan import Chosen, Path, tree_of
from activerow.query.related.loading import KEYS_PER_STATEMENT, remember_states
from activerow.query.related.routes import statement_to

State = InstanceState[Any]
Key = tuple[Any, ...]
Fetch = tuple[Select[Any], dict[str, Any], Any]
"""A statement, its parameters, and what loads the driver's rows."""


def can_include(model: type, paths: Iterable[Path]) -> bool:
    """Whether the relations can be read without a Session: lists of rows of models that can."""
    for path in paths:
        if isinstance(path, Chosen):
            return False
        owner = model
        for name in path:
            relation = entity_of(owner).mapper.relationships[name]
            target = entity_of(relation.mapper.class_)
            kind: object = cast("Any", relation).collection_class
            plain = relation.uselist and kind in {None, list} and relation.lazy in {"select", True}
            if (
                not plain
                or target.hiding is not None
                or relation.entity.is_aliased_class
                or not target.reads_directly()
            ):
                return False
            owner = target.model
    return True


def included(states: Sequence[State], paths: Iterable[Path], dialect: Dialect) -> Generator[Fetch, Any, None]:
    """Read the relations at `paths` of rows, which belong to no session, and put them in."""
    yield from _branch(states, tree_of(paths), dialect)


def _branch(states: Sequence[State], tree: Mapping[str, Any], dialect: Dialect) -> Generator[Fetch, Any, None]:
    for name, further in tree.items() if states else ():
        related = yield from _relation(states, states[0].mapper.relationships[name], dialect)
        remember_states(related)
        yield from _branch(related, further, dialect)


def _relation(
    states: Sequence[State], relation: RelationshipProperty[Any], dialect: Dialect
) -> Generator[Fetch, Any, list[State]]:
    entity = entity_of(relation.mapper.class_)
    names, statement, load = _fetching(entity, relation, dialect)
    owners: dict[Key, list[State]] = {}
    key_of = cast("Callable[[Any], Any]", itemgetter(*names))
    for state in states:
        key = key_of(state.dict)
        owners.setdefault((key,) if len(names) == 1 else key, []).append(state)
    found: dict[Key, list[Any]] = {key: [] for key in owners}
    one: dict[Any, Any] = {}
    keys = [key for key in owners if None not in key]
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        chunk: Sequence[Any] = keys[start : start + KEYS_PER_STATEMENT]
        given = [key[0] for key in chunk] if len(names) == 1 else chunk
        for key, row in (yield statement, {"keys": given}, load):
            found[key].append(one.setdefault(instance_state(row).key, row))
    _put(owners, relation.key, found)
    return [instance_state(row) for row in one.values()]


def _put(owners: Mapping[Key, Iterable[State]], name: str, found: Mapping[Key, list[Any]]) -> None:
    """Let rows that were just read show the lists of their related rows: `set_committed_value`, of what they need."""
    with collector_paused():
        for key, group in owners.items():
            for state in group:
                manager: Any = state.manager
                impl = manager[name].impl
                if impl.dispatch.init_collection:  # somebody wants to know
                    set_committed_value(state.obj(), name, found[key])
                    continue
                _, collection = manager.initialize_collection(name, state, impl.collection_factory)
                list[Any].extend(collection, found[key])
                state.dict[name] = collection


def _fetching(
    entity: Entity, relation: RelationshipProperty[Any], dialect: Dialect
) -> tuple[tuple[str, ...], Select[Any], Any]:
    """The attributes to start from, and the statement that gives their values and the columns of a related row."""
    known = entity.memory.setdefault("included", {})
    if relation not in known or known[relation][0] is not dialect:
        names, rows = statement_to(relation)
        before = list(rows.selected_columns)[: len(names)]
        columns = tuple(entity.columns)
        selected = rows.with_only_columns(*before, *[getattr(entity.model, column) for column in columns])
        load = row_loader(entity, columns, dialect, [column.type for column in before])
        known[relation] = dialect, (names, selected, load)
    fetching: tuple[tuple[str, ...], Select[Any], Any] = known[relation][1]
    return fetching
