"""Reading the row of an object again."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Session

from activerow.database.unit import Kind, UnitSyncSession
from activerow.errors import RecordNotFoundError, UsageError
from activerow.mapping import criteria_of, mark_whole, primary_key_names
from activerow.model.rows.attaching import attached


async def read_again(
    session: AsyncSession, row: object, attributes: tuple[str, ...] = (), *, lock: bool = False
) -> None:
    """Let `row` show its columns, or `attributes`, as the database holds them.

    Raises:
        RecordNotFoundError: It holds the row no more.
        UsageError: It was never stored.
    """
    state: InstanceState[Any] = inspect(row)
    if state.key is None:
        raise UsageError(f"{row!r} is not stored; there is nothing to read")
    columns = (p.key for p in state.mapper.column_attrs if not p.deferred or p.key in state.dict)
    names = attributes or tuple(columns)
    for name in attributes:
        mark_whole(state, name)
    with attached(session.sync_session, row) as target:
        try:
            await session.run_sync(_refresh, target, names, lock=lock)
        except InvalidRequestError as error:
            # Of a persistent row refresh() says this only when the SELECT found nothing.
            criteria = dict(zip(primary_key_names(type(row)), state.key[1], strict=True))
            raise RecordNotFoundError(type(row).__name__, criteria) from error


def _refresh(session: Session, row: object, names: tuple[str, ...], *, lock: bool) -> None:
    # A lone read must not write: what is unsaved stays so. In a unit it is flushed first, as before every query.
    lone = isinstance(session, UnitSyncSession) and session.unit.kind is Kind.CALL
    state: InstanceState[Any] = inspect(row)
    relations = any(name in state.mapper.relationships for name in names)
    visible = passing_over_hidden(state) if relations else nullcontext()
    with session.no_autoflush if lone else nullcontext(), visible:
        session.refresh(row, attribute_names=names, with_for_update=True if lock else None)


@contextmanager
def passing_over_hidden(state: InstanceState[Any]) -> Generator[None, None, None]:
    """Have the relations that are read with a row pass over hidden rows; the row itself is read in any case."""
    before = state.load_options
    state.load_options = (*before, *criteria_of(state.mapper.class_))
    try:
        yield
    finally:
        state.load_options = before
