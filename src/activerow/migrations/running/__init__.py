"""Alembic, run from here: writing revisions and applying them.

- `runner`: Alembic for one database and folder; `environment` is what `env.py` calls, `revisions` what comes back.
- `failures`: what is said of a file that is wrong; `merging`: joining two histories.
- `autogenerating`: what differs, written into a revision.
- `rebuilding`: tables of SQLite, made anew; `dependents` are what hangs on them. `enum_types` and
  `column_changes`: what PostgreSQL needs of us; `key_changes`: what MariaDB does.
- `adopting`: databases that `create_all` made.
- `progress`: going on after a revision that stopped half way; `locking`: one migration at a time.
- `connecting`: a connection to migrate with; `creating`: the database itself; `samples`: rows that are made up.
"""

from activerow.migrations.running.adopting import adopt
from activerow.migrations.running.autogenerating import Confirm, compare, write_empty
from activerow.migrations.running.column_changes import ConvertingImpl
from activerow.migrations.running.connecting import connection_of
from activerow.migrations.running.creating import create_database
from activerow.migrations.running.enum_types import change_enum, create_enum, drop_enum
from activerow.migrations.running.environment import run
from activerow.migrations.running.failures import failed, several_heads
from activerow.migrations.running.key_changes import MariaDBKeysImpl, MySQLKeysImpl
from activerow.migrations.running.locking import locked
from activerow.migrations.running.merging import merge
from activerow.migrations.running.progress import Unfinished, unfinished
from activerow.migrations.running.revisions import Revision, Step, Written, revision_of, step_of
from activerow.migrations.running.runner import Plan, Runner, down_to, stamping, up_to
from activerow.migrations.running.samples import fill_empty_tables

__all__ = [
    "Confirm",
    "ConvertingImpl",
    "MariaDBKeysImpl",
    "MySQLKeysImpl",
    "Plan",
    "Revision",
    "Runner",
    "Step",
    "Unfinished",
    "Written",
    "adopt",
    "change_enum",
    "compare",
    "connection_of",
    "create_database",
    "create_enum",
    "down_to",
    "drop_enum",
    "failed",
    "fill_empty_tables",
    "locked",
    "merge",
    "revision_of",
    "run",
    "several_heads",
    "stamping",
    "step_of",
    "unfinished",
    "up_to",
    "write_empty",
]
