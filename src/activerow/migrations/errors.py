"""What can go wrong with migrations.

```
UsageError
├── ProjectError                pyproject.toml, the database or the models cannot be found or imported
└── MigrationError              a revision cannot be written or applied
    ├── UnknownRevisionError    there is no such revision
    ├── DatabaseAheadError      the database is at a revision of which there is no file
    ├── UnknownSchemaError      the database has tables, no version, and is none of the revisions
    ├── UnfitValuesError        rows have values that a change would destroy
    ├── UnfinishedMigrationError    a revision stopped half way on a server without transactional DDL
    └── MigrationLockError      somebody else is migrating, for too long
```
"""

from collections.abc import Sequence

from activerow.errors import UsageError


class ProjectError(UsageError):
    """The project's settings for migrations are missing or wrong."""

    code = "project_error"


class MigrationError(UsageError):
    """A revision cannot be written or applied."""

    code = "migration_error"


class UnknownRevisionError(MigrationError):
    """There is no such revision.

    Attributes:
        revision: What was asked for.
        known: The revisions there are, newest first.
    """

    code = "unknown_revision"

    def __init__(self, revision: str, known: Sequence[str] = ()) -> None:
        super().__init__(revision, tuple(known))
        self.revision, self.known = revision, tuple(known)

    def __str__(self) -> str:
        shown = ", ".join(self.known[:10]) or "none yet"
        return (
            f"there is no revision {self.revision!r}; there are: {shown}."
            f" 'head', 'base', '+1' and '-1' are understood as well"
        )


class DatabaseAheadError(MigrationError):
    """The database is at a revision of which there is no file.

    Attributes:
        revision: Where the database is.
        known: The revisions there are, newest first.
    """

    code = "database_ahead"

    def __init__(self, revision: str, known: Sequence[str] = ()) -> None:
        super().__init__(revision, tuple(known))
        self.revision, self.known = revision, tuple(known)

    def __str__(self) -> str:
        shown = ", ".join(self.known[:10]) or "none yet"
        return (
            f"the database is at revision {self.revision!r}, of which there is no file; there are: {shown}. A newer"
            " release has migrated it, or the file was deleted: deploy that release, or put its file back. To say where"
            " the database really is, without changing a table: `activerow stamp REVISION`"
        )


class UnknownSchemaError(MigrationError):
    """The database has tables and no version, and looks like none of the revisions.

    Attributes:
        differences: How it differs from the models, one line each.
    """

    code = "unknown_schema"

    def __init__(self, differences: Sequence[str] = ()) -> None:
        super().__init__(tuple(differences))
        self.differences = tuple(differences)

    def __str__(self) -> str:
        lines = "".join(f"\n  {difference}" for difference in self.differences)
        return (
            "the database has tables that no migration made, and they are those of no revision; differences from the"
            f" models:{lines}\n"
            "Bring it to the state of a revision and `stamp` that one, or start with an empty database"
        )


class UnfitValuesError(MigrationError):
    """Rows have values that a change cannot keep; nothing was changed.

    Attributes:
        table: The table.
        column: The column.
        count: How many rows.
        problem: What is wrong with their values.
        query: SQL that finds them.
    """

    code = "unfit_values"

    def __init__(self, table: str, column: str, count: int, problem: str, query: str) -> None:
        super().__init__(table, column, count, problem, query)
        self.table, self.column, self.count, self.problem, self.query = table, column, count, problem, query

    def __str__(self) -> str:
        rows = "1 row has" if self.count == 1 else f"{self.count} rows have"
        return (
            f"{rows} {self.problem} in {self.table}.{self.column}; nothing was changed. Repair them first, in a"
            f" revision before this one or by op.execute. They are found by: {self.query}"
        )


class UnfinishedMigrationError(MigrationError):
    """A revision stopped half way; it cannot be continued, or something else was asked for.

    Attributes:
        revision: The revision.
        direction: `upgrade` or `downgrade`.
        done: How many of its statements the server has executed.
        changed: These statements are others now.
    """

    code = "unfinished_migration"

    def __init__(self, revision: str, direction: str, done: int, changed: bool = False) -> None:
        super().__init__(revision, direction, done, changed)
        self.revision, self.direction, self.done, self.changed = revision, direction, done, changed

    def __str__(self) -> str:
        command = "upgrade" if self.direction == "upgrade" else "downgrade -1"
        remedy = (
            "and these statements are others in its file now. Put them back"
            if self.changed
            else f"and this server cannot undo them. `activerow {command}` goes on from there"
        )
        return (
            f"the {self.direction} of revision {self.revision} stopped after {self.done} statement(s), {remedy}; or"
            " bring the tables to the state of a revision by hand, and `activerow stamp` that one"
        )


class MigrationLockError(MigrationError):
    """Somebody else is migrating the database, and took longer than we wait.

    Attributes:
        seconds: How long was waited.
    """

    code = "migration_lock"

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"another process is migrating this database; waited {self.seconds:g} s. Try again when it is done"
