"""`captured_on_commit`: the hooks of commits, looked at instead of run."""

import inspect
from collections.abc import Generator
from contextlib import contextmanager

from activerow.database import Database
from activerow.database.unit import Hook


class CapturedHooks(list[Hook]):
    """What `db.on_commit` was given, in order, of the units that were committed."""

    async def run(self) -> None:
        """Run the hooks in order, and empty the list; unlike in production, the first error is raised."""
        while self:
            result = self.pop(0)()
            if inspect.isawaitable(result):
                await result


@contextmanager
def captured_on_commit(db: Database) -> Generator[CapturedHooks]:
    """Keep the `on_commit` hooks that would run in the block, and run none of them.

    Hooks of a unit that is rolled back are dropped, as ever. Listeners to what was written (`activerow.events`) still
    hear of it.
    """
    before, hooks = db.scopes.captured, CapturedHooks()
    db.scopes.captured = hooks
    try:
        yield hooks
    finally:
        db.scopes.captured = before
