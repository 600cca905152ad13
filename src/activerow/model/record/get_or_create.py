"""The row with given unique values, found or made: the unique constraint decides, not a look first."""

from collections.abc import Mapping
from typing import TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from activerow.database import database_of
from activerow.database.execution import Call
from activerow.errors import UniqueViolationError
from activerow.mapping import mapper_of, primary_key_names
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
) -> tuple[R, bool]:
    """The row with the values `unique`, and whether it was made."""
    database = database_of(model)
    names = check_new(model, {**collect(defaults, {}), **unique})
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
