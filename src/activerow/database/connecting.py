"""Where a database is: its engines, the bases whose models it stores, opening and closing."""

import dataclasses
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from sqlalchemy import URL, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from activerow.database.engine import EngineSet, Options, Replicas, async_url
from activerow.database.execution import Direct, Execution, Scopes, UnitFactory
from activerow.database.failures import translating
from activerow.database.unit import Unit
from activerow.errors import ActiveRowError, NotBoundError, PoolExhaustedError, UnavailableError, UsageError
from activerow.replicas import ReplicaPolicy

logger = logging.getLogger("activerow")

BINDING: Final = "__activerow_database__"
"""The attribute of a base class that holds its Database."""


class Connecting:
    """A database, as far as its place and its connections go."""

    def __init__(  # noqa: PLR0913  (the options of an engine)
        self,
        url: str | URL | None = None,
        *,
        base: type | None = None,
        replicas: Iterable[str | URL] = (),
        replica_policy: ReplicaPolicy | None = None,
        echo: bool = False,
        pool_size: int = 5,
        max_overflow: int = 10,
        pool_timeout: float = 30,
        pool_recycle: int = 900,
        pool_pre_ping: bool = True,
        statement_timeout: float | None = None,
        pgbouncer: bool = False,
        direct: bool = True,
        secret: str | bytes | None = None,
        slow_query: float | None = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        options = Options(
            echo=echo,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout,
            pool_recycle=pool_recycle,
            pool_pre_ping=pool_pre_ping,
            statement_timeout=statement_timeout,
            slow_query=slow_query,
            pgbouncer=pgbouncer,
            direct=direct,
            engine_options=dict(engine_options or {}),
        )
        self.secret = secret
        self._metadata: list[MetaData] = []
        self._bases: list[type] = []
        self.scopes = Scopes()
        made = async_url(url) if url is not None else None
        self.engines = EngineSet(made, options, self.scopes.units.clear, self._bases)
        self.replicas = Replicas(self.engines)
        self.replicas.set_urls(map(async_url, replicas), self.url)
        self.replicas.policy = replica_policy
        self.scopes.completing = self._complete
        self._units = UnitFactory(self.scopes, self.engines, self.replicas)
        self.execution = Execution(
            self.scopes, self._units.new, self._complete, self.replicas, direct=Direct(self.engines, self.scopes)
        )
        if base is not None:
            self.bind(base)

    def __repr__(self) -> str:
        """The database's URL without its password."""
        return f"<Database {self.url.render_as_string() if self.url else 'not configured'}>"

    # -- where it is ---------------------------------------------------------------------------------------------

    def configure(self, url: str | URL, **options: Any) -> None:
        """Set the URL and engine options, before the first use or after `dispose`.

        Raises:
            UsageError: The engine is in use, or an option does not exist.
        """
        if self.engines.in_use:
            raise UsageError("the database is in use; await db.dispose() before configuring it anew")
        known = {name: options.pop(name) for name in tuple(options) if name in Options.__slots__}
        others = {name: options.pop(name) for name in ("secret", "replica_policy", "replicas") if name in options}
        if options:
            raise UsageError(f"Database has no option {', '.join(map(repr, options))}")
        made = async_url(url)
        replicas = map(async_url, others["replicas"]) if "replicas" in others else self.replicas.urls
        self.replicas.set_urls(replicas, made)
        self.replicas.policy = others.get("replica_policy", self.replicas.policy)
        self.secret = others.get("secret", self.secret)
        self.engines.url = made
        self.engines.options = dataclasses.replace(self.engines.options, **known)

    def bind(self, base: type) -> None:
        """Let the models of `base` use this database from now on."""
        setattr(base, BINDING, self)
        if base not in self._bases:
            self._bases.append(base)
        metadata = getattr(base, "metadata", None)
        if isinstance(metadata, MetaData) and metadata not in self._metadata:
            self._metadata.append(metadata)

    @property
    def url(self) -> URL | None:
        """Where the database is, the driver included."""
        return self.engines.url

    @property
    def bases(self) -> tuple[type, ...]:
        """The declarative bases that are bound."""
        return tuple(self._bases)

    @property
    def metadata(self) -> tuple[MetaData, ...]:
        """The tables of the bound models, a `MetaData` for each base."""
        return tuple(self._metadata)

    @property
    def dialect(self) -> str:
        """`sqlite`, `postgresql` or `mysql`, which stands for MariaDB too."""
        return self.engines.backend.name

    @property
    def engine(self) -> AsyncEngine:
        """The `AsyncEngine`, for everything that is not covered here.

        Raises:
            NotBoundError: There is no URL yet.
            UsageError: The database is in use on another event loop that still runs.
        """
        return self.engines.primary

    # -- open and close ------------------------------------------------------------------------------------------

    async def connect(self) -> Self:
        """Check that the database can be reached.

        Raises:
            UnavailableError: It cannot; names host and database, never the password.
        """
        url = self.engines.configured()
        try:
            await self.engines.check(url)
        except UnavailableError as error:
            self._complete(error)
            raise
        logger.info("connected to %s", url.render_as_string())
        await self.replicas.check()
        return self

    def _complete(self, error: ActiveRowError, unit: Unit | None = None) -> None:
        """Add to `error` what only the database knows: where it is, and who holds its connections."""
        if isinstance(error, UnavailableError):
            error.target = error.target or self.engines.address(unit.engine if unit is not None else None)
        if isinstance(error, PoolExhaustedError):
            error.holders = tuple(str(holder) for holder in self._units.holders())

    async def dispose(self) -> None:
        """Close all connections. The database can be used, or configured, again afterwards."""
        await self.scopes.seen_off()
        await self.engines.dispose()

    async def __aenter__(self) -> Self:
        """`connect`."""
        return await self.connect()

    async def __aexit__(self, *_: object) -> None:
        """`dispose`."""
        await self.dispose()

    async def create_all(self) -> None:
        """Create the tables of the bound models that are not there yet; for demos and tests."""
        await self._with_metadata("create_all")

    async def drop_all(self) -> None:
        """Drop the tables of the bound models; for demos and tests."""
        await self._with_metadata("drop_all")

    async def _with_metadata(self, operation: str) -> None:
        if not self._metadata:
            raise NotBoundError("the Database", "bind a base first: Database(url, base=Base), or db.bind(Base)")
        with translating(operation):
            async with self.engine.begin() as connection:
                for metadata in self._metadata:
                    await connection.run_sync(getattr(metadata, operation))
