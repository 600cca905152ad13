"""Databases that `create_all` made: which revision has their tables?"""

from dataclasses import replace
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, StaticPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from activerow.migrations.errors import UnknownSchemaError
from activerow.migrations.running.progress import unfinished
from activerow.migrations.running.runner import Runner, stamping, up_to
from activerow.migrations.schema import VERSIONS, Shape, described, shape_of


def adopt(connection: Connection, runner: Runner) -> str | None:
    """Stamp a database that has tables but no version with the revision whose tables they are; that revision.

    Raises:
        UnknownSchemaError: They are those of no revision.
    """
    if runner.heads_of(connection) or unfinished(connection) is not None:
        return None
    shared = replace(runner, version_table=VERSIONS).heads_of(connection)
    if shared and set(shared) <= set(runner.known()):
        connection.rollback()
        for head in shared:  # from before the table had the database's name in its own
            runner.move(connection, stamping(head))
        return ", ".join(shared)
    known = {table.name for metadata in runner.database.metadata for table in metadata.tables.values()}
    wanted = shape_of(connection, known)
    connection.rollback()  # looking began a transaction
    if not wanted:
        return None
    revision = _revision_of(wanted, runner)
    if revision is None:
        raise UnknownSchemaError(_differences(connection, runner))
    runner.move(connection, stamping(revision))
    return revision


def _revision_of(wanted: Shape, runner: Runner) -> str | None:
    """The first revision whose tables look like `wanted`: the revisions are played through in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        for script in reversed(list(runner.script().walk_revisions())):
            with engine.connect() as connection:
                runner.move(connection, up_to(script.revision))
            with engine.connect() as connection:
                if shape_of(connection) == wanted:
                    return script.revision
    except (SQLAlchemyError, CommandError, NotImplementedError):
        return None  # SQL of another server: these revisions cannot be played through here
    finally:
        engine.dispose()
    return None


def _differences(connection: Connection, runner: Runner) -> list[str]:
    lines: list[str] = []

    def compare(_heads: object, context: MigrationContext) -> list[Any]:
        for metadata in runner.database.metadata:
            lines.extend(described(produce_migrations(context, metadata).upgrade_ops))
        return []

    runner.run(connection, compare, dont_mutate=True)
    return lines
