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
from activerow.migrations.project import Project, find_project, find_projects
from activerow.migrations.revisions import Revision, Step, Written
from activerow.migrations.walking import walk

__all__ = [
    "Finding",
    "MigrationError",
    "MigrationLockError",
    "Migrations",
    "Project",
    "ProjectError",
    "Revision",
    "Step",
    "UnfinishedMigrationError",
    "UnknownRevisionError",
    "UnknownSchemaError",
    "Written",
    "find_project",
    "find_projects",
    "run",
    "walk",
]
