"""The next version of rows that an UPDATE changes without having read them."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Column, Integer, type_coerce
from sqlalchemy.orm import Mapper

from activerow.errors import UsageError
from activerow.mapping.inspection import mapper_of, version_name


def next_version(model: type) -> dict[str, Any]:
    """What an UPDATE of many rows sets, so that whoever has read one of them before is stale.

    Empty where nothing counts the versions, or the column moves with every UPDATE by itself.

    Raises:
        UsageError: The model's own `version_id_generator` makes a version from the one before, which nobody has read.
    """
    mapper = mapper_of(model)
    name = version_name(mapper)
    column = cast("Column[Any]", mapper.version_id_col)
    if name is None or column.onupdate is not None:
        return {}
    kind: Any = column.type
    if isinstance(getattr(kind, "impl_instance", kind), Integer):
        # As SQL that SQLAlchemy cannot compute from the row in memory, whose version may be an older one.
        return {name: type_coerce(getattr(model, name) + 1, kind)}
    return {name: _made_anew(mapper)}


def _made_anew(mapper: Mapper[Any]) -> object:
    make: Any = mapper.version_id_generator
    try:
        version = make(None)
    except Exception as error:
        raise _counts(mapper) from error
    if not isinstance(version, datetime) and version == make(None):
        raise _counts(mapper)
    return version


def _counts(mapper: Mapper[Any]) -> UsageError:
    return UsageError(
        f"the version_id_generator of {mapper.class_.__name__} needs the version before, and an UPDATE of many rows"
        " reads none: update them one by one"
    )
