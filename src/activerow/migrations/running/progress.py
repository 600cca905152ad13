"""Going on after a revision that stopped half way, on servers that cannot undo schema changes (MySQL, MariaDB).

Each statement that a revision's operations have sent is counted in the table `activerow_migration_progress`, with a
digest of its text. After a failure the next upgrade passes over what is done. What a revision sends through
`op.get_bind()` is not counted, and runs again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection, UpdateBase, inspect, select

from activerow.migrations.errors import UnfinishedMigrationError
from activerow.migrations.schema import PROGRESS, is_bookkeeping


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A revision that stopped half way.

    Attributes:
        revision: The revision, with a `+` when it was applied, and a `-` when it was taken back.
        done: How many of its statements the server has executed.
        digest: Of those statements' texts.
    """

    revision: str
    done: int
    digest: str

    def error(self, *, changed: bool = False) -> UnfinishedMigrationError:
        """What to raise about it."""
        direction = "upgrade" if self.revision.startswith("+") else "downgrade"
        return UnfinishedMigrationError(self.revision[1:], direction, self.done, changed)


def unfinished(connection: Connection) -> Unfinished | None:
    """The revision that stopped half way, if there is one."""
    if not inspect(connection).has_table(PROGRESS.name):
        return None
    row = connection.execute(select(PROGRESS)).first()
    return Unfinished(*row) if row is not None else None


class Progress:
    """Counts the statements of each revision, and passes over those of an earlier attempt."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._before = unfinished(connection)
        self._revision: str | None = None
        self._done = 0
        self._digest = ""

    @classmethod
    def follow(cls, context: MigrationContext, connection: Connection) -> None:
        """Count from now on what the revisions of `context` send."""
        progress = cls(connection)
        internals: Any = context
        steps, execute = internals._migrations_fn, internals.impl._exec

        def counted(heads: Any, migration_context: MigrationContext) -> Iterator[Any]:
            yield from progress._each(steps(heads, migration_context))

        def send(construct: Any, *args: Any, **options: Any) -> Any:
            return progress._send(execute, construct, *args, **options)

        internals._migrations_fn, internals.impl._exec = counted, send

    def _each(self, steps: Iterable[Any]) -> Iterator[Any]:
        planned = list(steps)
        self._demand_the_rest(planned)
        for step in planned:
            if isinstance(step, RevisionStep):
                self._revision, self._done, self._digest = _name_of(step), 0, ""
                yield step
                self._revision, self._before = None, None
            else:
                yield step

    def _demand_the_rest(self, planned: list[Any]) -> None:
        """A revision that stopped half way comes first; a stamp says that somebody has repaired it."""
        if self._before is None or not planned:
            return
        if not isinstance(planned[0], RevisionStep):
            self._connection.execute(PROGRESS.delete())
            self._commit()
        elif _name_of(planned[0]) != self._before.revision:
            raise self._before.error()

    def _send(self, execute: Any, construct: Any, *args: Any, **options: Any) -> Any:
        if self._revision is None:
            return execute(construct, *args, **options)
        if _is_of_versions(construct):
            # The revision is done. Alembic commits this: the count ends with the new version, or not at all.
            if self._done:
                self._connection.execute(PROGRESS.delete())
            return execute(construct, *args, **options)
        text = str(construct if isinstance(construct, str) else construct.compile(dialect=self._connection.dialect))
        digest = hashlib.sha256(f"{self._digest}\n{text}".encode()).hexdigest()
        before = self._before if self._before and self._before.revision == self._revision else None
        is_done = before is not None and self._done < before.done
        result = None if is_done else execute(construct, *args, **options)
        self._done, self._digest = self._done + 1, digest
        if before is not None and self._done == before.done and digest != before.digest:
            raise before.error(changed=True)
        if not is_done:
            self._note()
        return result

    def _note(self) -> None:
        if not self._connection.dialect.has_table(self._connection, PROGRESS.name):
            PROGRESS.create(self._connection)
        self._connection.execute(PROGRESS.delete())
        values = {"revision": self._revision, "done": self._done, "digest": self._digest}
        self._connection.execute(PROGRESS.insert().values(values))
        self._commit()

    def _commit(self) -> None:
        # Schema changes have committed already; the data that a statement wrote must not be ahead of the count.
        self._connection.exec_driver_sql("COMMIT")


def _is_of_versions(construct: object) -> bool:
    return isinstance(construct, UpdateBase) and is_bookkeeping(str(getattr(construct.table, "name", "")))


def _name_of(step: Any) -> str:
    """The revision, with its direction: going down half way is not going up half way."""
    return f"{'+' if step.is_upgrade else '-'}{step.info.up_revision_id}"
