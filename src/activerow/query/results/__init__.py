"""What a query's rows become.

- `pages`, `keyset`, `cursors`: numbered pages, pages that follow each other, and the text between them.
- `stream`, `batches`: many rows in little memory.
- `schema_tree`, `projection`: rows in the form of a Pydantic model.
- `json_text`, `evident_json`: rows as JSON, without a schema and with one.
- `groups`: `group_by`.
"""

from activerow.query.results.groups import A, B, Computed, Groups, groups_of
from activerow.query.results.json_text import json_rows
from activerow.query.results.pages import Numbered, Step, check_walk
from activerow.query.results.projection import Layout, Projected, check_projection, projected, single_layout
from activerow.query.results.schema_tree import Schema, Shape, json_objects, shape_of
from activerow.query.results.stream import Stream

__all__ = [
    "A",
    "B",
    "Computed",
    "Groups",
    "Layout",
    "Numbered",
    "Projected",
    "Schema",
    "Shape",
    "Step",
    "Stream",
    "check_projection",
    "check_walk",
    "groups_of",
    "json_objects",
    "json_rows",
    "projected",
    "shape_of",
    "single_layout",
]
