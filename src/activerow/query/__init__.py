"""How rows are read: `Query`, a selection of rows as data, and what a terminal makes of it.

- `query`: the terminals; `values`: those that give no rows of the model.
- `reads`, `steps`: what the terminals read, as data: rows, cells, or several statements.
- `own_statement`: rows by SQL of the program's own; `instead`: what a query is not.
- `changing`, `set_writes`: UPDATE and DELETE of all rows of a query.
- `plan`: the links, gathered, and the statements they become.
- `lookups`: words like `age__gte` as SQL.
- `results`: pages, streams, groups, projections.
- `related`: relations of rows that are in memory.
"""

from activerow.query.query import Query
from activerow.query.results.groups import Groups
from activerow.query.results.stream import Stream
from activerow.query.set_writes import read_expired

__all__ = ["Groups", "Query", "Stream", "read_expired"]
