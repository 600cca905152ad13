"""A backend as tests see it, and the databases it hands out."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from importlib.util import find_spec

from sqlalchemy import URL, MetaData

from tests.tools.backends.databases import Store
from tests.tools.backends.servers import Dialect, missing


@dataclass(frozen=True)
class Driver:
    """A way to reach a server: the name of a backend."""

    name: str
    dialect: Dialect
    module: str

    @property
    def missing(self) -> str | None:
        """Why this backend cannot be tested here; None when it can."""
        if find_spec(self.module) is None:
            return f"the package {self.module} is not installed"
        return missing(self.dialect)

    @property
    def drivername(self) -> str:
        """The part of a URL before `://`."""
        return f"{self.dialect}+{self.module}"


DRIVERS = {
    driver.name: driver
    for driver in (
        Driver("sqlite", "sqlite", "aiosqlite"),
        Driver("asyncpg", "postgresql", "asyncpg"),
        Driver("psycopg", "postgresql", "psycopg"),
        Driver("asyncmy", "mysql", "asyncmy"),
        Driver("aiomysql", "mysql", "aiomysql"),
    )
}


@dataclass
class TestDatabase:
    """One database that tests of a process use one after the other."""

    __test__ = False

    address: URL
    resident: MetaData | None = None
    shape: Hashable = None
    fingerprint: Hashable = None
    pristine: bool = True

    @property
    def url(self) -> str:
        """What an engine is made of."""
        return self.address.render_as_string(hide_password=False)

    def forget(self) -> None:
        """Nothing is known about the content any more: the next user gets it wiped."""
        self.resident, self.pristine = None, False


@dataclass
class Backend:
    """One of the five backends. `name` is the driver's (`sqlite` for aiosqlite), `dialect` the server's."""

    name: str
    dialect: Dialect
    driver: str
    store: Store
    prefix: str
    _databases: list[TestDatabase] = field(default_factory=list[TestDatabase])

    async def fresh_url(self) -> str:
        """The URL of a new, empty database of its own; dropped when the tests of this process end."""
        return await asyncio.to_thread(lambda: self._new().url)

    def database(self, number: int) -> TestDatabase:
        """The database that every test of this process knows under `number`."""
        while len(self._databases) <= number:
            self._new()
        return self._databases[number]

    def wipe(self, database: TestDatabase) -> str:
        """Leave nothing in `database`, and give its URL; whoever asked may do with it as they like."""
        if not database.pristine:
            self.store.wipe(database.address)
        database.forget()
        return database.url

    def ready(self, database: TestDatabase, metadata: MetaData) -> bool:
        """Empty the tables of `metadata` if they are still as they were made; else wipe the database and say False."""
        known = database.resident is metadata and database.shape == shape_of(metadata)
        if known and database.fingerprint == self.store.fingerprint(database.address):
            self.store.empty(database.address, metadata)
            return True
        self.wipe(database)
        return False

    def settle(self, database: TestDatabase, metadata: MetaData) -> None:
        """Remember that `database` holds the tables of `metadata`, just made, and nothing else."""
        database.resident, database.shape = metadata, shape_of(metadata)
        database.fingerprint = self.store.fingerprint(database.address)

    def close(self) -> None:
        """Drop every database."""
        for database in self._databases:
            self.store.drop(database.address)
        self._databases.clear()

    def _new(self) -> TestDatabase:
        database = TestDatabase(self.store.create(f"{self.prefix}_{self.name}_{len(self._databases)}"))
        self._databases.append(database)
        return database


def shape_of(metadata: MetaData) -> Hashable:
    """Differs when tables or columns were added to `metadata`: test modules map classes inside of tests too."""
    return tuple((table.key, tuple(table.columns.keys())) for table in metadata.tables.values())
