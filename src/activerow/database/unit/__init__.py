"""One session with its transaction, shared by the tasks of a scope, one call at a time.

- `unit`: `Unit`, which says when its calls may run and how it ends.
- `block`: what was opened where: the unit itself, or a savepoint in it; the kinds of units; hooks.
- `transaction`: what is sent to keep or undo it.
- `generator_hold`: blocks that an async generator holds open while it waits at a `yield`.
- `damage`: what errors have undone in it.
- `session`: the sessions it gives out, which leave the end to it.
- `results`: rows that are fetched piece by piece.
- `lock`: whose turn it is.
- `shield`: waiting to the end of what must not be cut off.
"""

from activerow.database.unit.block import Hook, Kind, run_hooks
from activerow.database.unit.generator_hold import hold_of
from activerow.database.unit.lock import current_task
from activerow.database.unit.session import LISTENERS, UnitSession, UnitSyncSession, is_settled
from activerow.database.unit.shield import to_the_end
from activerow.database.unit.unit import Level, Unit

__all__ = [
    "LISTENERS",
    "Hook",
    "Kind",
    "Level",
    "Unit",
    "UnitSession",
    "UnitSyncSession",
    "current_task",
    "hold_of",
    "is_settled",
    "run_hooks",
    "to_the_end",
]
