"""What Alembic does not compare of a foreign key that is there as in the model: its name, and MATCH FULL."""

from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Connection, ForeignKeyConstraint, Table, text

from activerow.migrations.schema.seen import note

_FULL: Final = text("""
    SELECT conname FROM pg_constraint
    WHERE conrelid = to_regclass(:table) AND contype = 'f' AND confmatchtype = 'f'""")


def compare(
    context: AutogenContext,
    _changes: ops.ModifyTableOps,
    _schema: str | None,
    _table: str,
    found: Table | None,
    wanted: Table | None,
) -> PriorityDispatchResult:
    """Tell what differs: to change it, a key is dropped and created, which locks both tables for a name."""
    if found is not None and wanted is not None:
        there = {_what(key): key for key in found.foreign_key_constraints}
        full = _full_matches(context, found)
        for key in sorted(wanted.foreign_key_constraints, key=_what):
            known = there.get(_what(key))
            if known is not None:
                _tell(context, key, known, full)
    return PriorityDispatchResult.CONTINUE


def _what(key: ForeignKeyConstraint) -> tuple[tuple[str, str], ...]:
    """The columns and what they refer to."""
    return tuple(sorted((element.parent.name, element.target_fullname) for element in key.elements))


def _tell(context: AutogenContext, key: ForeignKeyConstraint, known: ForeignKeyConstraint, full: set[str]) -> None:
    where = f"{key.table.name}: the foreign key of {', '.join(key.column_keys)}"
    dialect: Any = context.dialect
    named = dialect.identifier_preparer.format_constraint(key, _alembic_quote=False) if key.name else None
    if named and known.name and named != known.name:
        note(context, f"{where} is named {known.name}, the model's {named}; no revision changes it")
    was, ours = known.name in full, (key.match or "").upper() == "FULL"
    if dialect.name == "postgresql" and was != ours:
        forms = {True: "MATCH FULL", False: "MATCH SIMPLE"}
        note(context, f"{where} is {forms[was]}, the model's {forms[ours]}; no revision changes it")


def _full_matches(context: AutogenContext, table: Table) -> set[str]:
    if context.connection is None or context.connection.dialect.name != "postgresql":
        return set()
    connection: Connection = context.connection
    name = connection.dialect.identifier_preparer.format_table(table)
    return set(connection.execute(_FULL, {"table": name}).scalars())
