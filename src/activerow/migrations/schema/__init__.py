"""What a schema is, how two differ, and what is dangerous about that: nothing here runs a revision.

- `comparing`: Alembic's options for comparing; `checks` and `defaults` compare what Alembic alone does not.
- `ownership`: which tables and types of a database are the project's.
- `findings`: what is dangerous about changes; `describing` says them in words.
- `rendering`: how types and defaults are written into a revision.
- `kinds`: what a column holds, in a word; `conversions`: what becomes of its values in another type.
- `sqlite_table`: a table of SQLite as a text; `sqlite_edits` changes it.
- `shapes`: what a schema looks like on every server, to tell which revision made it.
- `bookkeeping`: the tables that migrations keep for themselves.
"""

from activerow.migrations.schema.bookkeeping import NOT_THE_MODELS, PROGRESS
from activerow.migrations.schema.comparing import comparison
from activerow.migrations.schema.describing import described
from activerow.migrations.schema.findings import Finding, findings_in, rows_in
from activerow.migrations.schema.ownership import Ownership
from activerow.migrations.schema.rendering import single_percents
from activerow.migrations.schema.shapes import Shape, shape_of
from activerow.migrations.schema.sqlite_edits import TableEdits
from activerow.migrations.schema.sqlite_table import TableText, quoted

__all__ = [
    "NOT_THE_MODELS",
    "PROGRESS",
    "Finding",
    "Ownership",
    "Shape",
    "TableEdits",
    "TableText",
    "comparison",
    "described",
    "findings_in",
    "quoted",
    "rows_in",
    "shape_of",
    "single_percents",
]
