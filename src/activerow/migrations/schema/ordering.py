"""In which order the changes of a table are made: nothing is dropped that something else still needs."""

from typing import Any, Final

from alembic.operations import ops

from activerow.migrations.schema.enums import EnumOp
from activerow.migrations.schema.statements import SqlOp

_DROPS: Final = {"foreignkey": 0, "check": 1, "unique": 2, "primary": 4}
_RANKS: Final[tuple[tuple[type[Any], int], ...]] = (
    (ops.DropIndexOp, 10),
    (ops.AddColumnOp, 30),
    (ops.AlterColumnOp, 40),
    (ops.CreatePrimaryKeyOp, 50),
    (ops.CreateForeignKeyOp, 80),
    (ops.AddConstraintOp, 60),
    (ops.CreateIndexOp, 70),
)


def order(changes: Any, dialect: str) -> None:
    """Put the operations of each table in order: rules go before columns, and come after them.

    MySQL needs an index for each foreign key, so one that comes stands before one that goes.
    """
    changes.ops[:] = [part for op in sorted(changes.ops, key=_place) for part in _around(op)]
    for op in changes.ops:
        if isinstance(op, ops.ModifyTableOps):
            remade = {entry.column_name for entry in op.ops if isinstance(entry, ops.DropColumnOp)}
            remade &= {entry.column.name for entry in op.ops if isinstance(entry, ops.AddColumnOp)}
            op.ops.sort(key=lambda entry: _rank(entry, remade))
            if dialect in {"mysql", "mariadb"}:
                _replace_before_dropping(op)


def _place(op: Any) -> int:
    """Enum types come before what uses them, and go after it."""
    if isinstance(op, EnumOp):
        return 0 if op.after is not None else 2
    return 1


def _around(op: Any) -> list[Any]:
    """SQL of its own around the changes of a table, which are made together when the last of them is known."""
    if not isinstance(op, ops.ModifyTableOps):
        return [op]
    own = [entry for entry in op.ops if isinstance(entry, SqlOp)]
    op.ops = [entry for entry in op.ops if not isinstance(entry, SqlOp)]
    drops, adds = ([entry for entry in own if entry.drops is drops] for drops in (True, False))
    return [*drops, *([op] if op.ops else []), *adds]


def _rank(op: Any, remade: set[Any]) -> int:
    if isinstance(op, ops.DropConstraintOp):
        return _DROPS.get(op.constraint_type or "", 3)
    if isinstance(op, ops.DropColumnOp):
        return 20 if op.column_name in remade else 90
    return next((rank for kind, rank in _RANKS if isinstance(op, kind)), 100)


def _replace_before_dropping(table: ops.ModifyTableOps) -> None:
    drops = [at for at, op in enumerate(table.ops) if isinstance(op, ops.DropIndexOp)]
    if not drops:
        return
    gone = {op.index_name for op in table.ops if isinstance(op, ops.DropIndexOp)}
    new = {op.column.name for op in table.ops if isinstance(op, ops.AddColumnOp)}
    early = [
        op
        for op in table.ops
        if isinstance(op, ops.CreateIndexOp) and op.index_name not in gone and not new & set(map(str, op.columns))
    ]
    for op in early:
        table.ops.remove(op)
    table.ops[drops[0] : drops[0]] = early
