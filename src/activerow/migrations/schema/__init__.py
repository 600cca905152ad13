"""What a schema is, how two differ, and what is dangerous about that: nothing here runs a revision.

- `comparing`: Alembic's options for comparing; `columns` and `rules` compare what the `pictures` of a server show,
  which `seen` keeps; `model_rules` and `there_rules` are the constraints of both sides, `literals` their defaults;
  `foreign_keys` adds what Alembic leaves out of them.
- `ownership`: which tables and types of a database are the project's.
- `findings`: what is dangerous about changes, each a `finding`; `unfit_rows`: rows that a new rule would refuse;
  `describing` says changes in words.
- `rendering`: how types and defaults are written into a revision.
- `kinds`: what a column holds, in a word; `conversions`: what becomes of its values in another type.
- `sqlite_table`: a table of SQLite as a text; `sqlite_edits` changes it.
- `shapes`: what a schema looks like on every server, to tell which revision made it.
- `bookkeeping`: the tables that migrations keep for themselves.
"""

from activerow.migrations.schema.bookkeeping import PROGRESS, VERSIONS, is_bookkeeping
from activerow.migrations.schema.comparing import comparison
from activerow.migrations.schema.conversions import convert
from activerow.migrations.schema.describing import described
from activerow.migrations.schema.finding import Finding
from activerow.migrations.schema.findings import findings_in
from activerow.migrations.schema.ordering import order
from activerow.migrations.schema.ownership import Ownership
from activerow.migrations.schema.rendering import single_percents
from activerow.migrations.schema.seen import notes_of
from activerow.migrations.schema.shapes import Shape, shape_of
from activerow.migrations.schema.sql_tokens import quoted
from activerow.migrations.schema.sqlite_edits import TableEdits
from activerow.migrations.schema.sqlite_table import TableText

__all__ = [
    "PROGRESS",
    "VERSIONS",
    "Finding",
    "Ownership",
    "Shape",
    "TableEdits",
    "TableText",
    "comparison",
    "convert",
    "described",
    "findings_in",
    "is_bookkeeping",
    "notes_of",
    "order",
    "quoted",
    "shape_of",
    "single_percents",
]
