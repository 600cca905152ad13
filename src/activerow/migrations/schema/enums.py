"""Comparing PostgreSQL's enum types, which are objects of their own, and writing what differs into a revision."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.dialects.postgresql import ENUM

from activerow.migrations.schema.kinds import actual
from activerow.migrations.schema.ownership import Name
from activerow.migrations.schema.seen import OPTION, Seen

_THERE: Final = text("""
    SELECT n.nspname, t.typname, array_agg(e.enumlabel\\:\\:text ORDER BY e.enumsortorder)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
    GROUP BY n.nspname, t.typname""")


@dataclass(slots=True)
class EnumOp(ops.MigrateOperation):
    """An enum type comes, goes, or has other values.

    Attributes:
        name: Of the type.
        schema: Where it is.
        before: Its values; None where it is new.
        after: Its values; None where it goes.
    """

    name: str
    schema: str | None
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None

    def reverse(self) -> "EnumOp":
        """The way back."""
        return replace(self, before=self.after, after=self.before)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What plain `alembic check` shows."""
        return "change_enum", self.schema, self.name, self.before, self.after

    @property
    def words(self) -> str:
        """What it does."""
        verb = "create" if self.before is None else "drop" if self.after is None else "change"
        return f"{verb} enum {self.name}"

    @property
    def lost(self) -> list[str]:
        """The values that go, of a type that stays."""
        return sorted(set(self.before or ()) - set(self.after)) if self.after is not None else []


def compare(context: AutogenContext, changes: ops.UpgradeOps, _schemas: object) -> PriorityDispatchResult:
    """Propose what makes the types of the database those of the models."""
    connection: Any = context.connection
    if connection.dialect.name == "postgresql":
        seen: Seen = context.opts[OPTION]
        there, ours, named = _there(connection), _ours(context, connection), _named(context, connection)
        first = [EnumOp(name, schema, None, ours[schema, name]) for schema, name in ours if (schema, name) not in there]
        for (schema, name), values in there.items():
            wanted = ours.get((schema, name))
            if wanted is not None and wanted != values:
                first.append(EnumOp(name, schema, values, wanted))
            elif (schema, name) not in named and seen.is_our_type((schema, name)):
                changes.ops.append(EnumOp(name, schema, values, None))
        changes.ops[:0] = first
    return PriorityDispatchResult.CONTINUE


def _there(connection: Connection) -> dict[Name, tuple[str, ...]]:
    default = connection.dialect.default_schema_name
    return {
        (None if schema == default else schema, name): tuple(values)
        for schema, name, values in connection.execute(_THERE)
    }


def _ours(context: AutogenContext, connection: Connection) -> dict[Name, tuple[str, ...]]:
    """The types that the models make."""
    default = connection.dialect.default_schema_name
    return {
        (None if kind.schema == default else kind.schema, str(kind.name)): tuple(kind.enums)
        for kind in _types(context, connection)
        if kind.create_type
    }


def _named(context: AutogenContext, connection: Connection) -> set[Name]:
    """The types that the models use, also those that somebody else makes."""
    default = connection.dialect.default_schema_name
    types = _types(context, connection)
    return {(None if kind.schema == default else kind.schema, str(kind.name)) for kind in types}


def _types(context: AutogenContext, connection: Connection) -> Iterator[Any]:
    metadata = context.metadata
    each = [metadata] if isinstance(metadata, MetaData) else list(metadata or ())
    for column in (column for known in each for table in known.tables.values() for column in table.columns):
        kind = actual(column.type, connection.dialect)
        kind = actual(getattr(kind, "item_type", kind), connection.dialect)
        named = kind.dialect_impl(connection.dialect)
        if isinstance(named, ENUM):
            yield named


@renderers.dispatch_for(EnumOp)
def _render(context: AutogenContext, op: EnumOp) -> str:
    called = op.words.rpartition(" ")[0].replace(" ", "_")
    context.imports.add(f"from activerow.migrations import {called}")
    schema = f", schema={op.schema!r}" if op.schema else ""
    if op.before is None or op.after is None:
        return f"{called}({op.name!r}, {list(op.after or op.before or ())!r}{schema})"
    return f"{called}({op.name!r}, before={list(op.before)!r}, after={list(op.after)!r}{schema})"
