"""For tests of programs that use activerow; as a pytest plugin, `pytest_plugins = ["activerow.testing"]`.

```
rollback        rolled_back: a transaction around a test, of which nothing remains
enclosure       the one connection under it; turns: its pool; deferred: constraints; session: what it gives
emptying        emptied: real transactions, and the rows deleted afterwards
hooks           captured_on_commit: the hooks of commits, looked at instead of run
faults          failing, failing_commit, slow; driver_errors: what the drivers would raise
plugin          the fixtures; the only file that needs pytest
```

There is no entry point: pytest would import the library before coverage begins to measure. PYTEST_DONT_REWRITE: there
are no asserts in here, so it does not matter who imports it first.
"""

from activerow.testing.emptying import emptied
from activerow.testing.faults import Fault, failing, failing_commit, slow
from activerow.testing.hooks import CapturedHooks, captured_on_commit
from activerow.testing.rollback import rolled_back

__all__ = [
    "CapturedHooks",
    "Fault",
    "captured_on_commit",
    "emptied",
    "failing",
    "failing_commit",
    "rolled_back",
    "slow",
]

pytest_plugins = ["activerow.testing.plugin"]
