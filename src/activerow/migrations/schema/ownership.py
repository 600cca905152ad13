"""Which tables and types of a database are the project's: those of its models, and those its revisions have made.

A database is often shared: with another service, a task queue, an extension such as PostGIS. Alembic alone proposes to
drop whatever no model has.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Enum, MetaData, Table

from activerow.migrations.schema.bookkeeping import PROGRESS


class Ownership:
    """Tells what is ours by its name."""

    def __init__(self, metadata: Iterable[MetaData], script: ScriptDirectory | None) -> None:
        self._metadata = tuple(metadata)
        self._script = script

    def includes(self, name: str | None, kind: str, _parents: object) -> bool:
        """Alembic's `include_name`: the schemas of the models, and our tables in them."""
        if kind == "schema":
            return name is None or name in self.schemas
        if kind == "table":
            return name != PROGRESS.name and (name in self._tables or name in self._made)
        return True

    def includes_type(self, name: str) -> bool:
        """Whether a type of the database is one of ours."""
        return name in self._types or name in self._made

    @cached_property
    def schemas(self) -> frozenset[str]:
        """The schemas that tables of the models name; the connection's own is not among them."""
        return frozenset(table.schema for table in self._each_table() if table.schema is not None)

    @cached_property
    def _tables(self) -> frozenset[str]:
        return frozenset(table.name for table in self._each_table())

    @cached_property
    def _types(self) -> frozenset[str]:
        kinds = (getattr(column.type, "item_type", column.type) for t in self._each_table() for column in t.columns)
        return frozenset(kind.name for kind in kinds if isinstance(kind, Enum) and kind.name)

    @cached_property
    def _made(self) -> frozenset[str]:
        scripts = self._script.walk_revisions() if self._script is not None else ()
        return frozenset(name for script in scripts for name in names_made(Path(script.path).read_text("utf-8")))

    def _each_table(self) -> Iterator[Table]:
        for metadata in self._metadata:
            yield from metadata.tables.values()


_SQL = re.compile(r"\b(?:table|type|rename\s+to)\s+(?:if\s+(?:not\s+)?exists\s+)?([^\s(;]+)", re.IGNORECASE)
_MAKING = frozenset({"create_table", "rename_table"})


def names_made(source: str) -> Iterator[str]:
    """The tables and types that a revision's code creates or renames."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in _MAKING:
            yield from _texts(node.args[:2])
        elif called in {"execute", "text"}:
            for statement in _texts(node.args):
                yield from (found.rpartition(".")[2].strip("\"`'") for found in _SQL.findall(statement))
        elif called.lower() == "enum":
            yield from _texts([keyword.value for keyword in node.keywords if keyword.arg == "name"])


def _texts(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value
