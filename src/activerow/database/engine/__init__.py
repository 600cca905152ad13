"""From a URL to connections, and what is sent over them.

- `creating`: the options of an engine, and the engine.
- `engines`: the engines of one Database, for one event loop.
- `replicas`: which replica is asked.
- `owner`: the unit of work whose transaction runs on a connection.
- `discarding`: connections whose loop or process is gone.
- `listeners`: which of an engine's listeners are activerow's own.
- `statements`, `timing`, `budget`: one record per statement, who hears of it, and how many a test allows.
- `sqlite_setup`, `sqlite_connection`, `writer_queue`: PRAGMAs and BEGIN, cancelling, and the turns of writers.
- `psycopg_cursors`: cursors on the server that nobody closes.
"""

from activerow.database.engine.budget import within_budget
from activerow.database.engine.creating import Options, async_url
from activerow.database.engine.engines import EngineSet, running_loop
from activerow.database.engine.listeners import collection, listen, own_listeners
from activerow.database.engine.owner import own
from activerow.database.engine.replicas import Replicas
from activerow.database.engine.sqlite_connection import CancellableConnection
from activerow.database.engine.sqlite_setup import begin_for, due, writers
from activerow.database.engine.statements import Statement
from activerow.database.engine.timing import Answer, clock_of

__all__ = [
    "Answer",
    "CancellableConnection",
    "EngineSet",
    "Options",
    "Replicas",
    "Statement",
    "async_url",
    "begin_for",
    "clock_of",
    "collection",
    "due",
    "listen",
    "own",
    "own_listeners",
    "running_loop",
    "within_budget",
    "writers",
]
