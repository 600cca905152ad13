"""Stored values that their columns' types cannot read: a word that is none of the enum's, broken JSON, no date.

The error comes out of a type, somewhere below the code that goes through the rows; which column it was, the frames of
that code tell.
"""

from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final

from activerow.database.failures.attribution import Call
from activerow.errors import DatabaseError
from activerow.mapping import COLUMN_AT, entity_of

_CELLS: Final = "activerow.mapping.instances"
_FETCHING: Final = "sqlalchemy.engine._result_cy", "sqlalchemy.engine.result"
_UNREADABLE: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


def unreadable(error: Exception, call: Call) -> DatabaseError | None:
    """The error for a value that could not be read; None for what is none of the kind."""
    if call.operation != "select" or not isinstance(error, _UNREADABLE):
        return None
    frames = list(_frames(error.__traceback__))
    for place, (frame, line) in enumerate(frames):
        name: str = frame.f_globals.get("__name__", "")
        if COLUMN_AT in frame.f_globals:
            return _told(call, frame.f_globals[COLUMN_AT].get(line))
        if name == _CELLS and "_type" in frame.f_locals:
            return _told(call, _named(call.model, frame.f_locals["_type"]))
        if name in _FETCHING and frame.f_code.co_name.endswith("_apply_processors"):
            made = frames[place + 1][0].f_code if place + 1 < len(frames) else None
            return _told(call, _named(call.model, _refusing(frames[:place], made)))
    return None


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _told(call: Call, column: str | None) -> DatabaseError:
    return DatabaseError(
        model=call.model.__name__ if call.model is not None else None,
        operation=call.operation,
        columns=(column,) if column is not None else (),
        reason=f"what is stored in {column or 'one of its columns'} is no value of the column's type",
    )


def _refusing(frames: list[tuple[FrameType, int]], made: Any) -> Any:
    """The type whose processor has failed; None where several are alike."""
    cursor: Any = next((frame.f_locals["cursor"] for frame, _ in reversed(frames) if "cursor" in frame.f_locals), None)
    compiled = getattr(getattr(cursor, "context", None), "compiled", None)
    if compiled is None:
        return None
    pairs = zip(compiled._result_columns, cursor._metadata._processors, strict=False)
    found = [column.type for column, processor in pairs if processor is not None and _is_of(processor, made)]
    return found[0] if len(found) == 1 else None


def _is_of(function: Any, code: Any) -> bool:
    """The code of a frame is that of the function; what is compiled is known by its name alone."""
    own = getattr(function, "__code__", None)
    return own is code or (code is not None and code.co_name.endswith(f".{getattr(function, '__name__', '')}"))


def _named(model: type | None, type_: Any) -> str | None:
    """The one column of the model that is of this very type."""
    columns = entity_of(model).columns if model is not None and type_ is not None else {}
    names = [name for name, column in columns.items() if column.type is type_]
    return names[0] if len(names) == 1 else None
