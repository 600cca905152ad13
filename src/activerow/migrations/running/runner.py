"""Running Alembic on a folder of revisions, from here rather than from a shell."""

from argparse import Namespace
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection

from activerow.database import Database
from activerow.migrations import folder as folders
from activerow.migrations.errors import DatabaseAheadError, MigrationError, ProjectError, UnknownRevisionError
from activerow.migrations.running.environment import CONNECTION, DATABASE, OPTIONS, VERSION_TABLE
from activerow.migrations.running.failures import readable, several_heads
from activerow.migrations.schema import VERSIONS

Plan = Callable[[ScriptDirectory, Any], Iterable[Any]]
"""The steps to take from the current heads."""


def up_to(revision: str) -> Plan:
    """The steps that apply revisions up to this one."""

    def plan(script: Any, heads: Any) -> Iterable[Any]:
        return cast("Iterable[Any]", script._upgrade_revs(revision, heads))  # as Alembic's documents do it

    return plan


def down_to(revision: str) -> Plan:
    """The steps that take revisions back, down to this one."""

    def plan(script: Any, heads: Any) -> Iterable[Any]:
        return cast("Iterable[Any]", script._downgrade_revs(revision, heads))

    return plan


def stamping(revision: str) -> Plan:
    """The steps that say the database is at this revision."""

    def plan(script: Any, heads: Any) -> Iterable[Any]:
        return cast("Iterable[Any]", script._stamp_revs(revision, heads))

    return plan


@dataclass(frozen=True, slots=True)
class Runner:
    """Alembic for one database and folder."""

    database: Database
    folder: Path
    version_table: str = VERSIONS
    hooks: tuple[tuple[str, str], ...] = field(default_factory=folders.formatters)

    def config(self, **options: Any) -> Config:
        """Alembic's configuration.

        Raises:
            ProjectError: There is no migration folder.
        """
        if not (self.folder / "env.py").is_file():
            raise ProjectError(f"{self.folder} is no migration folder: `activerow init` writes one")
        config = Config(cmd_opts=Namespace(quiet=True), **options)
        config.set_main_option("script_location", str(self.folder.resolve()).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.set_main_option("file_template", folders.FILE_TEMPLATE)
        config.set_main_option("timezone", "UTC")
        for name, value in self.hooks:
            config.set_section_option("post_write_hooks", name, value.replace("%", "%%"))
        config.attributes |= {DATABASE: self.database, VERSION_TABLE: self.version_table}
        return config

    def script(self) -> ScriptDirectory:
        """The revisions of the folder.

        Raises:
            MigrationError: A file cannot be read, or stands on one that is not there.
        """
        script = ScriptDirectory.from_config(self.config())
        with readable(script):
            script.get_heads()
        return script

    def known(self) -> list[str]:
        """The identifiers of all revisions, newest first."""
        return [script.revision for script in self.script().walk_revisions()]

    def run(self, connection: Connection, fn: Callable[[Any, MigrationContext], Any], **options: Any) -> None:
        """Run `env.py` on a connection; `fn` gets the current heads and gives the steps to take."""
        config, script = self.config(), self.script()
        config.attributes |= {CONNECTION: connection, OPTIONS: options}
        with EnvironmentContext(config, script, fn=fn):
            script.run_env()

    def move(self, connection: Connection, plan: Plan, **options: Any) -> None:
        """Take the steps of a plan."""

        def steps(heads: Any, context: MigrationContext) -> Iterable[Any]:
            return plan(cast("ScriptDirectory", context.script), heads)

        self.run(connection, steps, **options)

    @contextmanager
    def errors(self, revision: str | None = None) -> Generator[None]:
        """Raise our errors for Alembic's."""
        try:
            yield
        except ResolutionError as error:
            raise self._unknown(str(error.argument), revision) from error
        except CommandError as error:
            cause = error.__cause__
            if isinstance(cause, ResolutionError):
                raise self._unknown(str(cause.argument or revision), revision) from error
            if "Multiple heads" in str(error):
                raise several_heads(self.script().get_heads()) from error
            if "not up to date" in str(error):
                raise MigrationError(
                    "the database is not at the newest revision, so differences would be found twice: `upgrade` first"
                ) from error
            if "didn't produce" in str(error):
                raise MigrationError(f"there are not as many revisions as {revision} wants to go") from error
            raise MigrationError(str(error)) from error

    def _unknown(self, found: str, asked: str | None) -> MigrationError:
        """Nobody has asked for it, then it is the database that has it."""
        is_asked = asked is not None and found in asked
        return UnknownRevisionError(found, self.known()) if is_asked else DatabaseAheadError(found, self.known())

    def heads_of(self, connection: Connection) -> tuple[str, ...]:
        """The revisions that the connection's database is at."""
        options = {"version_table": self.version_table}
        return MigrationContext.configure(connection, opts=options).get_current_heads()
