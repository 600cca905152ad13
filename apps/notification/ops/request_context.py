"""The request that is being answered, for whoever logs or counts something about it."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestRecord:
    """What is known about a request; it grows until the request is answered."""

    id: str
    method: str = ""
    path: str = ""
    template: str | None = None  # of the route that was found: `/api/v1/users/{id}`
    status: int | None = None
    client: str | None = None
    user_id: int | None = None
    email: str | None = None
    api_key_id: int | None = None
    queries: int = 0
    database_ms: float = 0.0
    error: Mapping[str, object] | None = None  # of the error that made it a 5xx, as `logs.describe` tells it


_current: ContextVar[RequestRecord | None] = ContextVar("notification_request", default=None)


def current_request() -> RequestRecord | None:
    """The request that this task answers, None outside of one."""
    return _current.get()


def enter_request(record: RequestRecord | None) -> None:
    """Make `record` the request that this task answers from now on."""
    _current.set(record)


def identify(*, user_id: int, email: str | None = None, api_key_id: int | None = None) -> None:
    """Note who makes the current request, for its line in the log. Nothing happens outside of a request."""
    if record := current_request():
        record.user_id, record.email, record.api_key_id = user_id, email, api_key_id
