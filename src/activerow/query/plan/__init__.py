"""What a query asks for, as data, and the statements it becomes.

- `plan`: the links of a query, and its SELECTs.
- `selection`: the links, each of which returns a new query.
- `arguments`: the numbers and lookups that links are given.
- `prepare`: statements made once, with places for values.
- `joins`: `join()`.
- `include`: paths of relations, and their loader options.
"""

from activerow.query.plan.arguments import whole_number
from activerow.query.plan.include import (
    Chosen,
    Path,
    Tree,
    beyond,
    include_options,
    merged,
    path_of,
    target_of,
    tree_of,
)
from activerow.query.plan.joins import is_of_joined
from activerow.query.plan.plan import Plan
from activerow.query.plan.prepare import PreparedStatement, compiled_once
from activerow.query.plan.selection import EVERYTHING, Selection

__all__ = [
    "EVERYTHING",
    "Chosen",
    "Path",
    "Plan",
    "PreparedStatement",
    "Selection",
    "Tree",
    "beyond",
    "compiled_once",
    "include_options",
    "is_of_joined",
    "merged",
    "path_of",
    "target_of",
    "tree_of",
    "whole_number",
]
