"""What this room uses of others that they do not promise to keep; a test holds it against what is installed."""

from collections.abc import Mapping
from typing import Final

PRIVATE: Final[Mapping[str, tuple[str, ...]]] = {
    "sqlalchemy.pool.impl.AsyncAdaptedQueuePool": (
        *("_pool", "_max_overflow", "_overflow", "_timeout", "_recycle"),
        *("_invalidate_time", "_reset_on_return", "_invoke_creator", "_pre_ping"),
    ),
    "sqlalchemy.util.queue.AsyncAdaptedQueue": ("_queue", "maxsize", "use_lifo"),
    "asyncio.queues.Queue": ("_queue", "_getters"),
    "sqlalchemy.pool.base._ConnectionRecord": ("starttime", "_soft_invalidate_time", "finalize_callback", "checkin"),
    "sqlalchemy.pool.base._ConnectionFairy": ("_connection_record", "_checkin"),
    "sqlalchemy.engine.base.Engine": ("_execution_options",),
    "sqlalchemy.engine.default.DefaultDialect": ("_on_connect_isolation_level", "_do_ping_w_event"),
    "sqlalchemy.event.attr._ListenerCollection": ("for_modify", "listeners", "parent_listeners"),
    "sqlalchemy.connectors.asyncio.AsyncAdapt_dbapi_connection": ("_connection", "_handle_exception"),
    "sqlalchemy.dialects.postgresql.asyncpg.AsyncAdapt_asyncpg_connection": (*("_transaction", "_start_transaction"),),
    "aiosqlite.core.Connection": ("_connection", "_running", "_tx"),
    "asyncmy.connection.Connection": ("_stream_broken",),
    "aiomysql.connection.Connection": ("_reader",),
}
"""Class to attributes."""
