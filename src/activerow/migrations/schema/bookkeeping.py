"""The tables that migrations keep beside those of the models."""

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table

PROGRESS: Final = Table(
    "activerow_migration_progress",
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("done", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""How far a revision came that stopped half way, on servers that cannot undo schema changes."""

VERSIONS: Final = "alembic_version"
"""The table that says which revision a database is at; one of several databases of a project has a name behind it."""


def is_bookkeeping(table: str) -> bool:
    """Whether migrations keep the table for themselves."""
    return table == PROGRESS.name or table == VERSIONS or table.startswith(f"{VERSIONS}_")
