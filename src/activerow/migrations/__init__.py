"""Migrations: Alembic underneath, with the database, the models and the safety that a team needs around it."""

from activerow.migrations.environment import run
from activerow.migrations.errors import (
    MigrationError,
    MigrationLockError,
    ProjectError,
    UnfinishedMigrationError,
    UnknownRevisionError,
    UnknownSchemaError,
)
from activerow.migrations.findings import Finding
from activerow.migrations.migrations import Migrations
from activerow.migrations.revisions import Revision, Step, Written

__all__ = [
    "Finding",
    "MigrationError",
    "MigrationLockError",
    "Migrations",
    "ProjectError",
    "Revision",
    "Step",
    "UnfinishedMigrationError",
    "UnknownRevisionError",
    "UnknownSchemaError",
    "Written",
    "run",
]
