"""What the text of a statement tells about the row that it writes."""

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement

from activerow.database.failures.statement_text import read_statement

users = Table(
    "users",
    MetaData(schema="app"),
    Column("id", Integer, primary_key=True),
    Column("Name", String),
    Column("age", Integer),
    Column("price", Numeric(4, 2)),
)

DIALECTS: list[Dialect] = [sqlite.dialect(), postgresql.dialect(), mysql.dialect(), PGDialect_asyncpg()]  # type: ignore[no-untyped-call]  # SQLAlchemy's


def rendered(statement: ClauseElement, dialect: Dialect) -> tuple[str, object]:
    """The SQL and the parameters that a driver gets."""
    compiled = statement.compile(dialect=dialect)
    named = dict(compiled.params or {})
    order: list[str] = getattr(compiled, "positiontup", None) or []
    return str(compiled), tuple(named[name] for name in order) if order else named


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: f"{dialect.name}-{dialect.driver}")
def test_an_insert_tells_its_columns_and_values(dialect: Dialect) -> None:
    """In every parameter style; a column that an expression fills is passed over."""
    statement = insert(users).values({"Name": "Ada", "age": func.abs(-3), "price": 5})

    read = read_statement(*rendered(statement, dialect))

    assert (read.operation, read.table, read.bound) == ("insert", "users", {"Name": "Ada", "price": 5})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: f"{dialect.name}-{dialect.driver}")
def test_an_update_tells_what_it_sets(dialect: Dialect) -> None:
    """Not what it compares with, nor what it computes."""
    statement = update(users).where(users.c.id == 7).values({"Name": "Ada", "age": users.c.age + 1, "price": 5})

    read = read_statement(*rendered(statement, dialect))

    assert (read.operation, read.table, read.bound) == ("update", "users", {"Name": "Ada", "price": 5})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: f"{dialect.name}-{dialect.driver}")
def test_a_delete_tells_its_table(dialect: Dialect) -> None:
    """There is nothing that it sets."""
    read = read_statement(*rendered(delete(users).where(users.c.id == bindparam("x", 1)), dialect))

    assert (read.operation, read.table, read.bound) == ("delete", "users", {})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: f"{dialect.name}-{dialect.driver}")
def test_several_rows_tell_no_values(dialect: Dialect) -> None:
    """Nobody knows which of them failed."""
    read = read_statement(*rendered(insert(users).values([{"age": 1}, {"age": 2}]), dialect))

    assert (read.table, read.bound) == ("users", {})
    assert read_statement("INSERT INTO users (age) VALUES (?)", [(1,), (2,)]).bound == {}


@pytest.mark.parametrize(
    ("statement", "operation", "table"),
    [
        ("SELECT * FROM users FOR UPDATE", "select", None),
        ("/* trace=1 */ SELECT 1", "select", None),
        ("-- why\nDELETE FROM ONLY users", "delete", "users"),
        (
            "WITH old AS (SELECT id FROM posts FOR UPDATE) DELETE FROM users WHERE id IN (SELECT id FROM old)",
            "delete",
            "users",
        ),
        ("WITH old AS (SELECT 1) SELECT * FROM old", "select", None),
        ("INSERT OR IGNORE INTO `app`.`users` (a) VALUES (1)", "insert", "users"),
        ("REPLACE INTO users (a) VALUES (1)", "insert", "users"),
        ("  update users set a = 1", "update", "users"),
        ("CREATE TABLE posts (id INTEGER REFERENCES users ON UPDATE CASCADE)", None, None),
        ("RELEASE SAVEPOINT sa_1", None, None),
        ("", None, None),
    ],
)
def test_the_operation_and_table_of_plain_sql(statement: str, operation: str | None, table: str | None) -> None:
    """Comments, CTEs, locks and foreign keys' clauses do not deceive it."""
    read = read_statement(statement)

    assert (read.operation, read.table) == (operation, table)


def test_no_statement_tells_nothing() -> None:
    """A failed COMMIT has none."""
    assert read_statement(None).operation is None


def test_missing_parameters_are_no_error() -> None:
    """An error message must not become an error of its own."""
    assert read_statement("INSERT INTO users (a, b) VALUES (?, ?)", (1,)).bound == {"a": 1}
    assert read_statement("INSERT INTO users (a) VALUES (%(a)s)", {}).bound == {}
    assert read_statement("INSERT INTO users (a, b) VALUES ($1", (1,)).bound == {}
    assert read_statement("UPDATE users", (1,)).bound == {}
