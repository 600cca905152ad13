"""Column types that mean the same on every backend."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, Interval
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.backends import ServerElement, backend_of, in_utc


def utc_now() -> datetime:
    """This moment, as an aware datetime in UTC."""
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored and read back in UTC to the microsecond.

    `timestamptz` on PostgreSQL; `DATETIME(6)` on MySQL and MariaDB, and text on SQLite, both without a zone and in UTC,
    so that they sort and compare as moments. A value of any zone is converted; a naive one is `InvalidDataError`,
    because nobody can know which moment it means; so is one whose year is none in UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def __repr__(self) -> str:
        # A migration file repeats this text as a constructor call.
        return "UTCDateTime()"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(backend_of(dialect).moment)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = in_utc(value)
        return moment if backend_of(dialect).moment.timezone else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:  # noqa: ARG002
        # What is added to a moment is a duration; whatever is compared with one must be a moment.
        return Interval() if isinstance(value, timedelta) else self


class utcnow(ServerElement[datetime]):  # noqa: N801  # reads like func.now() in a statement
    """The server's clock in UTC, for `server_default=`, `onupdate=` and conditions.

    The moment of the statement, to the microsecond (on SQLite to the millisecond).
    """

    name = "utcnow"
    type = UTCDateTime()
    words = "CURRENT_TIMESTAMP"
