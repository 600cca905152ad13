"""Tables named after their classes."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy.orm import MappedColumn, declared_attr, has_inherited_table

from activerow.naming import table_name


def _table_of(cls: type[Any]) -> str | None:
    return table_name(cls.__name__) if _has_own_table(cls) else None


def _has_own_table(cls: type[Any]) -> bool:
    if not has_inherited_table(cls):
        return True
    own = vars(cls)
    options = own.get("__mapper_args__")
    concrete = isinstance(options, Mapping) and bool(cast("Mapping[str, Any]", options).get("concrete"))
    return concrete or any(_is_primary_key(value) for value in own.values())


def _is_primary_key(value: object) -> bool:
    return isinstance(value, MappedColumn) and bool(cast("Any", value).column.primary_key)


class AutoTableName:
    """Names the table of a class that does not name it: `User` is stored in `users`, `ApiKey` in `api_keys`.

    A subclass of a mapped class has a table of its own when it declares a primary key (joined inheritance) or is
    `concrete`; otherwise it lives in its parent's (single-table inheritance).
    """

    # Any, so that a class may write a plain text there.
    __tablename__: Any = declared_attr.directive(_table_of)

    def __init_subclass__(cls, **options: Any) -> None:
        # The name that a parent wrote down would otherwise be its children's too.
        if has_inherited_table(cls) and not {"__tablename__", "__table__"} & vars(cls).keys():
            cls.__tablename__ = _table_of(cls)
        super().__init_subclass__(**options)
