"""Schema changes in words."""

import re
from typing import Any, cast

from alembic.operations import ops

from activerow.migrations.schema.enums import EnumOp
from activerow.migrations.schema.statements import SqlOp


def described(changes: Any) -> list[str]:
    """A line for each change, with the names it is about."""
    lines: list[str] = []
    for op in changes.ops if changes is not None else ():
        inner = [op] if not hasattr(op, "ops") or isinstance(op, ops.CreateTableOp) else op.ops
        lines += [_line(change) for change in inner]
    return lines


def _line(op: Any) -> str:
    """What one operation does: `add column users.age`, `create table posts`."""
    if isinstance(op, SqlOp):
        return f"{'drop' if op.drops else 'create'} {op.words}"
    if isinstance(op, EnumOp):
        return op.words
    if isinstance(op, ops.ExecuteSQLOp):
        return str(op.sqltext)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(op).__name__.removesuffix("Op")).lower()
    table_name = str(getattr(op, "table_name", None) or getattr(op, "source_table", None) or "")
    column = getattr(op, "column_name", None) or getattr(getattr(op, "column", None), "name", None)
    own = getattr(op, "index_name", None) or getattr(op, "constraint_name", None)
    what = f"{table_name}.{column}" if column else table_name or str(getattr(op, "name", None) or "")
    attributes = cast("dict[str, object]", vars(op))
    changed = [key.removeprefix("modify_") for key, value in attributes.items() if _is_modified(key, value)]
    return " ".join(
        filter(None, (words, what, f"({own})" if own else "", f"({', '.join(changed)})" if changed else ""))
    )


def _is_modified(key: str, value: object) -> bool:
    # False says "leave it", except of `nullable`, of which it says "NOT NULL".
    return key.startswith("modify_") and value is not None and (value is not False or key == "modify_nullable")
