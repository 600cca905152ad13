"""The channel of an engine."""

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.direct import connections
from activerow.database.direct.asyncpg import AsyncpgChannel
from activerow.database.direct.channel import Channel
from activerow.database.direct.sqlite import SQLiteChannel

_KINDS: Final[dict[str, type[Channel]]] = {"asyncpg": AsyncpgChannel, "aiosqlite": SQLiteChannel}
_CHANNEL: Final = "_activerow_channel"


def channel_of(engine: AsyncEngine) -> Channel | None:
    """The channel of an engine, made when it is first asked for; None where the driver has none."""
    kept: dict[str, Any] = vars(engine.sync_engine)
    if _CHANNEL not in kept:
        kind = _KINDS.get(engine.dialect.driver)
        if kind is not None:
            connections.watch(engine)
        kept[_CHANNEL] = kind(engine) if kind is not None else None
    channel: Channel | None = kept[_CHANNEL]
    return channel
