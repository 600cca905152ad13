"""Why a name takes no value: what `create`, `update` and the writes of many rows answer, said once."""

from collections.abc import Collection

from activerow.errors import ReadOnlyFieldError, UnknownFieldError
from activerow.mapping.inspection import (
    CREATED_AT,
    discriminator_of,
    fields_of,
    is_always_generated,
    mapper_of,
    primary_key_names,
    version_name,
)


def refused_name(
    model: type, name: str, choices: Collection[str], *, columns_only: str | None = None
) -> ReadOnlyFieldError | UnknownFieldError:
    """The error for a value that is given to a name which takes none.

    Args:
        model: The model that has, or has not, the name.
        name: As it was given.
        choices: The names that take a value, of which the nearest is proposed.
        columns_only: Who sets nothing but columns, such as "an UPDATE sets"; None where relations and hybrids count.
    """
    reason = _of_column(model, name) or _of_other(model, name, columns_only)
    return (
        ReadOnlyFieldError(model.__name__, name, reason)
        if reason
        else UnknownFieldError(model.__name__, name, choices=choices)
    )


def _of_column(model: type, name: str) -> str | None:
    mapper = mapper_of(model)
    if name == discriminator_of(mapper):
        return "it says which class a row is of, and goes with that class"
    if is_always_generated(mapper, name):
        return "the database numbers it (GENERATED ALWAYS); with Identity(always=False) it takes numbers of yours"
    if name in primary_key_names(model):
        return "it is the primary key"
    if name == version_name(mapper):
        return "it counts the changes; row.expect_version(...) compares it"
    if name in fields_of(model).columns:
        return "it is set once, when the row is created" if name == CREATED_AT else "the database computes it"
    return None


def _of_other(model: type, name: str, columns_only: str | None) -> str | None:
    relation = mapper_of(model).relationships.get(name)
    if relation is not None and columns_only is not None:
        instead = "write the related rows themselves" if relation.uselist else "give the foreign key's column"
        return f"{columns_only} columns: {instead}"
    if relation is not None:
        return "the relation is viewonly"
    if name in mapper_of(model).all_orm_descriptors or isinstance(getattr(model, name, None), property):
        return f"{columns_only} columns, and this is none" if columns_only is not None else "it has no setter"
    return None
