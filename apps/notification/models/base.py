"""The base of all tables and the database they live in. Importing this opens nothing."""

from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from activerow.naming import NAMING_CONVENTION


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the Notification API."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    @classmethod
    def __table_cls__(cls, *arguments: Any, **options: Any) -> Table:
        """A table whose ids are never given out again, on SQLite too: tokens, links and logs outlive a row."""
        return Table(*arguments, sqlite_autoincrement=True, **options)


db = Database(base=Base)  # `create_app` tells it where its data is
