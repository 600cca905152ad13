"""Which project a command is about: the options before the command's name, or `pyproject.toml`."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import typer

from activerow.database import Database
from activerow.migrations import DEFAULT, Migrations, Project, ProjectError, find_project

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options before the command's name.

    Attributes:
        folder: Where to look for `pyproject.toml`, upwards.
        name: Which database of the project.
        database: `package.module:db`, instead of the file's.
        models: Modules with models, instead of the file's.
        migrations: The migration folder, instead of the file's.
    """

    folder: Path
    name: str | None = None
    database: str | None = None
    models: tuple[str, ...] = ()
    migrations: Path | None = None

    def project(self) -> Project:
        """The project that is meant.

        Raises:
            ProjectError: There is none, or it is not right.
        """
        project = self._found()
        if self.database is not None:
            project = replace(project, database=self.database)
        if self.models:
            project = replace(project, models=self.models)
        if self.migrations is not None:
            project = replace(project, folder=self.migrations.resolve())
        return project

    def _found(self) -> Project:
        try:
            return find_project(self.folder, self.name)
        except ProjectError:
            if self.database is None or self.name is not None:
                raise
            root = self.folder.resolve()
            return Project(DEFAULT, self.database, self.models, root / "migrations", (root,))


def settings_of(context: typer.Context) -> Settings:
    """The options that stood before the command's name."""
    found: Settings = context.obj
    return found


def migrations_of(context: typer.Context) -> Migrations:
    """The migrations of the project that is meant."""
    return Migrations.of(settings_of(context).project())


async def closing(database: Database, work: Awaitable[T]) -> T:
    """Await `work`, and close the database's connections."""
    try:
        return await work
    finally:
        await database.dispose()


Work = Callable[[], Coroutine[Any, Any, T]]
