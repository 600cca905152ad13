"""Values that a class gives its new objects by itself: the fields of dataclasses and of SQLModels.

A constructor sets them, and rows that are dicts see none. So they are looked up, and win over the column's default as
they do in a constructor. None is no default: SQLAlchemy leaves such a column to its own one.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

from sqlalchemy.orm.base import LoaderCallableStatus

Default = Callable[[], Any]


def class_default(model: type, name: str) -> Default | None:
    """What makes the value of an attribute that nobody gave; None where the class has no say."""
    dataclass_fields: Mapping[str, Any] = getattr(model, "__dataclass_fields__", {})
    pydantic_fields: Mapping[str, Any] = getattr(model, "model_fields", {})
    if name in dataclass_fields:
        return _default(dataclass_fields[name])
    if name in pydantic_fields:
        return _default(pydantic_fields[name])
    return None


def _default(field: Any) -> Default | None:
    factory: Any = field.default_factory
    if factory is not MISSING and factory is not None:
        # SQLAlchemy has one of its own for fields that it leaves to the column.
        return None if factory.__module__.startswith("sqlalchemy.") else factory
    value: Any = field.default
    unset = value is MISSING or value is None or isinstance(value, LoaderCallableStatus)
    return None if unset or type(value).__name__ == "PydanticUndefinedType" else lambda: value
