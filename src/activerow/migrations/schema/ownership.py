"""Which tables and types of a database are the project's: those of its models, and those its revisions have made.

A database is often shared: with another service, a task queue, an extension such as PostGIS. Alembic alone proposes to
drop whatever no model has. A table is only ours to drop when `op.create_table` or `op.rename_table` of a revision has
made it: SQL that names one, or that makes one for a purpose of its own, says nothing about whose it is.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Enum, MetaData, Table, text

from activerow.migrations.schema.bookkeeping import PROGRESS

Name = tuple[str | None, str]
"""Schema and name; None is the connection's own schema."""


class Ownership:
    """Tells what is ours by its name.

    Args:
        metadata: Of the models.
        script: The revisions.
        connection: To the database that is compared.
    """

    def __init__(
        self, metadata: Iterable[MetaData], script: ScriptDirectory | None, connection: Connection | None = None
    ) -> None:
        self._metadata = tuple(metadata)
        self._script = script
        self._connection = connection
        self._default = connection.dialect.default_schema_name if connection is not None else None

    def includes(self, name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        """Alembic's `include_name`: the schemas of the models, and our tables in them."""
        if kind == "schema":
            return name is None or name in self.schemas
        if kind == "table" and name is not None:
            return name != PROGRESS.name and self.is_ours((parents.get("schema_name"), name))
        return True

    def is_ours(self, name: Name) -> bool:
        """Whether a table is ours."""
        known = self._normal(*name)
        return known in self._tables or (known in self._made.tables and known not in self._foreign)

    def is_our_type(self, name: Name) -> bool:
        """Whether an enum type is ours."""
        known = self._normal(*name)
        return known in self._types or known in self._made.types

    @cached_property
    def schemas(self) -> frozenset[str]:
        """The schemas that tables of the models name; the connection's own is not among them."""
        found = {table.schema for table in self._each_table()}
        return frozenset(name for name in found if name is not None and name != self._default)

    def _normal(self, schema: str | None, name: str) -> Name:
        return (None if schema == self._default else schema), name

    @cached_property
    def _tables(self) -> frozenset[Name]:
        return frozenset(self._normal(table.schema, table.name) for table in self._each_table())

    @cached_property
    def _types(self) -> frozenset[Name]:
        kinds = (getattr(column.type, "item_type", column.type) for t in self._each_table() for column in t.columns)
        named: list[Any] = [kind for kind in kinds if isinstance(kind, Enum) and kind.name]
        return frozenset(self._normal(kind.schema, str(kind.name)) for kind in named)

    @cached_property
    def _made(self) -> "Made":
        made = Made(self._default)
        scripts = list(self._script.walk_revisions()) if self._script is not None else []
        for script in reversed(scripts):
            made.read(Path(script.path).read_text("utf-8"))
        return made

    @cached_property
    def _foreign(self) -> frozenset[Name]:
        """Partitions, which belong to their table, and the tables of extensions."""
        if self._connection is None or self._connection.dialect.name != "postgresql":
            return frozenset()
        return frozenset(self._normal(schema, name) for schema, name in self._connection.execute(_NOT_OURS))

    def _each_table(self) -> Iterator[Table]:
        for metadata in self._metadata:
            yield from metadata.tables.values()


_NOT_OURS: Final = text(
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND (c.relispartition OR EXISTS (SELECT 1 FROM pg_depend d"
    " WHERE d.classid = 'pg_class'\\:\\:regclass AND d.objid = c.oid AND d.deptype = 'e'))"
)


class Made:
    """The tables and types that revisions have made and that none has dropped since, read from their code."""

    def __init__(self, default_schema: str | None = None) -> None:
        self.tables: set[Name] = set()
        self.types: set[Name] = set()
        self._default = default_schema

    def read(self, source: str) -> None:
        """Go on with the next revision's code."""
        module = ast.parse(source)
        module.body = [node for node in module.body if getattr(node, "name", None) != "downgrade"]
        calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0)):
            self._note(call)

    def _note(self, call: ast.Call) -> None:
        called = getattr(call.func, "attr", getattr(call.func, "id", ""))
        first, second = self._name(call, 0), self._name(call, 1)
        if called == "create_table" and first:
            self.tables.add(first)
        elif called == "drop_table" and first:
            self.tables.discard(first)
        elif called == "rename_table" and first and second:
            self.tables.discard(first)
            self.tables.add(second)
        elif called == "create_enum" and first:
            self.types.add(first)
        elif called == "drop_enum" and first:
            self.types.discard(first)
        elif called.lower() == "enum" and (name := self._enum(call)):
            self.types.add(name)

    def _name(self, call: ast.Call, place: int) -> Name | None:
        if place >= len(call.args):
            return None
        name = next(_texts(call.args[place]), None)
        return (self._schema(call), name) if name else None

    def _enum(self, call: ast.Call) -> Name | None:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        creates = keywords.get("create_type")
        if "name" not in keywords or (isinstance(creates, ast.Constant) and creates.value is False):
            return None
        name = next(_texts(keywords["name"]), None)
        return (self._schema(call), name) if name else None

    def _schema(self, call: ast.Call) -> str | None:
        found = next((next(_texts(known.value), None) for known in call.keywords if known.arg == "schema"), None)
        return None if found == self._default else found


def _texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
