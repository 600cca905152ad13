"""One row.

- `values`: what it is given: names and values checked, attributes set.
- `writes`: the writes of one row, as data; `plain_writes`: their statements where no Session is needed.
- `saving`, `deleting`, `rereading`: what is sent for it.
- `attaching`: into a session, with the rows it leads to.
- `members`: rows added to a to-many relation, or taken out; `nested`: related rows that are given by values.
"""

from activerow.mapping import collect
from activerow.model.rows.attaching import attached
from activerow.model.rows.nested import telling_places
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
    "telling_places",
]
