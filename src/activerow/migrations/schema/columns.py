"""Comparing the types and server defaults of columns: what the server says of both."""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Column, Computed, Identity
from sqlalchemy.types import NullType

from activerow.migrations.schema.literals import is_same_default
from activerow.migrations.schema.pictures import ColumnPicture
from activerow.migrations.schema.seen import seen_of


def compare_type(
    context: AutogenContext,
    change: ops.AlterColumnOp,
    _schema: str | None,
    _table: str,
    name: str,
    found: Column[Any],
    wanted: Column[Any],
) -> PriorityDispatchResult:
    """Propose the model's type where the database has another."""
    change.existing_type = found.type
    pictures = _columns(context, name, wanted)
    if pictures is None or isinstance(wanted.type, NullType):
        return PriorityDispatchResult.CONTINUE
    there, ours = pictures
    if there.type != ours.type and not _is_synonym(context, there, ours, found, wanted):
        change.modify_type = wanted.type
    return PriorityDispatchResult.STOP


def _is_synonym(
    context: AutogenContext, there: ColumnPicture, ours: ColumnPicture, found: Column[Any], wanted: Column[Any]
) -> bool:
    """SQLite keeps whatever word was written: INT is INTEGER."""
    dialect: Any = context.dialect
    if dialect.name != "sqlite" or " collate " in f"{there.type}{ours.type}" or isinstance(found.type, NullType):
        return False
    compiler = dialect.type_compiler_instance
    return bool(compiler.process(found.type) == compiler.process(wanted.type))


def compare_default(
    context: AutogenContext,
    change: ops.AlterColumnOp,
    _schema: str | None,
    _table: str,
    name: str,
    found: Column[Any],
    wanted: Column[Any],
) -> PriorityDispatchResult:
    """Propose the model's default where the database has another; identities are left to Alembic."""
    dialect: Any = context.dialect
    pictures = _columns(context, name, wanted)
    if isinstance(wanted.server_default, Computed) or isinstance(found.server_default, Computed):
        return PriorityDispatchResult.STOP  # the column is made anew
    if isinstance(wanted.server_default, Identity) or isinstance(found.server_default, Identity):
        change.existing_server_default = found.server_default
        return PriorityDispatchResult.CONTINUE if dialect.supports_identity_columns else PriorityDispatchResult.STOP
    change.existing_server_default = found.server_default
    if pictures is None:
        return PriorityDispatchResult.CONTINUE
    there, ours = pictures
    if not is_same_default(there.default, ours.default, dialect) and not _is_serial(there.default, wanted):
        change.modify_server_default = wanted.server_default
    return PriorityDispatchResult.STOP


def _columns(context: AutogenContext, name: str, wanted: Column[Any]) -> tuple[ColumnPicture, ColumnPicture] | None:
    pictures = seen_of(context, wanted.table)
    if pictures is None:
        return None
    there, ours = (picture.columns.get(name) for picture in pictures)
    return None if there is None or ours is None else (there, ours)


def _is_serial(default: str | None, wanted: Column[Any]) -> bool:
    """The numbers of a SERIAL, whose sequence may have the name that the table once had."""
    return wanted.server_default is None and default is not None and default.startswith("nextval(")
