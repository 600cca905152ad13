"""Changing tables of SQLite, which can add a column and little more: the rest is a new table with the rows of the old.

Alembic makes it from what SQLAlchemy can read of the old one; what it cannot read is lost. Here the old statement is
edited (see `sqlite_table`), and whatever hangs on the table comes back as it was: indexes, triggers, views, the counter
of AUTOINCREMENT. What cannot come back is refused before anything is lost: the whole upgrade is one transaction.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from alembic.operations import BatchOperations, Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Computed, Connection, DefaultClause, Index

from activerow.migrations.errors import MigrationError, UnfitValuesError
from activerow.migrations.running.dependents import Dependents, broken
from activerow.migrations.schema import TableEdits, TableText, quoted

_OLD: Final = "activerow_old_{}"


class SqliteOperations(Operations):
    """`op` on SQLite: `batch_alter_table` loses nothing, and what is done outside of one works as well."""

    @contextmanager
    def batch_alter_table(
        self, table_name: str, schema: str | None = None, *_: Any, **options: Any
    ) -> Generator[BatchOperations]:
        """Collect changes of a table, and apply them together at the end of the block."""
        change = TableChange(self.migration_context, table_name, schema)
        for constraint in options.get("table_args", ()):
            change.add_constraint(constraint, unless_there=True)
        batch: Any = BatchOperations
        yield batch(self.migration_context, impl=change)
        change.apply()

    def invoke(self, operation: Any) -> Any:
        """Run one operation; one that takes a new table gets a batch of its own."""
        named: Any = operation
        if not isinstance(operation, _OF_TABLES):
            invoke: Any = super().invoke
            return invoke(named)
        table = getattr(named, "table_name", None) or named.source_table
        with self.batch_alter_table(table, getattr(named, "schema", None)) as batch:
            batch.invoke(operation)
        return None


_operations: Any = Operations
_operations._setups[SqliteOperations] = _operations._setups[Operations]  # the functions of the module `op`

_OF_TABLES: Final = (ops.AlterColumnOp, ops.AddColumnOp, ops.DropColumnOp, ops.AddConstraintOp, ops.DropConstraintOp)


class TableChange:
    """The changes of one table; to Alembic's batch it is the implementation that carries them out.

    Args:
        context: Alembic's.
        table_name: The table.
        schema: The attached database it is in.
    """

    def __init__(self, context: MigrationContext, table_name: str, schema: str | None) -> None:
        self.table_name, self.schema, self.dialect = table_name, schema, context.dialect
        self._impl: Any = context.impl
        self._connection = _connection_of(context)
        self._columns: list[tuple[Column[Any], str | None, str | None]] = []
        self._indexes: list[Index] = []
        self._edits: list[Callable[[TableEdits], None]] = []
        self._renamed: dict[str, str] = {}

    # -- what Alembic's batch calls --------------------------------------------------------------------------------

    def add_column(self, _table: str, column: Column[Any], **options: Any) -> None:
        """Note a new column."""
        before, after = options.get("insert_before"), options.get("insert_after")
        if _is_simple(column) and before is after is None and not self._edits:
            self._columns.append((column, before, after))
        else:
            self._edits.append(lambda edits: edits.add_column(column, before, after))

    def alter_column(self, _table: str, column: str, *, name: str | None = None, **options: Any) -> None:
        """Rename a column at once, which SQLite does in triggers, views and references too; note what else changes."""
        column = self._renamed.get(column, column)
        if name is not None and name != column:
            self._run(f"ALTER TABLE {self._table()} RENAME COLUMN {quoted(column)} TO {quoted(name)}")
            self._renamed[column] = column = name
        is_changed = options.get("type_") is not None or options.get("nullable") is not None
        if is_changed or options.get("server_default", False) is not False:
            changed = column
            self._edits.append(lambda edits: edits.alter_column(changed, options))

    def drop_column(self, _table: str, column: Any, **_: Any) -> None:
        """Note that a column goes."""
        name = self._renamed.get(str(column.name), str(column.name))
        self._edits.append(lambda edits: edits.drop_column(name))

    def add_constraint(self, constraint: Any, *, unless_there: bool = False, **_: Any) -> None:
        """Note a new rule."""
        self._edits.append(lambda edits: edits.add_constraint(constraint, unless_there=unless_there))

    def drop_constraint(self, constraint: Any, **_: Any) -> None:
        """Note that a rule goes."""
        self._edits.append(lambda edits: edits.drop_constraint(constraint))

    def create_index(self, index: Index, **_: Any) -> None:
        """Note a new index."""
        self._indexes.append(index)

    def drop_index(self, index: Index, **options: Any) -> None:
        """Drop an index at once."""
        self._impl.drop_index(index, **options)

    def create_table_comment(self, _table: object) -> None:
        """Do nothing: SQLite has no comments."""

    create_column_comment = drop_table_comment = create_table_comment

    # -- what comes of it ------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Apply what was noted.

        Raises:
            UnfitValuesError: Rows have values that do not fit; nothing was changed.
            MigrationError: Something that is changed is not there, or something that depends on it would break.
        """
        for column, *_ in self._columns:
            if self._edits:
                break
            self._impl.add_column(self.table_name, column, schema=self.schema)
        if self._edits:
            self._make_anew()
        for index in self._indexes:
            self._impl.create_index(index)

    def _make_anew(self) -> None:
        before = TableText.parse(self._statement())
        edits = TableEdits(self.table_name, self.dialect, TableText.parse(str(before)))
        for column, beside, behind in self._columns:
            edits.add_column(column, beside, behind)
        for edit in self._edits:
            edit(edits)
        self._check_values(edits)
        broken_before = broken(self._connection)
        dropped = {c.name for c in before.columns} - {c.name for c in edits.text.columns}
        dependents = Dependents.read(self._connection, self.table_name, dropped)
        old = quoted(_OLD.format(self.table_name))
        with self._legacy_names():
            self._run(f"ALTER TABLE {self._table()} RENAME TO {old}")
        self._run(str(edits.text))
        self._copy(edits, before, old)
        self._run(f"DROP TABLE {old}")
        dependents.restore(self._connection)
        for name, reason in broken(self._connection).items():
            if name not in broken_before:
                raise MigrationError(f"{name} would not work any more: {reason}. Drop it before this change")

    def _copy(self, edits: TableEdits, before: TableText, old: str) -> None:
        kept = {column.name.lower(): column for column in before.columns}
        moved = [c for c in edits.text.columns if c.name.lower() in kept and c.name not in edits.added]
        targets = [quoted(column.name) for column in moved if column.clause("GENERATED") is None]
        sources = [
            edits.conversions[c.name].expression if c.name in edits.conversions else quoted(c.name)
            for c in moved
            if c.clause("GENERATED") is None
        ]
        if edits.text.has_hidden_key and before.has_hidden_key:
            targets, sources = ["rowid", *targets], ["rowid", *sources]
        if targets:
            self._run(
                f"INSERT INTO {self._table()} ({', '.join(targets)}) SELECT {', '.join(sources)} FROM {old}"  # noqa: S608
            )

    def _check_values(self, edits: TableEdits) -> None:
        checks = [(name, f"{quoted(name)} IS NULL", "no value") for name in edits.needed]
        for name, conversion in edits.conversions.items():
            if conversion.unfit is not None:
                kind = edits.text.column(name).type
                checks.append(
                    (name, f"{quoted(name)} IS NOT NULL AND ({conversion.unfit})", f"a value that is no {kind}")
                )
        for name, condition, problem in checks:
            rows = f"FROM {self._table()} WHERE {condition}"
            count = self._connection.exec_driver_sql(f"SELECT count(*) {rows}").scalar_one()
            if count:
                query = f"SELECT * {rows}"
                raise UnfitValuesError(self.table_name, name, count, problem, query)

    def _statement(self) -> str:
        master = f"{quoted(self.schema)}.sqlite_master" if self.schema else "sqlite_master"
        query = f"SELECT sql FROM {master} WHERE type = 'table' AND lower(name) = lower(?)"  # noqa: S608
        found = self._connection.exec_driver_sql(query, (self.table_name,)).scalar()
        if found is None or str(found).upper().startswith("CREATE VIRTUAL"):
            raise MigrationError(f"there is no table {self.table_name!r} that could be changed")
        return str(found)

    @contextmanager
    def _legacy_names(self) -> Generator[None]:
        """Let a table take another name without those that refer to it following: its successor is for them."""
        if self._connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
            raise MigrationError("a table cannot be made anew while foreign_keys is ON: what refers to it would go")
        was_on = self._connection.exec_driver_sql("PRAGMA legacy_alter_table").scalar()
        self._run("PRAGMA legacy_alter_table = ON")
        try:
            yield
        finally:
            self._run(f"PRAGMA legacy_alter_table = {'ON' if was_on else 'OFF'}")

    def _table(self) -> str:
        return ".".join(quoted(part) for part in (self.schema, self.table_name) if part)

    def _run(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement)


def _connection_of(context: MigrationContext) -> Connection:
    if context.connection is None:
        raise MigrationError("SQLite's tables are changed with a connection only: its `sql` is made by `activerow sql`")
    return context.connection


def _is_simple(column: Column[Any]) -> bool:
    """SQLite can add the column by itself."""
    default = column.server_default
    if isinstance(default, Computed):
        return not default.persisted
    is_constant = not isinstance(default, DefaultClause) or isinstance(default.arg, str)
    return is_constant and (column.nullable is not False or default is not None)
