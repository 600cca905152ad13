"""The tables' history: which revisions there are, and the database they are for."""

from pathlib import Path
from typing import Final

from activerow import Database
from activerow.migrations import Migrations
from shop.models import db
from shop.settings import Settings

MIGRATIONS: Final = Migrations(db, Path(__file__).parent / "migrations", ("shop.models",), "shop")


def configure(settings: Settings) -> Database:
    """Tell the database where its data is, and how to reach it."""
    db.configure(
        settings.database_url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        engine_options={"hide_parameters": True},
    )
    return db


def database() -> Database:
    """The database of the environment's settings: for the command `activerow`."""
    return configure(Settings())
