"""One row.

- `values`: what it is given: names and values checked, attributes set.
- `saving`, `deleting`, `rereading`: what is sent for it.
- `attaching`: into a session, with the rows it leads to.
- `members`: rows taken out of a to-many relation.
"""

from activerow.model.rows.attaching import attached
from activerow.model.rows.deleting import delete_row
from activerow.model.rows.rereading import read_again
from activerow.model.rows.saving import create
from activerow.model.rows.values import Values, check_names, check_new, collect, equal, fill

__all__ = [
    "Values",
    "attached",
    "check_names",
    "check_new",
    "collect",
    "create",
    "delete_row",
    "equal",
    "fill",
    "read_again",
]
