"""The base of all tables and the database they live in. Importing this opens nothing."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from activerow.naming import NAMING_CONVENTION


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the shop."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


db = Database(base=Base)  # `create_app` tells it where its data is
