"""Engines: a URL and a few options in, an `AsyncEngine` set up for its database out."""

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from activerow.database.engine import sqlite_connection, sqlite_setup
from activerow.errors import UsageError

CONNECT_TIMEOUT = 30.0
"""Seconds to connect. The MySQL drivers' own limit does not cover a server that accepts and then stays silent."""

_DRIVERS = {
    "sqlite": (("aiosqlite",), "sqlite"),
    "postgresql": (("asyncpg", "psycopg"), "postgresql"),
    "mysql": (("asyncmy", "aiomysql"), "mysql"),
    "mariadb": (("asyncmy", "aiomysql"), "mysql"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What `Database` was told about its engine."""

    echo: bool = False
    pool_size: int = 5
    max_overflow: int = 10
    pool_timeout: float = 30
    pool_recycle: int = 900
    pool_pre_ping: bool = True
    statement_timeout: float | None = None
    slow_query: float | None = None
    pgbouncer: bool = False
    direct: bool = True
    engine_options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def async_url(url: str | URL) -> URL:
    """The URL with an installed asyncio driver.

    Raises:
        UsageError: It cannot be parsed, names a database or driver that is not supported, or none is installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError("the database URL cannot be read; write e.g. sqlite+aiosqlite:///app.db") from error
    backend, _, driver = parsed.drivername.partition("+")
    backend = "postgresql" if backend == "postgres" else backend
    if backend not in _DRIVERS:
        raise UsageError(f"{backend!r} is not supported; use one of {', '.join(sorted(_DRIVERS))}")
    drivers, extra = _DRIVERS[backend]
    if driver and driver not in drivers:
        raise UsageError(f"{driver!r} is no asyncio driver; use {backend}+{drivers[0]}://")
    installed = [name for name in ((driver,) if driver else drivers) if importlib.util.find_spec(name)]
    if not installed:
        raise UsageError(f"no driver for {backend} is installed; install activerow[{extra}]")
    return parsed.set(drivername=f"{backend}+{installed[0]}")


def make_engine(url: URL, options: Options) -> AsyncEngine:
    """An engine for `url`, with the settings that its database and driver need."""
    backend, _, driver = url.drivername.partition("+")
    arguments: dict[str, Any] = {}
    sqlite = backend == "sqlite"
    timeout = options.statement_timeout
    arguments["async_creator_fn"] = sqlite_connection.connector(driver, timeout) if sqlite else _patient(driver)
    if backend == "postgresql":
        url = _prepare_postgresql(url, driver, options, arguments)
    elif backend != "sqlite":
        url = _prepare_mysql(url, options, arguments)
    settings: dict[str, Any] = {
        "echo": options.echo,
        "pool_size": options.pool_size,
        "max_overflow": options.max_overflow,
        "pool_timeout": options.pool_timeout,
        "pool_recycle": options.pool_recycle,
        "pool_pre_ping": options.pool_pre_ping and not sqlite,  # a file cannot hang up
        "hide_parameters": True,  # bound values are in the attributes of errors, never in texts and logs
    }
    given = dict(options.engine_options)
    arguments |= given.pop("connect_args", {})
    if "poolclass" in given:
        for name in ("pool_size", "max_overflow", "pool_timeout"):
            settings.pop(name)
    engine = create_async_engine(url, connect_args=arguments, **{**settings, **given})
    if sqlite:
        sqlite_setup.set_up(engine, timeout)
    return engine


def _prepare_postgresql(url: URL, driver: str, options: Options, arguments: dict[str, Any]) -> URL:
    milliseconds = None if options.statement_timeout is None else str(int(options.statement_timeout * 1000))
    if driver == "asyncpg":
        if milliseconds:
            arguments["server_settings"] = {"statement_timeout": milliseconds}
        if options.pgbouncer:
            # Prepared statements live on a server connection, which pgbouncer hands to the next client.
            arguments["statement_cache_size"] = 0
            return url.update_query_dict({"prepared_statement_cache_size": "0"})
    else:
        if milliseconds:
            arguments["options"] = f"-c statement_timeout={milliseconds}"
        if options.pgbouncer:
            arguments["prepare_threshold"] = None
    return url


def _prepare_mysql(url: URL, options: Options, arguments: dict[str, Any]) -> URL:
    # In UTC, CURRENT_TIMESTAMP means the same whatever the server's zone. Each comment is read by one kind of server.
    command = "SET time_zone = '+00:00'"
    if options.statement_timeout is not None:
        seconds = options.statement_timeout
        command += (
            f" /*M!, max_statement_time = {seconds:g} */ /*!50708 , max_execution_time = {int(seconds * 1000)} */"
        )
    arguments["init_command"] = command
    return url if "charset" in url.query else url.update_query_dict({"charset": "utf8mb4"})


def _patient(driver: str) -> Callable[..., Awaitable[Any]]:
    """The driver's `connect`, not cut off half way by a cancellation and limited in time."""
    module = importlib.import_module(driver)
    connect = module.AsyncConnection.connect if driver == "psycopg" else module.connect

    async def attempt(*args: Any, **options: Any) -> Any:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return await connect(*args, **options)

    async def patient(*args: Any, **options: Any) -> Any:
        task = asyncio.ensure_future(attempt(*args, **options))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_close_unused)
            raise

    return patient


_closing: "set[asyncio.Task[Any]]" = set()


def _close_unused(task: "asyncio.Task[Any]") -> None:
    if task.cancelled() or task.exception() is not None:
        return
    connection = task.result()
    close = getattr(connection, "terminate", None) or connection.close
    result = close()
    if asyncio.iscoroutine(result):
        _closing.add(closing := task.get_loop().create_task(result))
        closing.add_done_callback(_closing.discard)
