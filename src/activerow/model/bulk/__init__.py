"""Many rows at once: `create_many` and `upsert_many`.

- `call`: the unit of a call, and that all or none of its rows are kept.
- `source`: rows from lists, generators and asynchronous generators.
- `columns`: which columns a row gives, and what stands in the others.
- `batch`: rows that are sent together.
- `multirow`, `copy`, `upsert`: INSERTs of many rows, COPY, rows that are there already.
"""

from activerow.model.bulk.call import BulkCall, Progress
from activerow.model.bulk.columns import refuse_several_tables
from activerow.model.bulk.source import Rows
from activerow.model.bulk.upsert import Names

__all__ = ["BulkCall", "Names", "Progress", "Rows", "refuse_several_tables"]
