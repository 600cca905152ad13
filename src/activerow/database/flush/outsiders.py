"""Relatives that a flush meets outside of the session.

SQLAlchemy writes the changes of a collection only for members that are in the session, and warns about the others.
These others are met every day:

- an object that a back-reference put into the collection and that is not saved yet (`Book(author=ada)`): it has to wait
  for its own save;
- a stored object that was taken out: it has to come in, because its foreign key changes;
- a stored object of a many-to-many relation, which tasks may share: only its key is needed, so another object of the
  same row stands in for it during the flush;
- a member of an `ordering_list` that has moved: its place is a column of its own;
- a member that was changed through the row, by values in the place of a row.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import inspect
from sqlalchemy.ext.orderinglist import OrderingList
from sqlalchemy.orm import InstanceState, Mapper, PassiveFlag, RelationshipProperty, Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.interfaces import MANYTOONE

from activerow.errors import SessionConflictError

AS_FLUSHED: Final = PassiveFlag.PASSIVE_NO_INITIALIZE | PassiveFlag.INCLUDE_PENDING_MUTATIONS
"""How a flush looks at a collection: as far as it is loaded, and at what was noted for one that is not."""

_CHANGED: Final = "activerow_changed_members"

State = InstanceState[Any]
PutBack = Callable[[], None]

_queried: "WeakKeyDictionary[Mapper[Any], frozenset[str]]" = WeakKeyDictionary()


def queried_relations(mapper: Mapper[Any]) -> frozenset[str]:
    """The write-only and dynamic relations, which keep no members; answered from memory after the first time."""
    names = _queried.get(mapper)
    if names is None:
        relations = mapper.relationships.items()
        names = frozenset(name for name, relation in relations if relation.lazy in {"write_only", "dynamic"})
        _queried[mapper] = names
    return names


def settle_strangers(session: Session) -> list[PutBack]:
    """Before a flush, give every changed collection members that are in the session; gives what to do after it.

    Raises:
        SessionConflictError: A removed member belongs to another unit, where its foreign key cannot be changed.
    """
    put_back: list[PutBack] = []
    for instance in (*session.dirty, *session.new):
        state: State = instance._sa_instance_state
        for member in _outside(session, reordered(state)):
            attach(session, member)
        for relation in _changed_relations(state):
            history = state.get_history(relation.key, AS_FLUSHED)
            for member in _outside(session, history.deleted):
                if relation.secondary is None:
                    _take_in(session, relation, member)
                else:
                    _exchange(state, relation.key, member, _stand_in(session, member))
            for member in _outside(session, history.added) if relation.uselist else ():
                if relation.secondary is None or member._sa_instance_state.key is None:
                    put_back.append(_leave_out(state, relation.key, member))
                else:
                    put_back.append(_exchange(state, relation.key, member, _stand_in(session, member)))
                    put_back.append(partial(forget_back_reference, relation, instance, member))
    return put_back


def brings_along(state: State, member: object) -> None:
    """Have a stored member that was changed through a row be saved with it."""
    state.info.setdefault(_CHANGED, []).append(member)


def reordered(state: State) -> list[object]:
    """The stored members that are saved with a row: changed through it, or moved in its loaded `ordering_list`s."""
    changed: list[Any] = state.info.get(_CHANGED, [])
    moved: list[object] = [member for member in changed if member._sa_instance_state.modified]
    for name in state.dict.keys() & state.mapper.relationships.keys():
        if isinstance(state.dict[name], OrderingList):
            members: OrderingList[Any] = state.dict[name]
            states: list[State] = [member._sa_instance_state for member in members]
            moved += (s.obj() for s in states if s.key is not None and members.ordering_attr in s.committed_state)
    return moved


def forget_back_reference(relation: RelationshipProperty[Any], owner: object, member: Any) -> None:
    """Take back what a back-reference noted on `member`, which is not written: `owner` is, from its own side."""
    state: State = member._sa_instance_state
    internals: Any = state
    reverses: Any = relation
    for reverse in reverses._reverse_property:
        name = reverse.key
        if name not in state.committed_state:
            continue
        before = state.committed_state[name]
        if not reverse.uselist:
            if state.dict.get(name) is owner:
                del state.committed_state[name]
        elif name in state.dict:
            history = cast("list[object]", before) if isinstance(before, list) else None
            if history is not None and not any(one is owner for one in history):
                history.append(owner)
        elif owner in internals._get_pending_mutation(name).added_items:
            internals._get_pending_mutation(name).remove(owner)


def leave(relation: RelationshipProperty[Any], owner: object, member: object) -> None:
    """Take `owner` out of what a back-reference set on `member`, which another object of that row is to have."""
    state: State = inspect(member, raiseerr=True)
    internals: Any = state
    reverses: Any = relation
    for reverse in reverses._reverse_property:
        value: Any = state.dict.get(reverse.key)
        if value is owner:
            del state.dict[reverse.key]
            state.committed_state.pop(reverse.key, None)
        elif reverse.uselist and value is None:
            pending = internals._get_pending_mutation(reverse.key)
            if owner in pending.added_items:
                pending.remove(owner)
        elif reverse.uselist and any(one is owner for one in value._sa_adapter):
            value._sa_adapter.remove_without_event(owner)


def attach(session: Session, row: object) -> None:
    """Attach `row` without its relatives.

    Raises:
        SessionConflictError: Another session has it, or this one has another object of the row.
    """
    state: State = inspect(row, raiseerr=True)
    twin = session.identity_map.get(state.key) if state.key is not None else None
    has_twin = twin is not None and twin is not row
    if has_twin or state.session not in {None, session}:
        holder = "this unit as another object" if has_twin else "another unit of work"
        raise SessionConflictError(
            f"{row!r} is held by {holder}, and cannot be changed through this one", row=repr(row)
        )
    internals: Any = session
    internals._save_or_update_impl(state)  # `add` would take every relative along


def _take_in(session: Session, relation: RelationshipProperty[Any], member: object) -> None:
    """Attach a stored row that was taken out, and what goes along with it where it is deleted for that."""
    attach(session, member)
    if not relation.cascade.delete_orphan:
        return
    state: State = inspect(member, raiseerr=True)
    for further in state.mapper.relationships:
        value = state.dict.get(further.key)
        if further.cascade.delete and value is not None:
            for relative in _outside(session, value._sa_adapter if further.uselist else (value,)):
                _take_in(session, further, relative)


def _changed_relations(state: State) -> Iterator[RelationshipProperty[Any]]:
    """Those whose members may have to be written: of a row that is referred to, the one that refers to it no longer."""
    for name in tuple(state.committed_state):
        relation = state.mapper.relationships.get(name)
        if relation is not None and not relation.viewonly and relation.direction is not MANYTOONE:
            yield relation


def _outside(session: Session, members: Any) -> list[Any]:
    rows = (member for member in members or () if member is not None)  # which SQLAlchemy refuses
    return [member for member in rows if member._sa_instance_state.session is not session]


def _stand_in(session: Session, member: Any) -> object:
    """The session's object for a stored row; one that is made up of its values when there is none."""
    state: State = member._sa_instance_state
    twin = session.identity_map.get(state.key) if state.key is not None else None
    if twin is not None:
        return twin
    stand_in: Any = state.manager.new_instance()
    for name in state.dict.keys() & state.mapper.column_attrs.keys():
        set_committed_value(stand_in, name, state.dict[name])
    make_transient_to_detached(stand_in)
    attach(session, stand_in)
    return stand_in


def _leave_out(state: State, name: str, member: object) -> PutBack:
    collection: Any = state.dict.get(name)
    if name in queried_relations(state.mapper):
        state.committed_state[name].added_items.remove(member)
        return lambda: None
    if collection is None:
        # Not loaded: the back-reference is only noted, and will be read with the collection once it is stored.
        internals: Any = state
        internals._get_pending_mutation(name).remove(member)
        return lambda: None
    adapter: Any = collection._sa_adapter
    adapter.remove_without_event(member)

    def put_back() -> None:
        if state.dict.get(name) is collection:
            adapter.append_without_event(member)

    return put_back


def _exchange(state: State, name: str, member: object, other: object) -> PutBack:
    """Put `other` where `member` is: in the collection, in its history, or in what was noted for it."""
    internals: Any = state
    collection: Any = state.dict.get(name)
    before = state.committed_state[name]
    if name in queried_relations(state.mapper):
        _exchange_noted(before, member, other)
        return lambda: None
    if isinstance(before, list):
        state.committed_state[name] = [other if one is member else one for one in cast("list[object]", before)]
    if collection is None:
        _exchange_noted(internals._get_pending_mutation(name), member, other)
        return lambda: None
    _replace(collection, member, other)

    def put_back() -> None:
        if state.dict.get(name) is collection:
            _replace(collection, other, member)

    return put_back


def _exchange_noted(pending: Any, member: object, other: object) -> None:
    for noted in (pending.added_items, pending.deleted_items):
        if member in noted:
            noted.remove(member)
            noted.add(other)


def _replace(collection: Any, member: object, other: object) -> None:
    adapter = collection._sa_adapter
    members = list(adapter)
    if any(one is member for one in members):
        for one in members:
            adapter.remove_without_event(one)
        for one in members:
            adapter.append_without_event(other if one is member else one)
