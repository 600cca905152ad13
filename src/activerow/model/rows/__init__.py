"""One row.

- `values`: what it is given: names and values checked, attributes set.
- `writes`: the writes of one row, as data; `plain_writes`: their statements where no Session is needed.
- `saving`, `deleting`, `rereading`: what is sent for it.
- `attaching`: into a session, with the rows it leads to.
- `members`: rows taken out of a to-many relation.
"""

from activerow.mapping import collect
from activerow.model.rows.attaching import attached
from activerow.model.rows.rereading import read_again
from activerow.model.rows.saving import is_changed
from activerow.model.rows.values import Values, check_names, check_new, equal, fill
from activerow.model.rows.writes import Deletion, Insertion, Saving, Update

__all__ = [
    "Deletion",
    "Insertion",
    "Saving",
    "Update",
    "Values",
    "attached",
    "check_names",
    "check_new",
    "collect",
    "equal",
    "fill",
    "is_changed",
    "read_again",
]
