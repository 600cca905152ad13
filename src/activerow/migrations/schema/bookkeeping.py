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

NOT_THE_MODELS: Final = frozenset({"alembic_version", PROGRESS.name})
