"""Migrations: Alembic underneath, with the database, the models and the safety that a team needs around it."""

from activerow.migrations.diagnosis import Check, diagnose
from activerow.migrations.errors import (
    DatabaseAheadError,
    MigrationError,
    MigrationLockError,
    ProjectError,
    UnfinishedMigrationError,
    UnfitValuesError,
    UnknownRevisionError,
    UnknownSchemaError,
)
from activerow.migrations.folder import create_folder
from activerow.migrations.migrations import Migrations
from activerow.migrations.project import DEFAULT, Project, find_project, find_projects
from activerow.migrations.running import (
    Revision,
    Step,
    Written,
    change_enum,
    create_database,
    create_enum,
    drop_enum,
    run,
)
from activerow.migrations.schema import Finding
from activerow.migrations.walking import walk

__all__ = [
    "DEFAULT",
    "Check",
    "DatabaseAheadError",
    "Finding",
    "MigrationError",
    "MigrationLockError",
    "Migrations",
    "Project",
    "ProjectError",
    "Revision",
    "Step",
    "UnfinishedMigrationError",
    "UnfitValuesError",
    "UnknownRevisionError",
    "UnknownSchemaError",
    "Written",
    "change_enum",
    "create_database",
    "create_enum",
    "create_folder",
    "diagnose",
    "drop_enum",
    "find_project",
    "find_projects",
    "run",
    "walk",
]
