"""Who changes rows, for the history that `activerow.mixins.Audited` keeps.

The actor is a property of the context: set in a middleware or at the start of a job, it holds for everything that is
awaited there and for the tasks that are started there.
"""

import base64
import enum
import math
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast

from activerow.errors import UsageError

LONGEST_ACTOR: Final = 255

_actor: ContextVar[str | None] = ContextVar("activerow_actor", default=None)
_SAFE_INTEGERS: Final = range(-(2**63), 2**63)


def current_actor() -> str | None:
    """Who acts in this context; None when nobody was named."""
    return _actor.get()


def set_actor(name: str | None) -> None:
    """Name who acts from now on in this context, such as a request's; `None` for nobody.

    Raises:
        UsageError: The name is no text, or longer than its column.
    """
    given = cast("object", name)
    if given is not None and not isinstance(given, str):
        raise UsageError(f"an actor is named by a text such as 'user:1', not by {type(given).__name__}")
    if name is not None and len(name) > LONGEST_ACTOR:
        raise UsageError(f"the name of an actor has at most {LONGEST_ACTOR} characters")
    _actor.set(name)


@contextmanager
def actor(name: str | None) -> Generator[None, None, None]:
    """Name who acts in the block, and in tasks started in it.

    Raises:
        UsageError: The name is no text, or longer than its column.
    """
    before = _actor.get()
    set_actor(name)
    try:
        yield
    finally:
        _actor.set(before)


def plain(value: object) -> Any:
    """`value` as JSON holds it, without losing what it says.

    Decimals, dates, durations (as seconds), UUIDs and integers of more than 64 bits become text, bytes base64, members
    of an enum their value, or their name where the value is none of JSON's.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        inner: object = value.value
        return plain(inner) if isinstance(inner, str | int | float) else value.name
    if isinstance(value, int):
        return int(value) if value in _SAFE_INTEGERS else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _plain_other(value)


def _plain_other(value: object) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(Decimal(value // timedelta(microseconds=1)).scaleb(-6))
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(cast("bytes", value)).decode("ascii")
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {str(plain(key)): plain(member) for key, member in members.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in cast("Iterable[object]", value)]
    if isinstance(value, set | frozenset):
        return sorted((plain(member) for member in cast("Iterable[object]", value)), key=str)
    return str(value)
