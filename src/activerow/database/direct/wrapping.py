"""What a driver raises, as SQLAlchemy raises it when it sends a statement itself."""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from activerow.database.direct.command import Command, Parameters


def wrapped(
    engine: Engine, connection: Any, command: Command, parameters: Parameters, error: BaseException
) -> BaseException:
    """The error to raise instead of what the driver raised on an adapted `connection`."""
    adapted = _adapted(connection, error)
    dialect = engine.dialect
    if not isinstance(adapted, dialect.loaded_dbapi.Error):
        return error
    return DBAPIError.instance(
        command.sql,
        parameters if isinstance(parameters, dict) else tuple(parameters),
        adapted,
        dialect.loaded_dbapi.Error,
        hide_parameters=engine.hide_parameters,
        connection_invalidated=dialect.is_disconnect(adapted, connection, None),
        dialect=dialect,
    )


def wrapped_without_connection(engine: Engine, error: BaseException) -> BaseException:
    """The same for an error of connecting."""
    dialect = engine.dialect
    if not isinstance(error, dialect.loaded_dbapi.Error):
        return error
    return DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=engine.hide_parameters,
        connection_invalidated=dialect.is_disconnect(error, None, None),
        dialect=dialect,
    )


def _adapted(connection: Any, error: BaseException) -> BaseException:
    if not isinstance(error, Exception):
        return error
    try:
        connection._handle_exception(error)
    except Exception as adapted:  # noqa: BLE001  (it is the answer)
        return adapted
    return error
