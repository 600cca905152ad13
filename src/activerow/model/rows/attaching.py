"""Taking a row into a session for the length of a call, without taking its relatives along.

SQLAlchemy's `add` cascades to everything an object refers to. A row that tasks share as a relation value must not be
attached by each of them, so what is only referred to stays outside: a to-one relation contributes its key.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import (
    InstanceState,
    PassiveFlag,
    RelationshipDirection,
    RelationshipProperty,
    Session,
    object_session,
)
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import LoaderCallableStatus

from activerow.database.flush import (
    AS_FLUSHED,
    RewindingSession,
    attach,
    forget_back_reference,
    leave,
    queried_relations,
    reordered,
)
from activerow.database.unit import is_settled
from activerow.errors import SessionConflictError, StaleRecordError, UsageError
from activerow.mapping import version_name

_APPENDED: Final = "activerow_appended"
"""What was appended to relations that are not loaded; kept by the row itself, to which its new members lead back."""


@contextmanager
def attached(session: Session, row: object) -> Generator[object, None, None]:
    """Attach `row` to `session` and give the object to work on: `row`, or the one the session holds for its key.

    In the second case the unsaved changes of `row` are applied to the other object, and at the end its values are
    copied back. `row` itself stays detached.

    Raises:
        SessionConflictError: `row` is attached elsewhere, or both objects changed the same column.
    """
    state: InstanceState[Any] = inspect(row)
    owner = object_session(row)
    if owner is not None and owner is not session:
        raise SessionConflictError(
            f"{row!r} is being used by another unit of work; wait until that has ended", row=repr(row)
        )
    _refuse_deleted(state)
    _remember(session, state)
    twin = session.identity_map.get(state.key) if owner is None and state.key is not None else None
    if twin is not None:
        _apply_changes(session, state, inspect(twin))
        _bring_along(session, state)
        yield twin
        _copy_back(inspect(twin), state)
        return
    if owner is None:
        _attach(session, state)
    _bring_along(session, state)
    yield row


def _bring_along(session: Session, state: InstanceState[Any]) -> None:
    for member in reordered(state):
        if object_session(member) is not session:
            _remember(session, inspect(member, raiseerr=True))
            attach(session, member)


def _remember(session: Session, state: InstanceState[Any]) -> None:
    if isinstance(session, RewindingSession):
        session.remember(state)


def refuse_outdated(session: Session, row: object) -> None:
    """Refuse to write an object of a versioned row, when the unit holds another object of it in another version.

    Raises:
        StaleRecordError: It does; the changes of `row` were made for a row that is no more.
    """
    state: InstanceState[Any] = inspect(row)
    name = version_name(state.mapper)
    twin = session.identity_map.get(state.key) if name is not None and state.key is not None else None
    if name is None or twin is None or twin is row:
        return
    expected, found = state.dict.get(name), inspect(twin).dict.get(name)
    if expected != found:
        raise StaleRecordError(model=type(row).__name__, operation="update", expected=expected, found=found)


def _refuse_deleted(state: InstanceState[Any]) -> None:
    if state.deleted or state.was_deleted:
        raise UsageError(f"{state.obj()!r} was deleted; save() stores it again once that is committed")


def refer_to(row: object, name: str, value: object) -> bool:
    """Let the to-one relation `name` of `row` refer to the stored `value` by its key, when that need not be attached.

    Says whether it did; otherwise the relation has to be set as SQLAlchemy does it.
    """
    state: InstanceState[Any] = inspect(row)
    relation = state.mapper.relationships[name]
    if not _is_reference(relation, value):
        return False
    _contribute_key(state, relation, inspect(value))
    set_committed_value(row, name, value)
    forget_back_reference(relation, row, value)
    return True


def link(row: object, name: str, value: object) -> bool:
    """Add the stored `value` to the many-to-many relation `name` of `row` by its key, when it need not be attached.

    Says whether it did; otherwise the value has to be added as SQLAlchemy does it.
    """
    state: InstanceState[Any] = inspect(row)
    keeps_members = name not in queried_relations(state.mapper)
    if state.mapper.relationships[name].secondary is None or not keeps_members or not is_settled(value):
        return False
    internals: Any = state
    if state.key is None and name not in state.dict:
        set_committed_value(row, name, ())
    collection: Any = state.dict.get(name)
    internals._modified_event(state.dict, state.manager[name].impl, LoaderCallableStatus.NO_VALUE, True)
    if collection is None:
        internals._get_pending_mutation(name).append(value)
    else:
        collection._sa_adapter.append_without_event(value)
    return True


def at_home(state: InstanceState[Any], value: Any) -> Any:
    """The object to set as a relation value on a row: `value`, or the one that the row's unit holds for its key.

    Raises:
        SessionConflictError: `value` is attached to another session than the row, or has changes of its own.
    """
    session, there = state.session, object_session(value) if value is not None else None
    if session is None or value is None or there is session:
        return value
    if there is None:
        other: InstanceState[Any] = inspect(value)
        twin = session.identity_map.get(other.key) if other.key is not None else None
        if twin is None:
            return value
        if not other.modified:
            return twin
        raise SessionConflictError(
            f"this unit holds another object of {value!r}, which has unsaved changes: save() it before", row=repr(value)
        )
    raise SessionConflictError(
        f"{value!r} is being used by another unit of work; give {state.obj()!r} the key, or wait until that unit"
        f" has ended",
        row=repr(value),
    )


def append(row: object, name: str, value: object) -> None:
    """Add `value` to the to-many relation `name` of `row`, without loading it; `save` brings the value along.

    Raises:
        SessionConflictError: `value` is attached to another session than the row, or has changes of its own.
    """
    state: InstanceState[Any] = inspect(row)
    if link(row, name, value):
        return
    impl: Any = state.manager[name].impl
    impl.append(state, state.dict, at_home(state, value), None, passive=PassiveFlag.PASSIVE_NO_FETCH)
    if state.session is None and name not in state.dict:
        # Nobody else knows: a cascade looks at loaded collections only.
        state.info.setdefault(_APPENDED, []).append(value)


def _is_reference(relation: RelationshipProperty[Any], value: object) -> bool:
    return value is not None and relation.direction is RelationshipDirection.MANYTOONE and is_settled(value)


def _contribute_key(state: InstanceState[Any], relation: RelationshipProperty[Any], other: InstanceState[Any]) -> None:
    for local, remote in relation.local_remote_pairs or ():
        name = state.mapper.get_property_by_column(local).key
        source = other.mapper.get_property_by_column(remote).key
        value = getattr(other.obj(), source)
        if source not in other.dict or state.dict.get(name) != value:
            setattr(state.obj(), name, value)


def _attach(session: Session, state: InstanceState[Any]) -> None:
    """Attach a row with its unsaved relatives, and with the members that its collections gained or lost."""
    moved: set[InstanceState[Any]] = set()

    def stays_outside(other: InstanceState[Any]) -> bool:
        gone = other.deleted or other.was_deleted
        return gone or other.session is session or (other not in moved and is_settled(other.obj()))

    for row in (state.obj(), *state.info.pop(_APPENDED, ())):
        arrival: InstanceState[Any] = inspect(row, raiseerr=True)
        if arrival.session is session:
            continue
        _remember(session, arrival)
        moved.update(_settle_relations(arrival))
        attach(session, row)
        # Read lazily: the relations of a relative are settled before the iterator goes on to what they lead to.
        for relative, *_ in arrival.mapper.cascade_iterator("save-update", arrival, halt_on=stays_outside):
            _remember(session, inspect(relative))
            moved.update(_settle_relations(inspect(relative)))
            attach(session, relative)


def _settle_relations(state: InstanceState[Any]) -> set[InstanceState[Any]]:
    """Refer to stored rows by their keys where that is enough; gives the rows that have to be attached."""
    moved: set[InstanceState[Any]] = set()
    for name in state.committed_state.keys() & state.mapper.relationships.keys():
        relation, value = state.mapper.relationships[name], state.dict.get(name)
        if relation.uselist:
            history = state.get_history(name, AS_FLUSHED)
            members = (inspect(member) for member in (*(history.added or ()), *(history.deleted or ())))
            moved.update(other for other in members if relation.secondary is None or not is_settled(other.obj()))
        elif value is not None:
            refer_to(state.obj(), name, value)
    return moved


def _apply_changes(session: Session, source: InstanceState[Any], target: InstanceState[Any]) -> None:
    for name in tuple(source.committed_state):
        if name in source.mapper.relationships:
            _apply_relation(source, target, name)
            continue
        value = source.dict.get(name)
        _refuse_second_change(session, target, name, value)
        setattr(target.obj(), name, value)


def refuse_second_changes(session: Session, row: object, values: Mapping[str, object]) -> None:
    """Refuse to set columns of the unit's object of a row, which it changed, in the name of another object of the row.

    Raises:
        SessionConflictError: One of them would get another value.
    """
    state: InstanceState[Any] = inspect(row)
    for name, value in values.items():
        if name in state.mapper.column_attrs:
            _refuse_second_change(session, state, name, value)


def _refuse_second_change(session: Session, state: InstanceState[Any], name: str, value: object) -> None:
    if _changed_here(session, state, name) and state.dict.get(name) != value:
        raise SessionConflictError(
            f"{state.obj()!r} was changed twice in one unit, through two objects: {name} differs."
            f" Change one object, or refresh() the other first",
            row=repr(state.obj()),
        )


def _apply_relation(source: InstanceState[Any], target: InstanceState[Any], name: str) -> None:
    value = source.dict.get(name)
    if not source.mapper.relationships[name].uselist:
        if not refer_to(target.obj(), name, value):
            setattr(target.obj(), name, value)
        return
    impl: Any = target.manager[name].impl
    history = source.get_history(name, AS_FLUSHED)
    for member in (history.added or ()) if name in source.dict else source.info.pop(_APPENDED, ()):
        leave(source.mapper.relationships[name], source.obj(), member)
        append(target.obj(), name, member)
    for member in history.deleted or ():
        impl.remove(target, target.dict, member, None, passive=PassiveFlag.PASSIVE_NO_FETCH)


def _changed_here(session: Session, state: InstanceState[Any], name: str) -> bool:
    if name in state.committed_state:
        return True
    return isinstance(session, RewindingSession) and session.original(state, name) != state.dict.get(name)


def _copy_back(source: InstanceState[Any], target: InstanceState[Any]) -> None:
    """Let `target` show what `source` shows: its columns, and the relations that either changed or had loaded."""
    for name in source.dict.keys() & source.mapper.attrs.keys():
        relation = source.mapper.relationships.get(name)
        if relation is None:
            set_committed_value(target.obj(), name, source.dict[name])
        elif name in target.dict:
            value = source.dict[name]
            set_committed_value(target.obj(), name, value._sa_adapter if relation.uselist else value)
    internals: Any = target
    internals._commit_all(target.dict)
