"""From a URL to connections, and what is sent over them.

- `creating`: the options of an engine, and the engine.
- `engines`: the engines of one Database, for one event loop.
- `replicas`: which replica is asked.
- `owner`: the unit of work whose transaction runs on a connection.
- `discarding`: connections whose loop or process is gone.
- `statements`, `timing`, `budget`: one record per statement, who hears of it, and how many a test allows.
- `sqlite_setup`, `sqlite_connection`, `writer_queue`: PRAGMAs and BEGIN, cancelling, and the turns of writers.
"""

from activerow.database.engine.budget import within_budget
from activerow.database.engine.creating import Options, async_url
from activerow.database.engine.engines import EngineSet, running_loop
from activerow.database.engine.owner import owners
from activerow.database.engine.replicas import Replicas
from activerow.database.engine.statements import Statement

__all__ = ["EngineSet", "Options", "Replicas", "Statement", "async_url", "owners", "running_loop", "within_budget"]
