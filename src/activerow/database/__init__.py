"""Where the data is, and the units of work on it.

- `database`: `Database`, what a program holds; `connecting`: where it is, opening and closing.
- `execution`: which session or path a call takes, and the blocks that open one.
- `direct`: one statement by the driver's own call, without a Session.
- `unit`: one session with its transaction, shared by the tasks of a scope.
- `engine`: from a URL to connections, and what is sent over them.
- `flush`: what happens around a flush: hooks, what a rollback puts back, what a commit makes known.
- `failures`: what the server said, as activerow's errors.
"""

from activerow.database.connecting import BINDING
from activerow.database.database import Database, database_of

__all__ = ["BINDING", "Database", "database_of"]
