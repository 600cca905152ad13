"""Many rows at once: `create_many`, `upsert_many` and `update_many`.

- `call`: the unit of a call, and that all or none of its rows are kept.
- `rows`: rows from lists, generators and asynchronous generators, and what each of them gives.
- `layout`, `class_defaults`: which columns rows write, and what stands in those that they do not give.
- `groups`, `values`: rows of one layout, and their values column by column.
- `operation`: the steps of a batch; `creation`, `upsert` and `updating` are what is done in them.
- `statement`, `copy`: one statement for many rows, and COPY.
- `deciding`, `moving`: the unique key that decides, and columns that move with every UPDATE.
- `generated`: keys that the database makes, and sequences behind keys that it has not made.
- `instances`, `shown`: what inserted rows become, and what the session's own rows show.
"""

from activerow.model.bulk.call import BulkCall, Progress
from activerow.model.bulk.creation import Creation
from activerow.model.bulk.deciding import Names
from activerow.model.bulk.rows import Rows
from activerow.model.bulk.updating import Updating
from activerow.model.bulk.upsert import Upsertion

__all__ = ["BulkCall", "Creation", "Names", "Progress", "Rows", "Updating", "Upsertion"]
