"""What is dangerous in a set of schema changes, and the safer form."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from alembic.operations import ops
from sqlalchemy import Column, Connection, Table, inspect, literal, select, table
from sqlalchemy.types import String

from activerow.migrations.schema.conversions import loss, rewriting
from activerow.migrations.schema.enums import EnumOp
from activerow.migrations.schema.finding import Finding
from activerow.migrations.schema.unfit_rows import unfit_rows

HasRows = Callable[[str, str | None], bool]


def findings_in(changes: ops.UpgradeOps, connection: Connection) -> list[Finding]:
    """What is dangerous about `changes`.

    Args:
        changes: What autogenerate found.
        connection: To the database that is to be changed; its rows say what would fail.
    """
    flat, dialect, has_rows = list(_flat(changes)), connection.dialect, _rows_in(connection)
    found = [*_renames(flat), *_dropped(flat), *_columns(flat, dialect, has_rows), *_values(flat)]
    found += unfit_rows(flat, connection)
    if dialect.name == "postgresql":
        found += _locks(flat, dialect, has_rows)
    return found


def _flat(op: Any) -> Iterator[Any]:
    for inner in getattr(op, "ops", ()):
        if hasattr(inner, "ops"):
            yield from _flat(inner)
        else:
            yield inner


def _renames(flat: Iterable[Any]) -> Iterator[Finding]:
    """Pairs of something dropped and something like it added: perhaps the same under a new name."""
    changes = list(flat)
    added = [op for op in changes if isinstance(op, ops.AddColumnOp)]
    for op in changes:
        if isinstance(op, ops.DropColumnOp):
            before: Any = op.to_column()
            for new in added:
                if new.table_name == op.table_name and _kind(new.column) == _kind(before):
                    yield Finding(
                        "rename",
                        f"{op.table_name}.{op.column_name}",
                        f"it goes and {new.column.name} comes, with the same type: perhaps that is a new name",
                        f"To keep the values write op.alter_column({op.table_name!r}, {op.column_name!r},"
                        f" new_column_name={new.column.name!r}) instead of the two",
                    )
    created = [op for op in changes if isinstance(op, ops.CreateTableOp)]
    for op in changes:
        if isinstance(op, ops.DropTableOp):
            columns = _names(op.to_table())
            for new_table in created:
                if columns and columns == _names(new_table.to_table()):
                    yield Finding(
                        "rename",
                        op.table_name,
                        f"it goes and {new_table.table_name} comes, with the same columns: perhaps that is a new name",
                        f"To keep the rows write op.rename_table({op.table_name!r}, {new_table.table_name!r})",
                    )


def _kind(column: Column[Any]) -> object:
    """What the column holds: a database says VARCHAR where the model says String."""
    internals: Any = column.type
    return internals._type_affinity


def _names(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.columns)


def _dropped(flat: Iterable[Any]) -> Iterator[Finding]:
    for op in flat:
        if isinstance(op, ops.DropTableOp):
            yield Finding(
                "drop_table",
                op.table_name,
                "the table and its rows are lost",
                "Drop it a release after the code stopped using it, when a backup of it exists",
            )
        elif isinstance(op, ops.DropColumnOp):
            yield Finding(
                "drop_column",
                f"{op.table_name}.{op.column_name}",
                "its values are lost, and instances of the old release that still run fail",
                "Stop using it in one release (deferred, nullable), and drop it in the next",
            )


def _values(flat: Iterable[Any]) -> Iterator[Finding]:
    """Values that leave an enum type of PostgreSQL, which is changed by an operation of its own."""
    for op in flat:
        if isinstance(op, EnumOp) and (lost := op.lost):
            yield Finding(
                "narrower",
                op.name,
                f"it loses {', '.join(map(repr, lost))}; rows that have one make this fail",
                "Give such rows another value first; for a new name of a value add renamed={'old': 'new'}",
            )


def _columns(flat: Iterable[Any], dialect: Any, has_rows: HasRows) -> Iterator[Finding]:
    for op in flat:
        if isinstance(op, ops.AddColumnOp):
            column = op.column
            required = column.nullable is False and column.server_default is None and column.computed is None
            if required and column.identity is None and has_rows(op.table_name, op.schema):
                yield Finding(
                    "not_null",
                    f"{op.table_name}.{column.name}",
                    "it is NOT NULL without a server default, and the table has rows: the server refuses it",
                    "Give it a server_default; or add it nullable, fill it, and make it NOT NULL in a later revision",
                )
        elif isinstance(op, ops.AlterColumnOp):
            yield from _altered(op, dialect, has_rows)


def _altered(op: ops.AlterColumnOp, dialect: Any, has_rows: HasRows) -> Iterator[Finding]:
    where = f"{op.table_name}.{op.column_name}"
    if op.modify_nullable is False and has_rows(op.table_name, op.schema):
        yield Finding(
            "not_null",
            where,
            "it becomes NOT NULL; rows without a value make this fail",
            'Fill them first: op.execute("UPDATE ... SET ... WHERE ... IS NULL") before it',
        )
    if op.modify_type is None:
        return
    if (less := loss(op.existing_type, op.modify_type, dialect)) is not None:
        yield Finding("narrower", where, f"{less}; values that do not fit are refused or cut", "Look for them first")
    elif (words := rewriting(op.existing_type, op.modify_type, dialect)) is not None:
        yield Finding("cast", where, words, "Look at some rows afterwards")


_LOCKING: Final = {
    ops.CreateForeignKeyOp: (
        "a foreign key on a table with rows checks them all under a lock that stops writes",
        "Create it NOT VALID (postgresql_not_valid=True), and VALIDATE CONSTRAINT in a revision of its own",
    ),
    ops.CreateCheckConstraintOp: (
        "a check on a table with rows reads them all under a lock that stops everybody",
        "Create it NOT VALID (postgresql_not_valid=True), and VALIDATE CONSTRAINT in a revision of its own",
    ),
    ops.CreateUniqueConstraintOp: (
        "a unique constraint on a table with rows builds its index under a lock that stops writes",
        "Create a unique index CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX",
    ),
}


def _locks(flat: Iterable[Any], dialect: Any, has_rows: HasRows) -> Iterator[Finding]:
    for op in flat:
        if isinstance(op, ops.CreateIndexOp):
            if not op.kw.get("postgresql_concurrently") and has_rows(str(op.table_name), op.schema):
                yield Finding(
                    "lock",
                    f"{op.table_name} ({op.index_name})",
                    "building an index on a table with rows stops writes until it is done",
                    "Write `with op.get_context().autocommit_block():` around it, and postgresql_concurrently=True",
                )
            continue
        if isinstance(op, ops.AlterColumnOp) and _rewrites(op, dialect) and has_rows(op.table_name, op.schema):
            yield Finding(
                "lock",
                f"{op.table_name}.{op.column_name}",
                "another type makes the server write the whole table anew, under a lock that stops everybody",
                "On a large table add a column of the new type, fill it in pieces, and change over in a later release",
            )
        for kind, (problem, remedy) in _LOCKING.items():
            if isinstance(op, kind):
                where = str(getattr(op, "table_name", None) or getattr(op, "source_table", ""))
                if has_rows(where, getattr(op, "schema", None) or getattr(op, "source_schema", None)):
                    yield Finding("lock", where, problem, remedy)


def _rewrites(op: ops.AlterColumnOp, dialect: Any) -> bool:
    before, after = op.existing_type, op.modify_type
    both_texts = isinstance(before, String) and isinstance(after, String)
    return after is not None and not (both_texts and loss(before, after, dialect) is None)


def _rows_in(connection: Connection) -> HasRows:
    """Whether a table of the connection's database has rows; one that is not there has none."""

    def has_rows(name: str, schema: str | None) -> bool:
        if not inspect(connection).has_table(name, schema=schema):
            return False
        rows = select(literal(1)).select_from(table(name, schema=schema)).limit(1)
        return connection.execute(rows).first() is not None

    return has_rows
