"""Migrations: Alembic underneath, with the database, the models and the safety that a team needs around it."""

from activerow.migrations.creating import create_database
from activerow.migrations.diagnosis import Check, diagnose
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
    "Check",
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
    "create_database",
    "diagnose",
    "find_project",
    "find_projects",
    "run",
    "walk",
]
