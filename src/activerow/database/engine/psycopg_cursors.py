"""Cursors that psycopg keeps on the server, of a stream that nobody read to its end or could close.

The server closes them with their transaction. psycopg only sees that they are collected as garbage while they are open,
and warns. So a connection holds those that are open, and lets go of them when it goes back to the pool or is closed.
"""

import functools
import importlib
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.engine.listeners import listen

_OPEN = "activerow_cursors"


class _Held:
    connection: Any

    def __init__(self, connection: Any, *args: Any, **options: Any) -> None:
        plain: Any = super()
        plain.__init__(connection, *args, **options)
        _open_at(connection).add(self)

    async def close(self) -> None:
        """Close it at the server; held on to when that is cancelled."""
        plain: Any = super()
        await plain.close()
        _open_at(self.connection).discard(self)


@functools.cache
def _held_cursor() -> type:
    """psycopg's own cursor, held; made here, for not everybody has psycopg."""
    driver: Any = importlib.import_module("psycopg")
    return type("HeldCursor", (_Held, driver.AsyncServerCursor), {})


def hold_cursors(engine: AsyncEngine) -> None:
    """Register the listeners of an engine of psycopg."""
    for name, listener in (("connect", _on_connect), ("checkin", _let_go), ("invalidate", _let_go), ("close", _let_go)):
        listen(engine.sync_engine, name, listener)


def _on_connect(connection: Any, _record: object) -> None:
    connection.driver_connection.server_cursor_factory = _held_cursor()


def _let_go(connection: Any, *_: object) -> None:
    if connection is not None:
        let_go_of_cursors(connection.driver_connection)


def let_go_of_cursors(connection: Any) -> None:
    """Hold the cursors of a connection of psycopg no longer: the server has closed them, or will not hear of it."""
    held = _open_at(connection)
    for cursor in held:
        cursor._closed = True
    held.clear()


def _open_at(connection: Any) -> set[Any]:
    held: set[Any] = connection.__dict__.setdefault(_OPEN, set())
    return held
