"""The row with given unique values, found or made: the unique constraint decides, not a look first."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from sqlalchemy import Column
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import RelationshipProperty

from activerow.database import database_of
from activerow.database.execution import Call
from activerow.errors import UniqueViolationError, UsageError
from activerow.mapping import keys_of, mapper_of, primary_key_names
from activerow.model.rows import Insertion, Values, check_new, collect
from activerow.query import Query

R = TypeVar("R")


async def get_or_create(
    model: type[R],
    unique: Mapping[str, object],
    defaults: Values,
    *,
    session: AsyncSession | None,
    auto_commit: bool | None,
    renames: bool = False,
) -> tuple[R, bool]:
    """The row with the values `unique`, and whether it was made.

    Args:
        model, unique, defaults, session, auto_commit: As the caller gave them.
        renames: A value that differs from the one the row is found by is the one to set.

    Raises:
        UsageError: No unique key would stop a second row with these values; or two values are given for one name.
    """
    database = database_of(model)
    others = collect(defaults, {})
    names = check_new(model, {**unique, **others})
    _check_agreement(model, unique, others, renames=renames)
    _check_key(model, unique, database.dialect)
    if auto_commit:
        await database.execution.refuse_nested_commit(Call("commit", model, session=session))
    found = await Query(model, session=session).on_replica(allowed=False).filter_by(unique).first()
    made = found is None
    if found is None:
        try:
            async with database.protected(session, auto_commit) as within:
                inner = auto_commit if within is None else None
                if within is not None and _holds(within, model, unique):
                    found = await Query(model, session=within).filter_by(unique).first()
                made = found is None
                if found is None:
                    insertion = Insertion(model, names, within, inner, refresh=False)
                    found = cast("R", await database.execution.carry_out(insertion))
        except UniqueViolationError:
            found = await _find_winner(model, unique, session)
            made = False
            if found is None:
                raise
    return found, made


def differing(unique: Mapping[str, object], defaults: Values) -> dict[str, object]:
    """The defaults that say something else than `unique`."""
    others = collect(defaults, {})
    return {name: value for name, value in others.items() if name not in unique or unique[name] != value}


def _check_agreement(model: type, unique: Mapping[str, object], others: Mapping[str, object], *, renames: bool) -> None:
    """Refuse two values for one name, unless that is a name to be changed."""
    fixed = primary_key_names(model) if renames else tuple(unique)
    for name in differing(unique, others).keys() & unique.keys() & set(fixed):
        raise UsageError(
            f"{model.__name__}.{name} is given two values, one to find the row by and one to set: leave it out of the"
            " defaults"
        )


def _check_key(model: type, unique: Mapping[str, object], dialect: str) -> None:
    """Accept values that at most one row has, by a key that the database keeps."""
    relations = mapper_of(model).relationships
    given: dict[str, object] = {}
    for name, value in unique.items():
        relation = relations.get(name)
        columns = _referring(relation) if relation is not None else [name]
        given.update(dict.fromkeys(columns, value))
    keys = [key for key in keys_of(model, dialect) if key.visible]
    found = [key for key in keys if given.keys() >= set(key.names)]
    if not found:
        known = ", ".join(dict.fromkeys(" + ".join(key.names) for key in keys))
        raise UsageError(
            f"{model.__name__} has no unique key of {', '.join(unique) or 'nothing'} (it has {known}):"
            " nothing would stop two callers from making a row each"
        )
    if not any(key.nulls_agree or None not in [given[name] for name in key.names] for key in found):
        raise UsageError(
            f"NULL singles out no row of {model.__name__}: a unique key takes any number of them"
            f" ({', '.join(name for name, value in given.items() if value is None)})"
        )


def _referring(relation: RelationshipProperty[Any]) -> list[str]:
    """The columns by which a row refers to its relative."""
    return [relation.parent.get_property_by_column(cast("Column[Any]", c)).key for c in relation.local_columns]


def _holds(session: AsyncSession, model: type, unique: Mapping[str, object]) -> bool:
    """Whether another task of the unit may have made the row since we looked: a second object of its key is no row."""
    names = primary_key_names(model)
    if set(unique) != set(names):
        return False
    key = mapper_of(model).identity_key_from_primary_key(tuple(unique[name] for name in names))
    return key in session.sync_session.identity_map


async def commit_where_due(model: type, session: AsyncSession | None, auto_commit: bool | None) -> None:
    """Commit what a call of several steps did, where one of a single step would have done so."""
    database = database_of(model)
    if auto_commit or database.scopes.here() is not None:
        await database.execution.write(Call("commit", model, session=session), _nothing, auto_commit=auto_commit)


async def _find_winner(model: type[R], unique: Mapping[str, object], session: AsyncSession | None) -> R | None:
    """The row of whoever was first."""
    database = database_of(model)
    statement = database.engines.backend.newest(Query(model).filter_by(unique).statement.limit(1))

    async def work(session: AsyncSession) -> R | None:
        return (await session.scalars(statement)).first()

    return await database.execution.read(Call("select", model, session=session), work)


async def _nothing(session: AsyncSession) -> None:
    """Send nothing: the call only commits."""
