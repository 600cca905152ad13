"""The unit of work: a session with its transaction, from its first statement to its end.

```
session        UnitSession, the AsyncSession it gives out, and the Session under that
streaming      results that are read piece by piece
unit           Unit: when its calls may run, what ends it; the blocks in it
damage         what errors have undone
transaction    what is sent to keep or undo it
block          one open block: who opened it where, the tasks in it, its hooks
```
"""

from activerow.unit.block import Hook, Kind, run_hooks
from activerow.unit.session import UnitSession, UnitSyncSession, unit_of
from activerow.unit.unit import Level, Unit

__all__ = ["Hook", "Kind", "Level", "Unit", "UnitSession", "UnitSyncSession", "run_hooks", "unit_of"]
