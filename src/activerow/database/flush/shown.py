"""What a stored row shows, taken down and shown again: its columns, its relations, the members of its collections."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.base import LoaderCallableStatus

from activerow.database.flush.in_place import Content, contents_of
from activerow.database.flush.outsiders import queried_relations

logger = logging.getLogger("activerow")

State = InstanceState[Any]
Values = dict[str, Any]


def stored_values(state: State) -> Values:
    """The loaded values as last read or written, without unsaved changes; collections are copies."""
    without = queried_relations(state.mapper)
    values = {
        name: _copied(state, name, value)
        for name, value in {**state.dict, **state.committed_state}.items()
        if name in state.manager and not isinstance(value, LoaderCallableStatus) and name not in without
    }
    return {**values, **contents_of(state, values)}


def _copied(state: State, name: str, value: Any) -> Any:
    impl: Any = state.manager[name].impl
    if not impl.collection or value is None:
        return value
    # The history of a changed collection holds a plain list of its members.
    return impl.copy(value) if hasattr(value, "_sa_adapter") else list(value)


def show(rows: Mapping[State, Values]) -> None:
    """Make stored rows show values, all of them saved."""
    for state, values in rows.items():
        _show(state, values)
    for state, values in rows.items():  # last: a collection may ask each member for its key, or its position
        _show_members(state, values)


def _show(state: State, values: Values) -> None:
    """Make a stored row show `values`, all of them saved."""
    dict_ = state.dict
    internals: Any = state
    if state.modified:
        # Resets the change history, and with it the session's list of modified rows.
        internals._commit_all(dict_, state.session.identity_map if state.session else None)
    for name in set(dict_) & set(state.manager) - set(values):
        del dict_[name]
    plain = {
        name: value.put_back(state, name) if isinstance(value, Content) else value
        for name, value in values.items()
        if not state.manager[name].impl.collection
    }
    dict_.update(plain)
    internals._commit(dict_, plain)


def _show_members(state: State, values: Values) -> None:
    """Make the loaded collections of a stored row hold the members that they have in `values`."""
    for name, value in values.items():
        impl: Any = state.manager[name].impl
        if not impl.collection:
            continue
        try:
            impl.set_committed_value(state, state.dict, value)
        except Exception as error:  # noqa: BLE001  (a collection class of the program's own; the other rows still go back)
            logger.warning("%r.%s counts as not loaded: %s", state.obj(), name, type(error).__name__)
