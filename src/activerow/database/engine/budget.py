"""How many statements a piece of a program may send: for tests."""

from collections.abc import Generator
from contextlib import contextmanager

from activerow.database.engine import statements
from activerow.database.engine.engines import EngineSet
from activerow.database.engine.statements import Statement
from activerow.errors import UsageError


@contextmanager
def within_budget(
    engines: EngineSet, exactly: int | None, at_most: int | None
) -> Generator[list[Statement], None, None]:
    """Count the queries that are sent to `engines` while the block runs.

    Raises:
        AssertionError: There were others than allowed. An error that leaves the block is raised instead.
        UsageError: No number was given, or two.
    """
    if (exactly is None) == (at_most is None):
        raise UsageError("say how many queries: expect_queries(2), or expect_queries(at_most=2)")
    sent: list[Statement] = []

    def count(statement: Statement) -> None:
        if engines.has(statement.engine) and statement.is_query:
            sent.append(statement)

    statements.subscribe(count)
    try:
        yield sent
    finally:
        statements.unsubscribe(count)
    if len(sent) != exactly if exactly is not None else len(sent) > (at_most or 0):
        raise AssertionError(_told(sent, f"{exactly}" if exactly is not None else f"at most {at_most}"))


def _told(sent: list[Statement], allowed: str) -> str:
    lines = (f"  {number}. {statement}" for number, statement in enumerate(sent, 1))
    return "\n".join((f"expected {allowed} queries, {len(sent)} were sent", *lines))
