"""Comparing models and database, and writing what differs into a revision."""

import io
import warnings
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Several
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, cast

from alembic.autogenerate import RevisionContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Connection, Dialect, Sequence, inspect
from sqlalchemy.exc import SAWarning
from sqlalchemy.schema import CreateSequence

from activerow.migrations.running.runner import Runner
from activerow.migrations.schema import (
    Finding,
    convert,
    described,
    findings_in,
    notes_of,
    order,
    single_percents,
)

Confirm = Callable[[Several[str], Several[Finding]], bool]
"""Asked with the changes and what is dangerous about them; False writes nothing."""


@dataclass(slots=True)
class Comparison:
    """How the models differ from a database.

    Attributes:
        changes: One line for each difference.
        findings: What is dangerous about them.
        notes: What differs and no revision changes, and what could not be compared.
        revisions: Alembic's, ready to be written.
        dialect: Of the database.
    """

    revisions: RevisionContext
    dialect: Dialect
    changes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    def write(self) -> Script | None:
        """Write the revision file."""
        with single_percents(self.dialect):
            return _write(self.revisions)


def compare(connection: Connection, runner: Runner, message: str) -> Comparison:
    """Compare the models with the connection's database."""

    def look(context: MigrationContext, _revision: object, scripts: list[Any]) -> None:
        changes = cast("ops.UpgradeOps", scripts[0].upgrade_ops)
        for direction in (changes, scripts[0].downgrade_ops):
            _leave_to_drop_table(direction)
            convert(direction, cast("Connection", context.connection).dialect)
            order(direction, cast("Connection", context.connection).dialect.name)
        comparison.changes = tuple(described(changes))
        comparison.notes = notes_of(context)
        if comparison.changes:
            server = cast("Connection", context.connection)
            _make_what_is_missing(scripts[0], server)
            comparison.findings = tuple(findings_in(changes, server))

    comparison = Comparison(_context(runner, message, autogenerate=True, directives=look), connection.dialect)

    def steps(heads: Any, context: MigrationContext) -> list[Any]:
        comparison.revisions.run_autogenerate(heads, context)
        return []

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Skipped unsupported reflection", SAWarning
        )  # ours sees what SQLAlchemy skips
        runner.run(connection, steps, dont_mutate=True)  # not even to make the version table
    return comparison


def _make_what_is_missing(script: Any, connection: Connection) -> None:
    """Schemas and sequences that tables and defaults need come before them."""
    script.upgrade_ops.ops[:0] = _missing_schemas(script.upgrade_ops, connection)
    quote = connection.dialect.identifier_preparer.format_sequence
    for sequence in list(_missing_sequences(script.upgrade_ops, connection)):
        made = str(CreateSequence(sequence).compile(dialect=connection.dialect))
        script.upgrade_ops.ops.insert(0, ops.ExecuteSQLOp(made))
        script.downgrade_ops.ops.append(ops.ExecuteSQLOp(f"DROP SEQUENCE {quote(sequence)}"))


def _missing_sequences(changes: Any, connection: Connection) -> Iterator[Sequence]:
    """The sequences that new defaults take their values from, and that are not there."""
    inner = (entry for op in changes.ops for entry in getattr(op, "ops", [op]))
    for op in inner:
        columns = op.columns if isinstance(op, ops.CreateTableOp) else [getattr(op, "column", None)]
        defaults = [getattr(column, "server_default", None) for column in columns]
        defaults.append(getattr(op, "modify_server_default", None))
        for default in defaults:
            sequence = getattr(getattr(default, "arg", None), "sequence", None)
            if isinstance(sequence, Sequence) and not connection.dialect.has_sequence(
                connection, sequence.name, schema=sequence.schema
            ):
                yield sequence


def _missing_schemas(changes: Any, connection: Connection) -> list[ops.ExecuteSQLOp]:
    """CREATE SCHEMA for new tables; nobody takes it back, for there may be tables of others in it by then."""
    wanted = {op.schema for op in changes.ops if isinstance(op, ops.CreateTableOp) and op.schema}
    there = inspect(connection).get_schema_names() if wanted else ()
    quote = connection.dialect.identifier_preparer.quote
    return [ops.ExecuteSQLOp(f"CREATE SCHEMA IF NOT EXISTS {quote(name)}") for name in sorted(wanted - set(there))]


def _leave_to_drop_table(changes: Any) -> None:
    """Drop no index of a table that goes as well: MySQL refuses where a foreign key needs it."""
    gone = {(op.table_name, op.schema) for op in changes.ops if isinstance(op, ops.DropTableOp)}
    for op in list(changes.ops):
        if isinstance(op, ops.DropIndexOp) and (op.table_name, op.schema) in gone:
            changes.ops.remove(op)
        elif isinstance(op, ops.ModifyTableOps) and (op.table_name, op.schema) in gone:
            op.ops = [inner for inner in op.ops if not isinstance(inner, ops.DropIndexOp)]
            if not op.ops:
                changes.ops.remove(op)


def write_empty(runner: Runner, message: str) -> Script | None:
    """Write a revision without changes."""
    return _write(_context(runner, message, autogenerate=False))


def _write(revisions: RevisionContext) -> Script | None:
    with redirect_stdout(io.StringIO()):  # Alembic tells of each formatter, whether asked to be quiet or not
        return next(iter(revisions.generate_scripts()), None)


def _context(runner: Runner, message: str, *, autogenerate: bool, directives: Any = None) -> RevisionContext:
    arguments = {
        "message": message,
        "autogenerate": autogenerate,
        "sql": False,
        "head": "head",
        "splice": False,
        "branch_label": None,
        "version_path": None,
        "rev_id": None,
        "depends_on": None,
    }
    return RevisionContext(runner.config(), runner.script(), arguments, process_revision_directives=directives)
