"""The table that keeps the history of the audited models of a base."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from activerow.audit import LONGEST_ACTOR, plain
from activerow.backends import BIG_KEY
from activerow.errors import UsageError
from activerow.mapping import mapper_of
from activerow.types import UTCDateTime, utc_now, utcnow


class AuditLog:
    """The columns of a history: `class History(AuditLog, Base)`, once per base, makes its table.

    Attributes:
        recorded_at: When the row was written.
        actor: Who wrote it, as `activerow.audit.actor` says; None for nobody.
        operation: `create`, `update` or `delete`.
        model: Class name of the row; of its topmost mapped class where it inherits from others.
        row_key: The row's primary key, as a JSON list.
        changed: Column to `[old, new]`, as JSON holds them (see `activerow.audit.plain`).
    """

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=utc_now, server_default=utcnow())
    actor: Mapped[str | None] = mapped_column(String(LONGEST_ACTOR))
    operation: Mapped[str] = mapped_column(String(10))
    model: Mapped[str] = mapped_column(String(120))
    row_key: Mapped[str] = mapped_column(String(255), index=True)
    changed: Mapped[dict[str, list[Any]]] = mapped_column(JSON)


def log_of(model: type) -> type[AuditLog]:
    """The class that keeps the history of a model: its `__audit_log__`, or the one of its base.

    Raises:
        UsageError: There is none, or there are several.
    """
    named: type[AuditLog] | None = getattr(model, "__audit_log__", None)
    if named is not None:
        return named
    mappers: Iterable[Mapper[Any]] = mapper_of(model).registry.mappers
    logs = [mapper.class_ for mapper in mappers if issubclass(mapper.class_, AuditLog) and mapper.inherits is None]
    if len(logs) == 1:
        return logs[0]
    if not logs:
        raise UsageError(
            f"{model.__name__} is Audited, and no table keeps its history: write `class History(AuditLog, Base)`"
        )
    names = ", ".join(sorted(log.__name__ for log in logs))
    raise UsageError(f"{model.__name__} is Audited by {names}: name one of them, __audit_log__ = {logs[0].__name__}")


def model_name(model: type) -> str:
    """The class name under which the history of a model is kept."""
    return mapper_of(model).base_mapper.class_.__name__


def key_text(key: Iterable[object]) -> str:
    """A primary key as the history keeps it."""
    return json.dumps(plain(tuple(key)), ensure_ascii=False, separators=(",", ":"))
