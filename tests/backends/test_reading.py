"""What each kind of server says it can do when it is asked for rows, held against the server itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Double,
    Enum,
    Index,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    insert,
    literal,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from activerow.backends import Backend, backend_of

METADATA = MetaData()
POINTS = Table(
    "points",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("a", Integer),
    Column("b", Integer),
    Column("x", Double),
    Column("size", Enum("small", "large", name="size_of_points")),
    Index("ix_points", "a", "b"),
)


@pytest.fixture
async def connection(database_url: str, other_engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Plain SQLAlchemy's, with an empty table."""
    async with other_engine.connect() as connection:
        await connection.run_sync(METADATA.create_all)
        yield connection


@pytest.fixture
def server(connection: AsyncConnection) -> Backend:
    """What the library takes the server for."""
    return backend_of(connection.dialect)


async def test_where_null_sorts(connection: AsyncConnection, server: Backend) -> None:
    """As the largest value of all, or as the smallest."""
    await connection.execute(insert(POINTS), [{"id": 1, "a": 1}, {"id": 2, "a": None}])

    first = await connection.scalar(select(POINTS.c.id).order_by(POINTS.c.a))

    assert (first == 1) is server.nulls_largest
    assert (first == 2) is server.sorts_nulls_first(descending=False)


async def test_whether_it_can_be_told_where_null_sorts(connection: AsyncConnection, server: Backend) -> None:
    """By NULLS FIRST, which MySQL does not know."""
    try:
        await connection.execute(select(POINTS.c.id).order_by(POINTS.c.a.asc().nulls_first()))
        known = True
    except DBAPIError:
        known = False

    assert known is server.nulls_first


async def test_whether_an_index_finds_rows_behind_a_row(connection: AsyncConnection, server: Backend) -> None:
    """`(a, b) > (x, y)`, where it finds `a > x` in any case."""
    await connection.execute(insert(POINTS), [{"id": n, "a": n, "b": n} for n in range(1, 500)])
    if server.name == "postgresql":
        await connection.execute(text("SET enable_seqscan = off"))
    one, two = POINTS.c.a > 490, tuple_(POINTS.c.a, POINTS.c.b) > (490, 490)

    plans = [await plan(connection, server, select(POINTS.c.b).where(condition)) for condition in (one, two)]

    found = [any(word in plan for word in ("SEARCH", "Index Cond", '"range"')) for plan in plans]
    assert found == [True, server.row_values]


async def plan(connection: AsyncConnection, server: Backend, statement: Select[Any]) -> str:
    """How the server would run it."""
    sql = str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    rows = await connection.exec_driver_sql(f"{server.explain(connection.dialect, False)} {sql}")
    return "\n".join(str(cell) for row in rows for cell in row)


async def test_whether_it_measures(connection: AsyncConnection, server: Backend) -> None:
    """A statement that is explained may be run for that."""
    try:
        await connection.exec_driver_sql(f"{server.explain(connection.dialect, True)} SELECT 1")
        said = True
    except DBAPIError:
        said = False

    assert said
    assert server.measures is (server.explain(connection.dialect, True) != server.explain(connection.dialect, False))


async def test_whether_a_column_holds_anything(connection: AsyncConnection, server: Backend) -> None:
    """A word among numbers, which it then compares as it was stored."""
    try:
        await connection.execute(text("INSERT INTO points (id, a) VALUES (1, 'word')"))
        found = await connection.scalar(text("SELECT a FROM points WHERE a = 'word'"))
    except DBAPIError:
        found = None

    assert (found == "word") is server.untyped


async def test_what_sorts_an_enum(connection: AsyncConnection, server: Backend) -> None:
    """PostgreSQL sorts and compares it by the order of its words; MySQL sorts so, and compares their letters."""
    sizes = [{"id": 1, "size": "large"}, {"id": 2, "size": "small"}]
    await connection.execute(insert(POINTS), sizes)
    size = POINTS.c.size

    smallest = await connection.scalar(select(size).order_by(size))
    beyond_large = await connection.scalar(select(size).where(size > "large"))

    says = {"text": ("large", "small"), "typed": ("small", None), "numbered": ("small", "small")}
    assert (smallest, beyond_large) == says[server.enums]


async def test_what_kind_of_number_a_column_gives(connection: AsyncConnection, server: Backend) -> None:
    """SQLAlchemy's types for PostgreSQL do not say without a cursor."""
    try:
        Numeric().dialect_impl(connection.dialect).result_processor(connection.dialect, None)
        knows = True
    except TypeError:
        knows = False

    assert knows is not server.numbers_by_cursor


async def test_how_many_parameters_it_takes(connection: AsyncConnection, server: Backend) -> None:
    """As many as it says. PostgreSQL's drivers refuse one more; MySQL's write them into the statement."""
    most = server.most_parameters.get(connection.dialect.driver, 70_000)

    assert await connection.scalar(numbers(most)) == 1
    if server.name == "postgresql":
        with pytest.raises(DBAPIError):
            await connection.scalar(numbers(most + 1))


def numbers(count: int) -> Select[int]:
    """A statement with so many parameters."""
    return select(literal_column("1", Integer())).where(literal_column("7").in_(range(count)))


async def test_how_long_a_statement_may_be(connection: AsyncConnection, server: Backend) -> None:
    """Servers that are sent parameters inside the text say how much they read at once."""
    if server.largest_packet is None:
        assert connection.dialect.driver in server.most_parameters
        return
    largest = (await connection.exec_driver_sql(server.largest_packet)).scalar_one()

    assert await connection.scalar(select(literal("a" * (largest - 1_000)).is_not(None)))
    with pytest.raises(DBAPIError):
        await connection.scalar(select(literal("a" * (largest + 1_000)).is_not(None)))
    await connection.invalidate()
