"""The request that is being answered, for whoever logs something about it."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestRecord:
    """What is known about a request beyond what it says itself."""

    id: str
    error: Mapping[str, object] | None = None  # of the error that made it a 5xx, as `logs.describe` tells it


_current: ContextVar[RequestRecord | None] = ContextVar("notification_request", default=None)


def current_request() -> RequestRecord | None:
    """The request that this task answers, None outside of one."""
    return _current.get()


def enter_request(record: RequestRecord | None) -> None:
    """Make `record` the request that this task answers from now on."""
    _current.set(record)
