"""`Migrations`: the revisions of one database, and what can be done with them."""

import io
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection

from activerow.database import Database
from activerow.database.failures import translating
from activerow.migrations import folder as folders
from activerow.migrations.errors import MigrationError
from activerow.migrations.project import Project, import_models
from activerow.migrations.running import (
    Confirm,
    Plan,
    Revision,
    Runner,
    Step,
    Unfinished,
    Written,
    adopt,
    compare,
    connection_of,
    down_to,
    failed,
    locked,
    merge,
    revision_of,
    several_heads,
    stamping,
    step_of,
    unfinished,
    up_to,
    write_empty,
)
from activerow.migrations.schema import VERSIONS

T = TypeVar("T")

LOCK_TIMEOUT: Final = 300.0
"""Seconds to wait for another process that migrates the same database."""

OnStep = Callable[[Step, int, int], None]
"""Called after each step with it, its number, and how many there are."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The revisions in a folder, for one database.

    Args:
        database: The database; what is bound to it is compared.
        folder: A normal Alembic folder, with `env.py` and `versions/`.
        models: Modules to import before comparing, so that no model is missed.
        name: Tells several databases of one project apart.
        lock_timeout: Seconds to wait for another process that is migrating.
        version_table: Where the database says which revision it is at: each project in a database has its own.
    """

    database: Database
    folder: Path
    models: tuple[str, ...] = ()
    name: str = "default"
    lock_timeout: float = LOCK_TIMEOUT
    version_table: str = VERSIONS

    @classmethod
    def of(cls, project: Project) -> "Migrations":
        """The migrations that a project's settings name; imports its models.

        Raises:
            ProjectError: A module cannot be imported, or has no such Database.
        """
        return cls(project.load(), project.folder, project.models, project.name, version_table=project.version_table)

    # -- what there is -------------------------------------------------------------------------------------------

    def history(self) -> list[Revision]:
        """All revisions, newest first.

        Raises:
            ProjectError: There is no migration folder.
            MigrationError: A revision file cannot be read.
        """
        runner = self._runner()
        with runner.errors():
            return [revision_of(script) for script in runner.script().walk_revisions()]

    async def current(self) -> tuple[str, ...]:
        """The revisions that the database is at: none, one, or one for each branch."""
        return await self._ask(self._runner().heads_of)

    async def pending(self) -> list[Revision]:
        """The revisions that `upgrade` would apply, oldest first."""
        heads, runner = await self.current(), self._runner()
        with runner.errors():
            return [revision_of(step.revision) for step in up_to("heads")(runner.script(), heads)]

    async def unfinished(self) -> Unfinished | None:
        """The revision that stopped half way on MySQL or MariaDB; the next `upgrade` continues with it."""
        return await self._ask(unfinished)

    def models_seen(self) -> tuple[str, ...]:
        """The models that are compared, as `module.Name`."""
        self._import_models()
        models = {model for base in self.database.bases for model in _models_of(base)}
        return tuple(sorted(f"{model.__module__}.{model.__name__}" for model in models))

    async def check(self) -> list[str]:
        """How the models differ from the database, one line each; empty when they agree.

        Raises:
            MigrationError: The database is not at the newest revision.
        """
        return list((await self.compare()).changes)

    async def compare(self) -> Written:
        """What `revision` would write, with what is dangerous about it and what could not be compared.

        Raises:
            MigrationError: The database is not at the newest revision.
        """
        models = self.models_seen()
        compared = await self._work(compare, self._runner(), "check")
        return Written(None, compared.changes, compared.findings, models, compared.notes)

    # -- writing revisions ---------------------------------------------------------------------------------------

    async def revision(self, message: str, *, empty: bool = False, confirm: Confirm | None = None) -> Written:
        """Write a revision with the differences between models and database; without any, none is written.

        Args:
            message: What it does, in a few words.
            empty: Write one without looking, for a change of data.
            confirm: Asked with the changes and what is dangerous about them; False writes nothing.

        Raises:
            ProjectError: There is no migration folder, or a model cannot be imported.
            DatabaseAheadError: The database is at a revision of which there is no file.
            MigrationError: The database is not at the newest revision, or there are several newest ones.
        """
        runner, models = self._runner(), self.models_seen()
        if empty:
            with runner.errors():
                return Written(_path(write_empty(runner, message)), models=models)
        with runner.errors():
            heads = runner.script().get_heads()
        if len(heads) > 1:
            raise several_heads(heads)
        compared = await self._work(compare, runner, message)
        is_wanted = bool(compared.changes) and (confirm is None or confirm(compared.changes, compared.findings))
        with runner.errors():
            path = _path(compared.write()) if is_wanted else None
        return Written(path, compared.changes, compared.findings, models, compared.notes)

    def merge(self, message: str) -> Path:
        """Write a revision that joins the newest ones, where several were written side by side; its path.

        Raises:
            MigrationError: There are not several.
        """
        runner = self._runner()
        with runner.errors():
            return merge(runner, message)

    async def drop_last(self) -> Path:
        """Delete the newest revision's file; its path.

        Raises:
            MigrationError: There is none, there are several, or the database has it.
        """
        runner = self._runner()
        with runner.errors():
            heads = runner.script().get_revisions("heads")
        if len(heads) != 1:
            raise MigrationError(f"there are {len(heads)} newest revisions; delete the file by hand")
        script = heads[0]
        if script.revision in await self.current():
            raise MigrationError(f"the database has revision {script.revision}: `downgrade -1` first")
        return folders.remove(Path(script.path))

    # -- changing the database -----------------------------------------------------------------------------------

    async def upgrade(self, revision: str = "heads", *, on_step: OnStep | None = None) -> list[Step]:
        """Apply revisions up to `revision`; others that start at the same time wait, and find it done.

        A database that `create_all` made is recognised, stamped with the revision it is at, and upgraded from there.

        Args:
            revision: An identifier (or its beginning), `heads`, `+1`.
            on_step: Called after each step with it, its number and how many there are.

        Raises:
            UnknownRevisionError: There is no such revision.
            UnknownSchemaError: The database has tables that are those of no revision.
            UnfinishedMigrationError: Another one stopped half way, or this one, and was changed since.
            MigrationLockError: Somebody else was migrating all the time.
            DatabaseError: A revision failed. PostgreSQL and SQLite have undone it; on MySQL and MariaDB the next
                upgrade continues behind its last statement that was executed.
        """
        runner = self._runner()
        with runner.errors(revision):
            runner.script().get_revisions(_absolute(revision))
        async with self._locked():
            await self._work(adopt, runner)
            return await self._move(up_to(revision), revision, on_step)

    async def downgrade(self, revision: str, *, on_step: OnStep | None = None) -> list[Step]:
        """Take revisions back, down to `revision`: an identifier, `-1`, `base`.

        Raises:
            UnknownRevisionError: There is no such revision.
            MigrationError: There are not that many revisions.
            DatabaseError: A revision failed, as for `upgrade`.
        """
        async with self._locked():
            return await self._move(down_to(revision), revision, on_step)

    async def stamp(self, revision: str = "heads") -> None:
        """Say that the database is at `revision`, without running anything, also where it is at one without a file.

        Raises:
            UnknownRevisionError: There is no such revision.
        """
        runner = self._runner()
        with runner.errors(revision):
            runner.script().get_revisions(revision)
        async with self._locked():
            is_lost = bool(set(await self.current()) - set(runner.known()))
            await self._move(stamping(revision), revision, None, purge=is_lost)

    def sql(self, revision: str = "heads", *, start: str | None = None, down: bool = False) -> str:
        """The SQL that `upgrade` (or `downgrade`) would run, for somebody else to run.

        Args:
            revision: Where to.
            start: Where the database is; by default it is empty.
            down: Take back instead; `start` is needed then.

        Raises:
            UnknownRevisionError: There is no such revision.
        """
        self._import_models()
        runner, plan, buffer = self._runner(), down_to(revision) if down else up_to(revision), io.StringIO()
        script = runner.script()

        def steps(heads: Any, _context: object) -> Iterable[Any]:
            return plan(script, heads)

        environment = EnvironmentContext(
            runner.config(output_buffer=buffer),
            script,
            fn=steps,
            as_sql=True,
            starting_rev=start,
            destination_rev=revision,
        )
        with runner.errors(revision), environment:
            script.run_env()
        return buffer.getvalue()

    # -- inside --------------------------------------------------------------------------------------------------

    def _runner(self) -> Runner:
        return Runner(self.database, self.folder, self.version_table)

    @asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        await self.database.connect()  # what is wrong with the connection is said with the address
        async with locked(self.database.engine, self.name, self.lock_timeout):
            yield

    def _import_models(self) -> None:
        import_models(self.models, self.folder)

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        await self.database.connect()
        with translating("migrate"):
            async with self.database.engine.connect() as connection:
                return await connection.run_sync(question)

    async def _work(self, work: Callable[..., T], runner: Runner, *arguments: Any) -> T:
        """Run `work` with a connection that may change the schema."""
        await self.database.connect()
        with runner.errors(), translating("migrate"):
            async with connection_of(self.database) as connection:
                return await connection.run_sync(work, runner, *arguments)

    async def _move(self, plan: Plan, target: str, on_step: OnStep | None, **options: Any) -> list[Step]:
        self._import_models()
        done: list[Step] = []
        planned: list[Any] = []

        def steps(heads: Any, context: MigrationContext) -> list[Any]:
            planned[:] = list(plan(cast("ScriptDirectory", context.script), heads))
            stopped = None if planned else unfinished(cast("Connection", context.connection))
            if stopped is not None:
                raise stopped.error()
            return planned

        def note(*, step: Any, **_: object) -> None:
            done.append(step_of(step))
            if on_step is not None:
                on_step(done[-1], len(done), len(planned))

        def work(connection: Connection) -> None:
            runner.run(connection, steps, on_version_apply=note, **options)

        runner = self._runner()
        try:
            with runner.errors(target), translating("migrate"):
                async with connection_of(self.database) as connection:
                    await connection.run_sync(work)
        except Exception as error:
            step = planned[len(done)] if len(done) < len(planned) else None
            script = getattr(step, "revision", None)
            if script is None:
                raise
            told = failed(error, script, up=bool(getattr(step, "is_upgrade", True)))
            if told is error:
                raise
            raise told from error
        return done


def _path(script: Script | None) -> Path | None:
    return Path(script.path) if script is not None else None


def _absolute(revision: str) -> str:
    """`heads` in place of what only means something beside a database, such as `+1`."""
    return "heads" if re.fullmatch(r"[+-]\d+", revision) else revision


def _models_of(base: type) -> set[type]:
    known = getattr(base, "registry", None)
    return {mapper.class_ for mapper in known.mappers} if known is not None else set()
