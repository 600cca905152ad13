"""Rows that break a rule which is to come: counted before, and told with the query that finds them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, Connection, text
from sqlalchemy.exc import DBAPIError

from activerow.migrations.schema.finding import Finding


def unfit_rows(flat: Iterable[Any], connection: Connection) -> Iterator[Finding]:
    """What the rows that are there say against new unique constraints, checks and foreign keys."""
    changes = list(flat)
    rows = _Rows(connection, {(op.table_name, op.column.name) for op in changes if isinstance(op, ops.AddColumnOp)})
    for op in changes:
        if isinstance(op, ops.CreateUniqueConstraintOp | ops.CreateIndexOp) and _is_unique(op):
            yield from rows.doubled(op)
        elif isinstance(op, ops.CreateCheckConstraintOp):
            yield from rows.breaking(op)
        elif isinstance(op, ops.CreateForeignKeyOp):
            yield from rows.orphaned(op)


def _is_unique(op: Any) -> bool:
    """All rows are covered, by columns that have names."""
    has_where = any(name.endswith("_where") and value is not None for name, value in op.kw.items())
    is_plain = all(isinstance(column, str | Column) for column in op.columns)
    return is_plain and (isinstance(op, ops.CreateUniqueConstraintOp) or (bool(op.unique) and not has_where))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a database; `added` are columns that are not there yet."""

    connection: Connection
    added: set[tuple[str, str]]

    def doubled(self, op: Any) -> Iterator[Finding]:
        """Values that stand in several rows."""
        where, names = (
            self._table(op.table_name, op.schema),
            [str(getattr(column, "name", column)) for column in op.columns],
        )
        new = [name for name in names if (op.table_name, name) in self.added]
        if new:
            if len(new) == len(names) and (self._count(f"SELECT 1 FROM {where}") or 0) > 1:  # noqa: S608
                problem = f"rows that are there all get the same value, and {', '.join(names)} is to be unique"
                yield Finding("unfit", op.table_name, problem, "Add the column, fill it, and make it unique later")
            return
        columns = ", ".join(map(self._quote, names))
        given = " AND ".join(f"{self._quote(name)} IS NOT NULL" for name in names)
        query = f"SELECT {columns}, count(*) FROM {where} WHERE {given} GROUP BY {columns} HAVING count(*) > 1"  # noqa: S608
        yield from self._told(op.table_name, f"value(s) of {', '.join(names)} stand in several rows", query)

    def breaking(self, op: Any) -> Iterator[Finding]:
        """Rows for which a check is false."""
        condition = str(op.condition).replace("\\:", ":")
        query = f"SELECT * FROM {self._table(op.table_name, op.schema)} WHERE NOT ({condition})"  # noqa: S608
        yield from self._told(op.table_name, f"row(s) break the check {op.constraint_name or condition}", query)

    def orphaned(self, op: Any) -> Iterator[Finding]:
        """Rows that refer to nothing."""
        if any((op.source_table, name) in self.added for name in op.local_cols):
            return
        source = self._table(op.source_table, op.kw.get("source_schema"))
        target = self._table(op.referent_table, op.kw.get("referent_schema"))
        own = [f"own.{self._quote(name)}" for name in op.local_cols]
        pairs = zip(own, op.remote_cols, strict=True)
        same = " AND ".join(f"there.{self._quote(remote)} = {local}" for local, remote in pairs)
        given = " AND ".join(f"{local} IS NOT NULL" for local in own)
        query = (
            f"SELECT * FROM {source} own WHERE {given}"  # noqa: S608
            f" AND NOT EXISTS (SELECT 1 FROM {target} there WHERE {same})"
        )
        yield from self._told(op.source_table, f"row(s) refer to rows of {op.referent_table} that are not there", query)

    def _told(self, table: str, problem: str, query: str) -> Iterator[Finding]:
        if count := self._count(query):
            remedy = f"Repair them first, in a revision before this one. They are found by: {query}"
            yield Finding("unfit", table, f"{count} {problem}: the change is refused", remedy)

    def _count(self, query: str) -> int | None:
        """How many; None where the server cannot say, as of a column that is not there yet."""
        statement = text(f"SELECT count(*) FROM ({query}) AS found".replace(":", r"\:"))  # noqa: S608
        try:
            with self.connection.begin_nested():
                return int(self.connection.execute(statement).scalar_one())
        except DBAPIError:
            return None

    def _table(self, name: str, schema: str | None) -> str:
        return ".".join(self._quote(part) for part in (schema, name) if part)

    def _quote(self, name: str) -> str:
        return self.connection.dialect.identifier_preparer.quote_identifier(name)
