"""How the server would run a statement: its EXPLAIN, as text.

| server | `analyze=False` | `analyze=True` |
| --- | --- | --- |
| SQLite | `EXPLAIN QUERY PLAN`, as an indented tree | refused: it measures nothing |
| PostgreSQL | `EXPLAIN` | `EXPLAIN (ANALYZE, BUFFERS)` |
| MariaDB | `EXPLAIN FORMAT=JSON` | `ANALYZE FORMAT=JSON` |
| MySQL | `EXPLAIN FORMAT=TREE` | `EXPLAIN ANALYZE` |
"""

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from activerow.backends.backend import Backend
from activerow.backends.known import backend_of
from activerow.errors import UsageError


def check_explanation(backend: Backend, *, analyze: bool) -> None:
    """Accept what the server can do.

    Raises:
        UsageError: It cannot measure a statement.
    """
    if analyze and not backend.measures:
        raise UsageError(f"explain(analyze=True): {backend.title} only plans; leave out analyze, or ask another server")


async def explained(session: AsyncSession, statement: Select[Any], *, analyze: bool) -> str:
    """The server's plan of a statement; with `analyze` the statement is run, and the plan says what it took."""
    result = await session.execute(_Explain(statement, analyze=analyze))
    rows: list[tuple[Any, ...]] = [tuple(row) for row in result]
    return "\n".join(_tree(rows) if rows and len(rows[0]) > 1 else [str(row[0]) for row in rows])


def _tree(rows: Iterable[tuple[Any, ...]]) -> Iterable[str]:
    """SQLite's steps, which name the one they belong to, indented below it."""
    depths: dict[int, int] = {0: -1}
    for number, parent, _, step in rows:
        depths[number] = depths.get(parent, -1) + 1
        yield f"{'  ' * depths[number]}{step}"


class _Explain(Executable, ClauseElement):
    """A statement to be explained rather than run."""

    inherit_cache = False

    def __init__(self, statement: Select[Any], *, analyze: bool) -> None:
        self.statement, self.analyze = statement, analyze


@compiles(_Explain)
def _explain(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    statement = compiler.process(element.statement, **options)
    # The columns of the statement are not those of its plan: a value must not be read as one of them.
    cast("Any", compiler)._result_columns = []
    words = backend_of(compiler.dialect).explain(compiler.dialect, element.analyze)
    return f"{words} {statement}"
