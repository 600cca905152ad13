"""Enum types in revisions: functions that do nothing on servers without such types."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alembic import op
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import ENUM, CreateEnumType, DropEnumType

from activerow.migrations.errors import MigrationError, UnfitValuesError


def create_enum(name: str, values: Sequence[str], *, schema: str | None = None) -> None:
    """Make an enum type on PostgreSQL."""
    if op.get_context().dialect.name == "postgresql":
        op.get_context().impl.execute(CreateEnumType(ENUM(*values, name=name, schema=schema)))


def drop_enum(name: str, values: Sequence[str], *, schema: str | None = None) -> None:
    """Drop an enum type on PostgreSQL; the values are for the way back."""
    if op.get_context().dialect.name == "postgresql":
        op.get_context().impl.execute(DropEnumType(ENUM(*values, name=name, schema=schema)))


def change_enum(
    name: str,
    *,
    before: Sequence[str],
    after: Sequence[str],
    renamed: Mapping[str, str] | None = None,
    schema: str | None = None,
) -> None:
    """Give an enum type of PostgreSQL other values.

    Values that are only added are added in their places, each at once and for good: what uses the type is not touched.
    Where values go or change places, the type is made anew, with the columns, defaults, checks and indexes that use it.

    Args:
        name: The type.
        before: Its values until now.
        after: Its values from now on, in their order.
        renamed: Old and new names of values that stay.
        schema: Where the type is.

    Raises:
        UnfitValuesError: Rows have a value that goes; nothing was changed.
        MigrationError: The type is made anew, and there is no connection: that cannot be written as SQL beforehand.
    """
    context = op.get_context()
    if context.dialect.name != "postgresql":
        return
    quoted = _quoted(name, schema)
    values = list(before)
    for old, new in (renamed or {}).items():
        op.execute(f"ALTER TYPE {quoted} RENAME VALUE {_text(old)} TO {_text(new)}")
        values[values.index(old)] = new
    if [value for value in after if value in values] == values:
        if list(after) != values:
            _add(quoted, values, after)
    elif context.as_sql or context.connection is None:
        raise MigrationError(f"enum {name!r} loses values or has another order: it takes a connection to change that")
    else:
        _Remaking(context.connection, name, schema, after).run()


def _add(quoted: str, before: Sequence[str], after: Sequence[str]) -> None:
    """Add values; one that is not committed cannot be used."""
    with op.get_context().autocommit_block():
        for at, value in enumerate(after):
            if value not in before:
                following = next((known for known in after[at + 1 :] if known in before), None)
                place = f" BEFORE {_text(following)}" if following is not None else ""
                op.execute(f"ALTER TYPE {quoted} ADD VALUE IF NOT EXISTS {_text(value)}{place}".replace(":", r"\:"))


_USERS: Final = text("""
    SELECT a.attrelid\\:\\:regclass\\:\\:text, a.attname, pg_get_expr(d.adbin, d.adrelid), a.atttypid <> t.oid
    FROM pg_type t JOIN pg_attribute a ON a.atttypid IN (t.oid, t.typarray)
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE t.oid = to_regtype(:type) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2""")
_RULES: Final = text("""
    SELECT DISTINCT r.conrelid\\:\\:regclass\\:\\:text, r.conname, pg_get_constraintdef(r.oid)
    FROM pg_constraint r, pg_type t, pg_attribute a
    WHERE t.oid = to_regtype(:type) AND a.atttypid IN (t.oid, t.typarray) AND r.contype IN ('c', 'x')
    AND r.conrelid = a.attrelid AND a.attnum = ANY (r.conkey) ORDER BY 1, 2""")
_INDEXES: Final = text("""
    SELECT DISTINCT x.indexrelid\\:\\:regclass\\:\\:text, pg_get_indexdef(x.indexrelid)
    FROM pg_index x, pg_type t, pg_attribute a, pg_depend d
    WHERE t.oid = to_regtype(:type) AND a.atttypid IN (t.oid, t.typarray) AND x.indrelid = a.attrelid
    AND (x.indpred IS NOT NULL OR x.indexprs IS NOT NULL)
    AND d.objid = x.indexrelid AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
    AND NOT EXISTS (SELECT 1 FROM pg_constraint r WHERE r.conindid = x.indexrelid) ORDER BY 1""")


class _Remaking:
    """A new type in the place of an old one."""

    def __init__(self, connection: Connection, name: str, schema: str | None, values: Sequence[str]) -> None:
        self._connection = connection
        self._name, self._schema = name, schema
        self._values = [_text(value) for value in values]
        self._type = _quoted(name, schema)

    def run(self) -> None:
        users, rules, indexes = (self._ask(query) for query in (_USERS, _RULES, _INDEXES))
        for table, column, _, is_array in users:
            self._check(table, column, is_array)
        for table, rule, _ in rules:
            self._do(f"ALTER TABLE {table} DROP CONSTRAINT {_name(rule)}")
        for index, _ in indexes:
            self._do(f"DROP INDEX {index}")
        old = f"{self._name}_old"
        self._do(f"ALTER TYPE {self._type} RENAME TO {_name(old)}")
        self._do(f"CREATE TYPE {self._type} AS ENUM ({', '.join(self._values)})")
        for table, column, default, is_array in users:
            self._change(table, column, default, is_array)
        self._do(f"DROP TYPE {_quoted(old, self._schema)}")
        for table, rule, definition in rules:
            self._do(f"ALTER TABLE {table} ADD CONSTRAINT {_name(rule)} {definition}")
        for _, definition in indexes:
            self._do(definition)

    def _check(self, table: str, column: str, is_array: bool) -> None:
        """Look for rows with a value that goes."""
        known = f"ARRAY[{', '.join(self._values)}]::text[]"
        value = f"{_name(column)}::text[]" if is_array else f"ARRAY[{_name(column)}::text]"
        rows = f"FROM {table} WHERE {_name(column)} IS NOT NULL AND NOT {value} <@ {known}"
        count = self._connection.exec_driver_sql(f"SELECT count(*) {rows}".replace("%", "%%")).scalar_one()
        if count:
            problem = f"a value that enum {self._name} has no more"
            raise UnfitValuesError(table, column, count, problem, f"SELECT * {rows}")

    def _change(self, table: str, column: str, default: str | None, is_array: bool) -> None:
        brackets = "[]" if is_array else ""
        if default is not None:
            self._do(f"ALTER TABLE {table} ALTER COLUMN {_name(column)} DROP DEFAULT")
        self._do(
            f"ALTER TABLE {table} ALTER COLUMN {_name(column)} TYPE {self._type}{brackets}"
            f" USING {_name(column)}::text{brackets}::{self._type}{brackets}"
        )
        if default is not None and self._is_left(default):
            self._do(f"ALTER TABLE {table} ALTER COLUMN {_name(column)} SET DEFAULT {default}")

    def _is_left(self, default: str) -> bool:
        """A default of a value that goes has gone with it; the revision gives another one."""
        literal, cast, _ = default.partition("::")
        return not cast or literal.startswith("'{") or literal in self._values

    def _ask(self, query: Any) -> list[Any]:
        return [*self._connection.execute(query, {"type": self._type}).all()]

    def _do(self, statement: str) -> None:
        op.execute(text(statement.replace(":", r"\:")))


def _quoted(name: str, schema: str | None) -> str:
    return ".".join(_name(part) for part in (schema, name) if part)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
