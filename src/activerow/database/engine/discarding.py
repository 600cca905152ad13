"""Letting go of the connections of an event loop that is closed.

A connection cannot be closed as usual there: every driver wants to say good-bye, which needs the loop. What is left is
to close its socket, or stop its thread, in a way that neither waits nor warns.
"""

import logging
import threading
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from activerow.database.engine.listeners import listen
from activerow.database.engine.psycopg_cursors import let_go_of_cursors

logger = logging.getLogger("activerow")

_opened: "WeakKeyDictionary[Engine, WeakSet[ConnectionPoolEntry]]" = WeakKeyDictionary()

_TRANSPORT_HOLDERS: Final = ("_transport", "_writer", "transport")
"""Where drivers and streams keep the transport, or what holds it."""


def watch(engine: AsyncEngine) -> None:
    """Note the connections of `engine`, so that `discard` finds them, those in use too."""
    entries = _opened[engine.sync_engine] = WeakSet()

    def on_connect(_connection: object, entry: ConnectionPoolEntry) -> None:
        entries.add(entry)

    listen(engine.sync_engine, "connect", on_connect)


def discard(engine: AsyncEngine) -> None:
    """Drop every connection of an engine whose loop is closed; the server sees them break off."""
    for entry in _opened.pop(engine.sync_engine, ()):
        connection = entry.driver_connection
        if connection is not None:
            _drop(connection)
            record: Any = entry
            record.fairy_ref = None  # who still has it may let go of it: the pool does not call that forgotten
    engine.sync_engine.dispose(close=False)


def _drop(connection: Any) -> None:
    if hasattr(connection, "pgconn"):
        let_go_of_cursors(connection)
        connection.pgconn.finish()
    elif hasattr(connection, "stop"):
        # Started on a thread without an event loop, it does not report its end to one.
        stopping = threading.Thread(target=connection.stop, name="activerow-discard")
        stopping.start()
        stopping.join()
    else:
        _close_socket(connection)


def _close_socket(connection: Any) -> None:
    transport = _transport_of(connection)
    if transport is None:
        return
    for close in (transport.abort, lambda: transport._call_connection_lost(None)):
        try:
            close()
        except RuntimeError as error:
            # Neither the loop nor a task that waited can be told any more; the socket is closed all the same.
            logger.debug("a connection of a closed event loop was dropped: %s", error)
    for name in ("_writer", "_reader"):
        if getattr(connection, name, None) is not None:
            setattr(connection, name, None)


def _transport_of(holder: Any) -> Any:
    """The transport that owns the socket, under streams and TLS."""
    while not hasattr(holder, "_call_connection_lost"):
        below = next((getattr(holder, name) for name in _TRANSPORT_HOLDERS if getattr(holder, name, None)), None)
        below = below or getattr(holder, "_ssl_protocol", None)
        if below is None:
            return None
        holder = below
    return holder
