"""Rows as JSON text, in the form that Pydantic gives their values.

| value | JSON |
| --- | --- |
| None, booleans, numbers, texts | themselves; NaN and the infinities are null |
| `Decimal`, `UUID`, IP addresses and networks | a string |
| `datetime`, `time`, `date` | ISO 8601, with `Z` for UTC |
| `timedelta` | an ISO 8601 duration |
| `bytes` | a string, of UTF-8 |
| `Enum` | its value |
| lists, tuples, sets | an array |
| dicts | an object |
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any, Final, cast
from uuid import UUID

from activerow.errors import UsageError

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAYS_OF_A_YEAR: Final = 365


def json_rows(rows: Iterable[Mapping[str, object]]) -> bytes:
    """A JSON array of objects.

    Raises:
        UsageError: A value has no JSON form.
    """
    given = list(rows)
    try:
        text = _ENCODER.encode(given)
    except ValueError:  # NaN or an infinity, which JSON lacks
        text = _ENCODER.encode(_finite(given))
    return text.encode()


def _finite(value: object) -> object:
    """The value with null for every number that JSON cannot write."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in cast("Mapping[Any, object]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_finite(each) for each in cast("Iterable[object]", value)]
    return _finite(value.value) if isinstance(value, Enum) else value


def _moment(value: datetime | time) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _duration(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    years, days = divmod(value.days, _DAYS_OF_A_YEAR)
    hours, seconds = divmod(value.seconds, _HOUR)
    minutes, seconds = divmod(seconds, _MINUTE)
    exact = f"{seconds}.{value.microseconds:06}".rstrip("0") if value.microseconds else str(seconds)
    near = _units((hours, "H"), (minutes, "M"), (exact if exact != "0" else 0, "S"))
    far = _units((years, "Y"), (days, "D"))
    return f"{sign}P{far}T{near}" if near else f"{sign}P{far or 'T0S'}"


def _units(*parts: tuple[int | str, str]) -> str:
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _text(value: bytes | bytearray | memoryview) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise UsageError(
            "json(): a column holds bytes that are no UTF-8 text; give json() a schema whose model_config has"
            ' ser_json_bytes="base64"'
        ) from None


_FORMS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    ((datetime, time), _moment),
    ((date,), date.isoformat),
    ((Decimal, UUID), str),
    ((Enum,), lambda value: value.value),
    ((timedelta,), _duration),
    ((bytes, bytearray, memoryview), _text),
    ((set, frozenset), list),
    ((IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network), str),
)


def _form(value: object) -> object:
    """What stands for a value that the json module does not know."""
    for kinds, form in _FORMS:
        if isinstance(value, kinds):
            return form(cast("Any", value))
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, object]", value))
    raise UsageError(f"json(): {type(value).__name__} has no JSON form; give json() a schema that says how it looks")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_form)
