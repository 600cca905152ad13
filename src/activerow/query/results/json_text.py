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
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, cast

from activerow.errors import UsageError
from activerow.mapping import kind_of_value


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


def _form(value: object) -> object:
    """What stands for a value that the json module does not know."""
    kind = kind_of_value(value)
    if kind is not None and kind.json is not None:
        return kind.json(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, object]", value))
    raise UsageError(f"json(): {type(value).__name__} has no JSON form; give json() a schema that says how it looks")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_form)
