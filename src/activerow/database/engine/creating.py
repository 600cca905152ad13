"""Engines: a URL and a few options in, an `AsyncEngine` set up for its database out."""

import asyncio
import functools
import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from activerow.backends import BACKENDS, backend_at, backend_named, json_text
from activerow.database.engine import psycopg_cursors, sqlite_connection, sqlite_setup
from activerow.errors import UsageError

CONNECT_TIMEOUT = 30.0
"""Seconds to connect. The MySQL drivers' own limit does not cover a server that accepts and then stays silent."""


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
    name, _, driver = parsed.drivername.partition("+")
    backend = backend_named(name)
    if not backend.drivers:
        known = sorted(dialect for each in BACKENDS for dialect in each.dialects)
        raise UsageError(f"{name!r} is not supported; use one of {', '.join(known)}")
    name = backend.dialects[0] if name in backend.aliases else name
    if driver and driver not in backend.drivers:
        raise UsageError(f"{driver!r} is no asyncio driver; use {name}+{backend.drivers[0]}://")
    installed = [each for each in ((driver,) if driver else backend.drivers) if importlib.util.find_spec(each)]
    if not installed:
        raise UsageError(f"no driver for {name} is installed; install activerow[{backend.name}]")
    return parsed.set(drivername=f"{name}+{installed[0]}")


def make_engine(url: URL, options: Options) -> AsyncEngine:
    """An engine for `url`, with the settings that its database and driver need."""
    driver, timeout = url.get_driver_name(), options.statement_timeout
    backend = backend_at(url)
    url, arguments = backend.prepare(url, driver, timeout, options.pgbouncer)
    connect = sqlite_connection.connector(driver, timeout) if backend.embedded else _patient(driver)
    arguments["async_creator_fn"] = connect
    settings: dict[str, Any] = {
        "echo": options.echo,
        "pool_size": options.pool_size,
        "max_overflow": options.max_overflow,
        "pool_timeout": options.pool_timeout,
        "pool_recycle": options.pool_recycle,
        "pool_pre_ping": options.pool_pre_ping and not backend.embedded,  # a file cannot hang up
        "json_serializer": json_text,
        "hide_parameters": True,  # bound values are in the attributes of errors, never in texts and logs
    }
    given = dict(options.engine_options)
    arguments |= given.pop("connect_args", {})
    if "poolclass" in given:
        for name in ("pool_size", "max_overflow", "pool_timeout"):
            settings.pop(name)
    engine = create_async_engine(url, connect_args=arguments, **{**settings, **given})
    engine.dialect.colspecs = {**engine.dialect.colspecs, **backend.types}
    if driver == "psycopg":
        _convert_at_once(engine.dialect)
        psycopg_cursors.hold_cursors(engine)
    if backend.embedded:
        sqlite_setup.set_up(engine, timeout)
    return engine


def _convert_at_once(dialect: Any) -> None:
    """Have JSON made before a statement is sent, as with other drivers: psycopg makes it when it knows no column."""
    for name in ("_psycopg_Json", "_psycopg_Jsonb"):
        setattr(dialect, name, functools.partial(_json, getattr(dialect, name), dialect))


def _json(kind: Any, dialect: Any, value: object) -> object:
    return kind(dialect._json_serializer(value), dumps=str)


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
