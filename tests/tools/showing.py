"""What can be seen of rows, results and errors, as plain values that compare."""

# pyright: reportUnknownMemberType=none, reportUnknownVariableType=none, reportUnknownArgumentType=none

import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy import ClauseElement, inspect
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from activerow import ActiveRecord
from activerow.errors import ActiveRowError, NotLoadedError, StaleRecordError
from activerow.mapping import fields_of
from activerow.paging import CursorPage, Page

_FLAGS = ("transient", "pending", "persistent", "detached", "deleted", "was_deleted", "expired", "modified")


def shown(value: Any) -> Any:
    """A result: rows by all that can be seen of them, moments of this hour as `now`."""
    match value:
        case ActiveRecord():
            return shown_row(value, set())
        case Page():
            return ("page", value.number, value.size, value.total, value.pages, shown(value.items))
        case CursorPage():
            return ("cursor", value.next is None, value.previous is None, shown(value.items))
        case BaseModel():
            return (type(value).__name__, shown(value.model_dump()))
        case dict():
            return {name: shown(each) for name, each in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [type(value).__name__, *map(shown, cast("list[Any]", value))]
        case ClauseElement():
            return ("sql", str(value))
        case datetime():
            now = datetime.now(value.tzinfo)
            return ("now", value.tzinfo is UTC) if abs(now - value) < timedelta(hours=1) else value
        case _:
            return (type(value).__name__, value)


def shown_row(row: Any, seen: set[int]) -> Any:
    """A row with its state, and what a pickle of it shows."""
    if id(row) in seen:
        return ("seen", type(row).__name__, inspect(row).key)
    shows = {**_state(row, seen), "changes": shown(row.changes()), "dict": shown(row.to_dict())}
    if not inspect(row).session:
        copy = pickle.loads(pickle.dumps(row))
        shows["pickled"] = _state(copy, {*seen, id(row)})
    return shows


def _state(row: Any, seen: set[int]) -> dict[str, Any]:
    seen.add(id(row))
    state: InstanceState[Any] = inspect(row)
    internals: Any = state
    fields = fields_of(type(row))
    history = {
        name: [shown(list(part or ())) for part in state.get_history(name, PASSIVE_NO_INITIALIZE)]
        for name in fields.columns
    }
    return {
        "repr": repr(row),
        "flags": {name: getattr(state, name) for name in _FLAGS},
        "key": state.key,
        "values": {name: _value(state.dict[name], seen) for name in sorted(state.dict) if name != "_sa_instance_state"},
        "committed": {name: shown(old) for name, old in sorted(state.committed_state.items()) if name in history},
        "unloaded": sorted(state.unloaded),
        "expired_attributes": sorted(state.expired_attributes & history.keys()),
        "history": history,
        "session": state.session_id is not None,
        "load": (repr(internals.load_path), list(internals.load_options), dict(internals.callables)),
        "relations": {name: _missing(row, name) for name in fields.relations if name not in state.dict},
        "others": sorted(set(vars(row)) - set(state.dict)),
    }


def _value(value: Any, seen: set[int]) -> Any:
    if isinstance(value, ActiveRecord):
        return shown_row(value, seen)
    if isinstance(value, list):
        return [type(value).__name__, *(_value(each, seen) for each in value)]
    return shown(value)


def _missing(row: Any, name: str) -> str:
    try:
        return f"loaded: {getattr(row, name)!r}"
    except NotLoadedError as error:
        return str(error)


def shown_error(error: BaseException) -> Any:
    """An error by its class, its words and what it knows."""
    known: Mapping[str, Any] = vars(error) if isinstance(error, ActiveRowError) else {}
    cause: Any = error.__cause__
    return {
        "class": type(error).__qualname__,
        "text": str(error) if isinstance(error, ActiveRowError) else "",
        "known": {name: shown(value) for name, value in sorted(known.items()) if name != "_at"},
        "cause": () if isinstance(error, StaleRecordError) else (type(cause), type(getattr(cause, "orig", None))),
        "args": shown(list(error.args)) if isinstance(error, ActiveRowError) else [],
    }
