"""Changes that only SQL can say, with the way back."""

from dataclasses import dataclass, replace
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops


@dataclass(slots=True)
class SqlOp(ops.MigrateOperation):
    """A statement, and the one that undoes it.

    Attributes:
        up: What is done.
        down: What undoes it.
        words: What it does.
        drops: Something goes by it.
    """

    up: str
    down: str
    words: str
    drops: bool = False

    def reverse(self) -> "SqlOp":
        """The way back."""
        return replace(self, up=self.down, down=self.up, drops=not self.drops)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What plain `alembic check` shows."""
        return "execute", self.up


@renderers.dispatch_for(SqlOp)
def _render(_context: AutogenContext, op: SqlOp) -> str:
    statement = op.up.replace(":", r"\:")
    return f"op.execute({statement!r})"
