"""Moments that are read back as they were written: in UTC where a server keeps no zone, to the microsecond on MySQL.

Left alone SQLite, MySQL and MariaDB drop the zone of `DateTime(timezone=True)` and keep the wall clock, which then
means another moment. The types here stand for SQLAlchemy's in engines that activerow makes: the wall clock of UTC is
stored, and read back as such.

`DATETIME` and `TIME` of MySQL and MariaDB cut what is less than a second, so that a row in memory shows what is not
stored: tables get `DATETIME(6)` and `TIME(6)` instead; on MySQL not where the server's clock is their default, which it
wants with as many digits.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import TIMESTAMP, Column, DateTime, Dialect, Time
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import TypeCompiler
from sqlalchemy.types import TypeEngine

from activerow.errors import InvalidDataError

_DIGITS: Final = 6
_MYSQL: Final = ("mysql", "mariadb")
Process = Callable[[Any], Any]


def in_utc(value: object) -> datetime:
    """The same moment in UTC.

    Raises:
        InvalidDataError: `value` is no datetime, or one without a time zone, or in UTC not in the years 1 to 9999.
    """
    if not isinstance(value, datetime):
        raise InvalidDataError(reason=f"a datetime is needed, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise InvalidDataError(reason="a datetime with a time zone is needed, like datetime.now(UTC)")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidDataError(reason="a datetime that is in the years 1 to 9999 in UTC too is needed") from error


class _Moment(DateTime):
    """Converts on the way in and out, where the type has a time zone."""

    def bind_processor(self, dialect: Dialect) -> Any:
        send: Process | None = super().bind_processor(dialect)
        if not self.timezone:
            return send

        def process(value: Any) -> Any:
            wall = None if value is None else in_utc(value).replace(tzinfo=None)
            return wall if send is None else send(wall)

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        read: Process | None = super().result_processor(dialect, coltype)
        if not self.timezone:
            return read

        def process(value: Any) -> Any:
            wall = value if read is None else read(value)
            return wall.replace(tzinfo=UTC) if isinstance(wall, datetime) else wall

        return process


class _SQLiteMoment(_Moment, sqlite.DATETIME): ...


class _MySQLMoment(_Moment, mysql.DATETIME):
    def __init__(self, timezone: bool = False, fsp: int | None = _DIGITS) -> None:
        super().__init__(timezone=timezone, fsp=fsp)


class _MySQLTimestamp(_Moment, mysql.TIMESTAMP): ...


@compiles(_MySQLMoment, *_MYSQL)
@compiles(DateTime, *_MYSQL)
@compiles(Time, *_MYSQL)
def _exact(type_: Any, compiler: TypeCompiler, type_expression: Any = None, **_options: Any) -> str:
    word = "TIME" if isinstance(type_, Time) else "DATETIME"
    digits = getattr(type_, "fsp", _DIGITS)
    by_server = isinstance(type_expression, Column) and type_expression.server_default is not None
    dialect: Any = compiler.dialect
    return word if digits is None or (by_server and not dialect.is_mariadb) else f"{word}({digits})"


Types = dict[type[TypeEngine[Any]], type[TypeEngine[Any]]]

SQLITE_MOMENTS: Final[Types] = {DateTime: _SQLiteMoment, TIMESTAMP: _SQLiteMoment}
MYSQL_MOMENTS: Final[Types] = {DateTime: _MySQLMoment, TIMESTAMP: _MySQLTimestamp}
