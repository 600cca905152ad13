"""What the session's own rows show after a write that went past them."""

from collections.abc import Container
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.base import instance_state

from activerow.database.flush import RewindingSession
from activerow.query import read_expired


async def show_again(session: AsyncSession, model: type, by: tuple[str, ...], keys: Container[tuple[Any, ...]]) -> None:
    """Let the rows of a model that the session holds show what is stored now, if they have one of these keys.

    Args:
        session: In whose transaction the rows were written.
        model: Their class.
        by: The attributes of the keys.
        keys: Of the rows that were written.
    """
    sync = session.sync_session
    held = [instance_state(row) for row in sync.identity_map.values() if isinstance(row, model)]
    for state in held:
        if tuple([state.dict.get(name) for name in by]) in keys:
            if isinstance(sync, RewindingSession):
                sync.remember(state)
            loaded = [attribute.key for attribute in state.mapper.column_attrs if attribute.key in state.dict]
            sync.expire(state.obj(), loaded)
    if held:
        await read_expired(session, model)
