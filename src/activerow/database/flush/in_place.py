"""Values that can be changed in place: JSON, arrays, pickles.

Of an attribute that is replaced SQLAlchemy keeps the old value; of a dict that is changed inside it keeps nothing. For
rows of a unit of work a copy of what the database holds is kept here, so that a rollback can put the content back.
"""

import copy
from collections.abc import Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.ext.mutable import MutableBase
from sqlalchemy.orm import InstanceState, Mapper

from activerow.mapping import kind_of, own_listener

State = InstanceState[Any]

_columns: "WeakKeyDictionary[Mapper[Any], tuple[str, ...]]" = WeakKeyDictionary()
_copies: "WeakKeyDictionary[State, dict[str, Any]]" = WeakKeyDictionary()


class Content:
    """The object in a column, and a copy of what it held."""

    __slots__ = ("copied", "holder")

    def __init__(self, holder: Any, copied: Any) -> None:
        self.holder, self.copied = holder, copied

    def put_back(self, state: State, name: str) -> Any:
        """Give the object its content back, or another object of that content where it cannot be refilled."""
        content = _copy(self.copied)
        holder = self.holder if _refill(self.holder, content) else content
        if isinstance(holder, MutableBase):
            parents: Any = holder
            parents._parents[state] = name
        return holder


def in_place_columns(mapper: Mapper[Any]) -> tuple[str, ...]:
    """The columns whose values can be changed in place; answered from memory after the first time."""
    names = _columns.get(mapper)
    if names is None:
        names = tuple(prop.key for prop in mapper.column_attrs if kind_of(prop.columns[0].type).in_place)
        _columns[mapper] = names
    return names


def keep_contents(mapper: Mapper[Any]) -> None:
    """Have a copy kept of what is loaded, in sessions that ask for it by `keeps_contents`."""
    if in_place_columns(mapper):
        event.listen(mapper.class_, "load", _on_load, raw=True)
        event.listen(mapper.class_, "refresh", _on_load, raw=True)


@own_listener
def _on_load(state: State, _context: object, names: Iterable[str] | None = None) -> None:
    if getattr(state.session, "keeps_contents", False):
        note_contents(state, names)


def note_contents(state: State, names: Iterable[str] | None = None) -> None:
    """Keep a copy of what the row, or only `names` of it, holds now, which is what the database holds."""
    copies = _copies.setdefault(state, {})
    for name in in_place_columns(state.mapper):
        if name in state.dict and (names is None or name in names):
            copies[name] = _copy(state.dict[name])


def contents_of(state: State, values: dict[str, Any]) -> dict[str, Content]:
    """What the database holds in the columns that change in place, where it is known; `values` are the stored ones."""
    copies = _copies.get(state, {})
    contents: dict[str, Content] = {}
    for name in in_place_columns(state.mapper):
        if name in copies:
            contents[name] = Content(values.get(name, state.dict.get(name)), copies[name])
        elif name in values:
            contents[name] = Content(values[name], _copy(values[name]))
    return contents


def _copy(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  (an object of the user's may refuse; then it is kept as it is)
        return value


# Typed by hand: what is refilled may hold anything.
_DICT: Final[type[dict[Any, Any]]] = dict
_LIST: Final[type[list[Any]]] = list
_SET: Final[type[set[Any]]] = set


def _refill(holder: Any, content: Any) -> bool:
    """Put `content` into `holder`, past its own methods, which would count that as a change."""
    if holder.__class__ is not content.__class__:
        return False
    if issubclass(holder.__class__, dict):
        _DICT.clear(holder)
        _DICT.update(holder, content)
    elif issubclass(holder.__class__, list):
        _LIST.__setitem__(holder, slice(None), content)
    elif issubclass(holder.__class__, set):
        _SET.clear(holder)
        _SET.update(holder, content)
    else:
        return False
    return True
