"""The peers that there are, and what each needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from benchmarks.peer import Dialect

_TWO: Final[tuple[Dialect, ...]] = ("sqlite", "postgresql")
_THREE: Final[tuple[Dialect, ...]] = (*_TWO, "mysql")
_DRIVERS: Final = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mysql": "asyncmy"}


@dataclass(frozen=True)
class Known:
    """A peer.

    Attributes:
        module: The file in `peers`; `{dialect}` in it is the server's kind.
        packages: What has to be installed.
        also: The tasks of units and requests are in a module of this name.
    """

    name: str
    title: str
    module: str
    packages: tuple[str, ...] = ()
    dialects: tuple[Dialect, ...] = _TWO
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    also: str | None = None

    def missing(self) -> str | None:
        """The package that is not installed."""
        return next((package for package in self.packages if _version(package) is None), None)


BASE: Final = "hand-written"
PEERS: Final = (
    Known(BASE, "SQLAlchemy ORM by hand", "by_hand", ("sqlalchemy",), _THREE, also="by_hand_units"),
    Known("activerow", "activerow", "by_active", ("sqlalchemy",), _THREE, also="by_active_units"),
    Known(
        "activerow-session",
        "activerow, direct=False",
        "by_active",
        ("sqlalchemy",),
        _THREE,
        {"direct": False},
        also="by_active_units",
    ),
    Known("driver", "the driver alone", "by_driver_{dialect}", (), _THREE),
    Known("core", "SQLAlchemy Core", "by_core", ("sqlalchemy",), _THREE),
    Known("oxyde", "Oxyde", "by_oxyde", ("oxyde",)),
    Known("ferro", "ferro-orm", "by_ferro", ("ferro-orm",)),
    Known("tortoise", "Tortoise", "by_tortoise", ("tortoise-orm",), _THREE),
    Known("django", "Django", "by_django", ("django",)),
    Known("piccolo", "Piccolo", "by_piccolo", ("piccolo",)),
    Known("peewee", "Peewee", "by_peewee", ("peewee",)),
    Known("sqlmodel", "SQLModel", "by_sqlmodel", ("sqlmodel",)),
    Known("advanced-alchemy", "advanced-alchemy", "by_advanced_alchemy", ("advanced-alchemy",)),
    Known("sqlactive", "sqlactive", "by_sqlactive", ("sqlactive",)),
    Known("fastcrud", "FastCRUD", "by_fastcrud", ("fastcrud",)),
    Known("sqlalchemy-mixins", "sqlalchemy-mixins (synchronous)", "by_sqlalchemy_mixins", ("sqlalchemy-mixins",)),
)


def versions() -> dict[str, str]:
    """What is installed of the packages that are measured."""
    names = {package for peer in PEERS for package in peer.packages} | set(_DRIVERS.values()) | {"fastapi", "pydantic"}
    return {name: found for name in sorted(names) if (found := _version(name))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
