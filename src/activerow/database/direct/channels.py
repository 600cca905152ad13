"""The channel of an engine."""

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.direct.asyncpg import AsyncpgChannel
from activerow.database.direct.channel import Channel
from activerow.database.direct.mysql import AiomysqlChannel, AsyncmyChannel
from activerow.database.direct.psycopg import PsycopgChannel
from activerow.database.direct.sqlite import SQLiteChannel

_KINDS: Final[dict[str, type[Channel]]] = {
    "aiosqlite": SQLiteChannel,
    "aiomysql": AiomysqlChannel,
    "asyncmy": AsyncmyChannel,
    "asyncpg": AsyncpgChannel,
    "psycopg": PsycopgChannel,
}
_CHANNEL: Final = "_activerow_channel"


def channel_of(engine: AsyncEngine) -> Channel | None:
    """The channel of an engine, made when it is first asked for; None where the driver has none."""
    kept: dict[str, Any] = vars(engine.sync_engine)
    if _CHANNEL not in kept:
        kind = _KINDS.get(engine.dialect.driver)
        kept[_CHANNEL] = kind(engine) if kind is not None else None
    channel: Channel | None = kept[_CHANNEL]
    return channel
