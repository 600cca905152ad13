"""SQLite's tables are made anew for most changes: whatever was on them is still there, and so is every value."""

from pathlib import Path

import pytest
from sqlalchemy import text

from activerow import Database
from activerow.errors import NotNullViolationError, UniqueViolationError
from activerow.migrations import MigrationError, Migrations, UnfitValuesError, create_folder
from tests.migrations.projects import no_models, write
from tests.tools.backends.active import MakeDatabase

pytestmark = pytest.mark.backends("sqlite")

TEAMS = "CREATE TABLE teams (id INTEGER PRIMARY KEY)"
USERS = """CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT COLLATE NOCASE NOT NULL ON CONFLICT FAIL,
    name TEXT DEFAULT 'it''s, (x' CHECK (name <> ')'),
    age INT CHECK (age > 5),
    born INT AS (2026 - age), twice INT GENERATED ALWAYS AS (age * 2) STORED,
    team_id INTEGER REFERENCES teams (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (email, team_id) ON CONFLICT IGNORE, CONSTRAINT "age max" CHECK (age < 200)
) STRICT"""
AROUND = (
    "CREATE UNIQUE INDEX lower_email ON users (lower(email))",
    "CREATE INDEX old_ones ON users (age DESC) WHERE age > 60",
    "CREATE TABLE log (entry TEXT)",
    "CREATE TRIGGER noted AFTER INSERT ON users BEGIN INSERT INTO log VALUES (new.email); END",
    "CREATE TRIGGER gone AFTER DELETE ON teams BEGIN DELETE FROM users WHERE team_id = old.id; END",
    "CREATE VIEW adults AS SELECT id, name FROM users WHERE age >= 18",
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) ON DELETE CASCADE)",
)
ROWS = (
    "INSERT INTO teams VALUES (1)",
    "INSERT INTO users (email, name, age, team_id) VALUES ('a@x', 'Ada', 20, 1), ('b@x', 'Bob', 70, NULL)",
    "INSERT INTO users (id, email) VALUES (99, 'c@x')",
    "DELETE FROM users WHERE id = 99",
    "INSERT INTO posts VALUES (1, 2)",
)
MASTER = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"


@pytest.fixture
async def empty(make_database: MakeDatabase, tmp_path: Path) -> Migrations:
    """Those of a database without tables."""
    create_folder(tmp_path / "migrations")
    return Migrations(await make_database(no_models(), create=False), tmp_path / "migrations")


@pytest.fixture
async def migrations(empty: Migrations) -> Migrations:
    """Those of a database whose tables somebody has made by hand."""
    await run(empty.database, TEAMS, USERS, *AROUND, *ROWS)
    return empty


async def run(db: Database, *statements: str) -> list[tuple[object, ...]]:
    """Run statements; the rows of the last."""
    rows: list[tuple[object, ...]] = []
    async with db.engine.begin() as connection:
        for statement in statements:
            result = await connection.execute(text(statement.replace(":", "\\:")))
            rows = [tuple(row) for row in result] if result.returns_rows else []
    return rows


async def changed(migrations: Migrations, lines: str) -> None:
    """Apply a revision with changes of the users."""
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    await write(migrations, f'with op.batch_alter_table("users") as batch_op:\n{body}')
    await migrations.upgrade()


async def test_what_is_not_changed_stays_letter_for_letter(migrations: Migrations) -> None:
    """Triggers, views, indexes, conflict clauses, generated columns, STRICT: all but the one changed clause."""
    db = migrations.database
    before = {(kind, name): str(sql) for kind, name, sql in await run(db, MASTER)}
    rows = await run(db, "SELECT * FROM users")

    await changed(migrations, 'batch_op.alter_column("name", nullable=False, server_default="nobody")')

    after = {(kind, name): str(sql) for kind, name, sql in await run(db, MASTER)}
    wanted = before[("table", "users")].replace(
        "DEFAULT 'it''s, (x' CHECK (name <> ')')", "CHECK (name <> ')') DEFAULT 'nobody' NOT NULL"
    )
    assert after.pop(("table", "users")).split() == wanted.split()
    assert {key: sql for key, sql in after.items() if key in before} == {
        key: sql for key, sql in before.items() if key != ("table", "users")
    }
    assert await run(db, "SELECT * FROM users") == rows


async def test_numbers_are_not_given_twice(migrations: Migrations) -> None:
    """AUTOINCREMENT goes on behind the highest number there ever was."""
    await changed(migrations, 'batch_op.alter_column("age", nullable=True)')

    await run(migrations.database, "INSERT INTO users (email) VALUES ('d@x')")

    assert await run(migrations.database, "SELECT max(id) FROM users") == [(100,)]


async def test_what_hangs_on_the_table_works_afterwards(migrations: Migrations) -> None:
    """The trigger fires, the view reads, the unique index refuses, the reference cascades."""
    db = migrations.database
    await changed(
        migrations,
        'batch_op.alter_column("age", nullable=True, type_=sa.BIGINT().with_variant(sa.INTEGER(), "sqlite"))',
    )

    await run(db, "INSERT INTO users (email, age) VALUES ('e@x', 30)")
    with pytest.raises(Exception, match="UNIQUE"):
        await run(db, "INSERT INTO users (email) VALUES ('E@X')")
    await run(db, "DELETE FROM users WHERE id = 2")

    assert await run(db, "SELECT entry FROM log WHERE entry = 'e@x'") == [("e@x",)]
    assert await run(db, "SELECT count(*) FROM adults") == [(2,)]
    assert await run(db, "SELECT count(*) FROM posts") == [(0,)]


async def test_a_renamed_column_is_renamed_wherever_it_stands(migrations: Migrations) -> None:
    """In triggers, views, indexes, checks and generated columns; another change in the same batch keeps it."""
    db = migrations.database

    await changed(
        migrations,
        'batch_op.alter_column("email", new_column_name="address", nullable=True)\n'
        'batch_op.create_index("by_address", ["address"])',
    )

    await run(db, "INSERT INTO users (address) VALUES ('f@x')")
    assert await run(db, "SELECT entry FROM log WHERE entry = 'f@x'") == [("f@x",)]
    assert 'lower("address")' in str(await run(db, "SELECT sql FROM sqlite_master WHERE name = 'lower_email'"))
    assert await run(db, "SELECT count(*) FROM sqlite_master WHERE name = 'by_address'") == [(1,)]


async def test_a_view_that_would_break_stops_the_change(migrations: Migrations) -> None:
    """Nothing is changed, and the error names the view."""
    before = await run(migrations.database, MASTER)

    with pytest.raises(MigrationError, match=r"view 'adults' would not work any more: no such column: name"):
        await changed(migrations, 'batch_op.drop_column("name")')

    after = await run(migrations.database, MASTER)
    assert [entry for entry in after if entry[1] != "alembic_version"] == before


@pytest.mark.parametrize(
    ("line", "error", "match"),
    [
        (
            'batch_op.alter_column("team_id", nullable=False)',
            UnfitValuesError,
            r"2 rows have no value in users\.team_id",
        ),
        ('batch_op.add_column(sa.Column("code", sa.TEXT(), nullable=False))', NotNullViolationError, "users"),
        ('batch_op.create_unique_constraint("one", ["twice"])', UniqueViolationError, "twice"),
        ('batch_op.drop_constraint("nowhere")', MigrationError, "has no constraint 'nowhere'"),
        ('batch_op.drop_column("nowhere")', MigrationError, "has no column 'nowhere'"),
    ],
)
async def test_what_cannot_be_is_told_of_the_table_itself(
    migrations: Migrations, line: str, error: type[Exception], match: str
) -> None:
    """Rows that stand against a change are counted; an error names the table, and not a temporary one."""
    await run(migrations.database, "INSERT INTO users (email, age) VALUES ('g@x', 20)")
    rows = await run(migrations.database, "SELECT * FROM users")

    with pytest.raises(error, match=match):
        await changed(migrations, line)

    assert await run(migrations.database, "SELECT * FROM users") == rows


async def test_rules_come_and_go_by_their_names(migrations: Migrations) -> None:
    """A rule without a name has the one that the naming convention gives it."""
    await changed(
        migrations,
        'batch_op.drop_constraint("uq_users_email_team_id", type_="unique")\n'
        'batch_op.drop_constraint("fk_users_team_id_teams", type_="foreignkey")\n'
        'batch_op.drop_constraint("age max", type_="check")\n'
        'batch_op.create_check_constraint("polite", "name <> \'x:y\'")\n'
        'batch_op.create_unique_constraint("uq_users_name", ["name"])',
    )

    [(sql,)] = await run(migrations.database, "SELECT sql FROM sqlite_master WHERE name = 'users'")
    assert isinstance(sql, str)
    assert "UNIQUE (email" not in sql
    assert "teams" not in sql
    assert "200" not in sql
    assert "CONSTRAINT polite CHECK (name <> 'x:y')" in sql
    assert "CONSTRAINT uq_users_name UNIQUE (name)" in sql


async def test_changes_outside_of_a_batch_are_as_good(migrations: Migrations) -> None:
    """What was written for a server without `batch_alter_table` works."""
    await write(
        migrations,
        """
        op.add_column("users", sa.Column("nick", sa.TEXT()))
        op.create_check_constraint("nice", "users", "nick <> ''")
        op.alter_column("users", "nick", server_default="x")
        op.drop_constraint("age max", "users", type_="check")
        op.drop_column("users", "twice")
        """,
    )

    await migrations.upgrade()

    await run(migrations.database, "INSERT INTO users (email, age) VALUES ('h@x', 300)")
    assert await run(migrations.database, "SELECT nick FROM users WHERE age = 300") == [("x",)]
    assert await run(migrations.database, "SELECT count(*) FROM log WHERE entry = 'h@x'") == [(1,)]


async def test_rows_without_a_key_keep_their_numbers(empty: Migrations) -> None:
    """The hidden rowid, by which full-text indexes refer to a table."""
    db = empty.database
    await run(db, "CREATE TABLE notes (body TEXT)", "INSERT INTO notes (rowid, body) VALUES (7, 'x'), (9, 'y')")
    await write(empty, 'op.alter_column("notes", "body", nullable=False)')

    await empty.upgrade()

    assert await run(db, "SELECT rowid, body FROM notes") == [(7, "x"), (9, "y")]


KEPT = [
    ("VARCHAR(40)", "sa.DateTime()", "2026-01-02 03:04:05", "2026-01-02 03:04:05"),
    ("VARCHAR(40)", "sa.Date()", "2026-01-02", "2026-01-02"),
    ("VARCHAR(40)", "sa.Time()", "03:04:05", "03:04:05"),
    ("DATE", "sa.DateTime()", "2026-01-02", "2026-01-02 00:00:00.000000"),
    ("DATETIME", "sa.Date()", "2026-01-02 00:00:00.000000", "2026-01-02"),
    ("VARCHAR(40)", "sa.Integer()", "12", 12),
    ("FLOAT", "sa.Integer()", 2.0, 2),
    ("VARCHAR(40)", "sa.Numeric(10, 2)", "12.50", 12.5),
    ("INTEGER", "sa.Boolean()", 1, 1),
    ("TEXT", "sa.JSON()", '{"x": 1}', '{"x": 1}'),
    ("JSON", "sa.Text()", '{"x": 1}', '{"x": 1}'),
    ("VARCHAR(40)", "sa.Uuid()", "6A2F41A3-C54C-fce8-32d2-0324e1c32e22", "6a2f41a3c54cfce832d20324e1c32e22"),
    ("VARCHAR(40)", "sa.LargeBinary()", "abc", b"abc"),
    ("BLOB", "sa.Text()", b"abc", "abc"),
    ("INTEGER", "sa.String(10)", 7, "7"),
    ("VARCHAR(40)", "sa.String(3)", "abc", "abc"),
    ("VARCHAR(40)", 'sa.Enum("abc", "d", name="e", native_enum=False)', "abc", "abc"),
]
REFUSED = [
    ("VARCHAR(40)", "sa.DateTime()", "tomorrow"),
    ("VARCHAR(40)", "sa.DateTime()", "03:04:05"),
    ("VARCHAR(40)", "sa.Date()", "2026-01-02 03:04:05"),
    ("DATETIME", "sa.Date()", "2026-01-02 03:04:05"),
    ("DATETIME", "sa.Date()", "2026-01-02 00:00:00.000001"),
    ("VARCHAR(40)", "sa.Integer()", "abc"),
    ("VARCHAR(40)", "sa.Integer()", "1.5"),
    ("VARCHAR(40)", "sa.Numeric(10, 2)", "12,50"),
    ("FLOAT", "sa.Integer()", 1.7),
    ("INTEGER", "sa.Boolean()", 5),
    ("TEXT", "sa.JSON()", "{"),
    ("VARCHAR(40)", "sa.Uuid()", "abc"),
    ("DATETIME", "sa.Integer()", "1970-01-01 00:00:05"),
    ("VARCHAR(40)", "sa.String(2)", "abc"),
    ("VARCHAR(40)", 'sa.Enum("a", "d", name="e", native_enum=False)', "abc"),
]


async def retyped(migrations: Migrations, before: str, after: str, value: object) -> None:
    """Give a column with a value another type."""
    async with migrations.database.engine.begin() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE things (id INTEGER PRIMARY KEY, a {before})")
        await connection.exec_driver_sql("INSERT INTO things (a) VALUES (?), (NULL)", (value,))
    await write(migrations, f'op.alter_column("things", "a", type_={after})')
    await migrations.upgrade()


@pytest.mark.parametrize(("before", "after", "value", "wanted"), KEPT)
async def test_values_are_read_as_the_new_type(
    empty: Migrations, before: str, after: str, value: object, wanted: object
) -> None:
    """None is cast to something that SQLite makes of the first digits."""
    await retyped(empty, before, after, value)

    assert await run(empty.database, "SELECT a FROM things") == [(wanted,), (None,)]


@pytest.mark.parametrize(("before", "after", "value"), REFUSED)
async def test_values_that_do_not_fit_are_counted_and_kept(
    empty: Migrations, before: str, after: str, value: object
) -> None:
    """The error has a query that finds them, and nothing has changed."""
    with pytest.raises(UnfitValuesError, match="1 row has a value that is no ") as caught:
        await retyped(empty, before, after, value)

    assert await run(empty.database, caught.value.query) == [(1, value)]
    assert await run(empty.database, "SELECT a FROM things") == [(value,), (None,)]
