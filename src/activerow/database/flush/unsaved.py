"""What the program has changed on a stored row and not saved yet, kept while a call that may fail writes it.

A write that is undone has not happened: what it was to save is unsaved again, so that one bad value can be mended and
the rest is not lost.
"""

import copy
from typing import Any, Final, TypeVar, cast

from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.base import LoaderCallableStatus
from sqlalchemy.orm.state import PendingCollection
from sqlalchemy.orm.writeonly import WriteOnlyHistory

from activerow.database.flush.in_place import in_place_columns

State = InstanceState[Any]
Noted = TypeVar("Noted", PendingCollection, WriteOnlyHistory[Any])

_ABSENT: Final[Any] = object()


class Unsaved:
    """The unsaved changes of a row: of columns, of relations, and of collections that are not loaded."""

    __slots__ = ("_before", "_changed", "_info", "_pending")

    def __init__(self, state: State) -> None:
        names = {*state.committed_state, *(name for name in in_place_columns(state.mapper) if name in state.dict)}
        self._changed = {name: _shown(state, name) for name in names}
        self._before = {name: _before(state, name) for name in state.committed_state}
        pending: dict[str, PendingCollection] = state.__dict__.get("_pending_mutations", {})
        self._pending = {name: _copied(noted) for name, noted in pending.items()}
        self._info = dict(state.info)

    def put_back(self, state: State) -> None:
        """Let the row, which shows what is stored, have these changes again."""
        internals: Any = state
        state.info.update(self._info)
        for name, value in self._changed.items():
            impl: Any = state.manager[name].impl
            if value is _ABSENT:
                state.dict.pop(name, None)
            elif impl.collection:
                impl.set_committed_value(state, state.dict, value)
            else:
                state.dict[name] = value
                state.expired_attributes.discard(name)
        state.committed_state.update(self._before)
        for name in self._before:
            internals._modified_event(state.dict, state.manager[name].impl, LoaderCallableStatus.NO_VALUE, True)
        if self._pending:
            internals._pending_mutations = self._pending


def _shown(state: State, name: str) -> Any:
    """The value of an attribute; of a collection its members, which the write may exchange."""
    value, impl = state.dict.get(name, _ABSENT), cast("Any", state.manager[name].impl)
    return list(value._sa_adapter) if impl.collection and value is not _ABSENT else value


def _before(state: State, name: str) -> Any:
    """The value from before the change, as the row's history has it."""
    before, impl = state.committed_state[name], cast("Any", state.manager[name].impl)
    if issubclass(before.__class__, WriteOnlyHistory):
        return _copied(before)
    is_list = impl.collection and before.__class__ is list
    return [*before] if is_list else before


def _copied(noted: Noted) -> Noted:
    copied = copy.copy(noted)
    copied.added_items, copied.deleted_items = copy.copy(noted.added_items), copy.copy(noted.deleted_items)
    return copied
