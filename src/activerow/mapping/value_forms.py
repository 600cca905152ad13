"""The forms of a column's values: of numbers that a server computes, and as text, in cursors and in JSON."""

import datetime as dt
from base64 import b64encode
from typing import Any

from sqlalchemy import BigInteger, Dialect, Float, Numeric
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.errors import UsageError

# --- sums and averages ----------------------------------------------------------------------------------------------


class Whole(TypeDecorator[int]):
    """An `int`, where servers give sums of integers as decimals."""

    impl = BigInteger
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """The number as Python counts."""
        return None if value is None else int(value)


class Real(TypeDecorator[float]):
    """A `float`, where servers give averages of integers as decimals."""

    impl = Float
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:  # noqa: ARG002
        """The number as Python counts."""
        return None if value is None else float(value)


def own(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type of the values themselves."""
    return type_


def decimal_average(type_: Any) -> TypeEngine[Any]:
    """As exact as the values are."""
    return Numeric() if type_.asdecimal else Real()


# --- values as text -------------------------------------------------------------------------------------------------


def zulu(value: dt.datetime | dt.time) -> str:
    """ISO 8601, with `Z` for UTC."""
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def iso_duration(value: dt.timedelta) -> str:
    """An ISO 8601 duration, as Pydantic writes it."""
    sign, value = ("-", -value) if value < dt.timedelta(0) else ("", value)
    years, days = divmod(value.days, 365)
    hours, seconds = divmod(value.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    exact = f"{seconds}.{value.microseconds:06}".rstrip("0") if value.microseconds else str(seconds)
    near = _units((hours, "H"), (minutes, "M"), (exact if exact != "0" else 0, "S"))
    far = _units((years, "Y"), (days, "D"))
    return f"{sign}P{far}T{near}" if near else f"{sign}P{far or 'T0S'}"


def _units(*parts: tuple[int | str, str]) -> str:
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def written_duration(value: dt.timedelta) -> str:
    """Days, seconds and microseconds."""
    return f"{value.days} {value.seconds} {value.microseconds}"


def read_duration(text: str) -> dt.timedelta:
    """What `written_duration` wrote."""
    return dt.timedelta(*map(int, text.split()))


def written_bytes(value: bytes) -> str:
    """Base64."""
    return b64encode(value).decode()


def utf8(value: bytes | bytearray | memoryview) -> str:
    """The text that the bytes are.

    Raises:
        UsageError: They are none.
    """
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise UsageError(
            "json(): a column holds bytes that are no UTF-8 text; give json() a schema whose model_config has"
            ' ser_json_bytes="base64"'
        ) from None
