"""The kinds of servers that are known, by SQLAlchemy's dialect."""

from typing import Final

from sqlalchemy import URL, Dialect

from activerow.backends.backend import GENERIC, Backend
from activerow.backends.mysql import MYSQL
from activerow.backends.postgresql import POSTGRESQL
from activerow.backends.sqlite import SQLITE

BACKENDS: Final = (SQLITE, POSTGRESQL, MYSQL)
"""A new one is added here."""

BY_NAME: Final = {name: backend for backend in BACKENDS for name in backend.dialects + backend.aliases}


def backend_of(dialect: Dialect) -> Backend:
    """What the server of `dialect` can do; a server that is not known is trusted with little."""
    return BY_NAME.get(dialect.name, GENERIC)


def backend_at(url: URL) -> Backend:
    """The same, for what `url` leads to."""
    return BY_NAME.get(url.get_backend_name(), GENERIC)


def backend_named(dialect: str | None) -> Backend:
    """The same, for the name of a dialect, or another word for it in URLs."""
    return GENERIC if dialect is None else BY_NAME.get(dialect, GENERIC)
