"""What a query's rows become.

- `pages`, `keyset`, `cursors`: numbered pages, pages that follow each other, and the text between them.
- `stream`, `batches`: many rows in little memory.
- `schema_tree`, `projection`, `json_text`: rows in the form of a Pydantic model, and as JSON.
- `groups`: `group_by`.
"""

from activerow.query.results.groups import A, B, Computed, Groups, groups_of
from activerow.query.results.json_text import json_rows
from activerow.query.results.pages import Numbered, Step, check_walk
from activerow.query.results.projection import check_projection, projected
from activerow.query.results.schema_tree import Schema, json_objects, shape_of
from activerow.query.results.stream import Stream

__all__ = [
    "A",
    "B",
    "Computed",
    "Groups",
    "Numbered",
    "Schema",
    "Step",
    "Stream",
    "check_projection",
    "check_walk",
    "groups_of",
    "json_objects",
    "json_rows",
    "projected",
    "shape_of",
]
