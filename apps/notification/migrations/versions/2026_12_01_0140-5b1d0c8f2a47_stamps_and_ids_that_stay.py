"""stamps, and ids that are never given out again

Revision ID: 5b1d0c8f2a47
Revises: 317a8cd016b5
Create Date: 2026-12-01 01:40:00.000000+00:00
"""

import re
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import activerow.types

revision: str = "5b1d0c8f2a47"
down_revision: str | Sequence[str] | None = "317a8cd016b5"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Those with numbers for ids; SQLite alone gives the number of a deleted row to the next one.
_TABLES = ("users", "admins", "identities", "refresh_tokens", "api_keys", "api_key_whitelists", "notifications")


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stamp", sa.String(length=16), server_default="", nullable=False))
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("authenticated_at", activerow.types.UTCDateTime(), nullable=True))
    _make_anew(autoincrement=True)


def downgrade() -> None:
    """Go back to the revision before."""
    _make_anew(autoincrement=False)
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.drop_column("authenticated_at")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("stamp")


def _make_anew(*, autoincrement: bool) -> None:
    """On SQLite, write the primary keys as they are written with AUTOINCREMENT, or as they were."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    # Tables that refer to one that takes another name shall go on referring to its successor.
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    for table in _TABLES:
        query = "SELECT type, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
        made = connection.exec_driver_sql(query, (table,)).all()
        (create,) = (sql for kind, sql in made if kind == "table")
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_before")
        connection.exec_driver_sql(_with_key(create, table, autoincrement=autoincrement))
        connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608  # names of ours
        connection.exec_driver_sql(f"DROP TABLE {table}_before")
        for kind, sql in made:
            if kind == "index":
                connection.exec_driver_sql(sql)
    connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")


def _with_key(create: str, table: str, *, autoincrement: bool) -> str:
    number, key = "id INTEGER NOT NULL", f"CONSTRAINT pk_{table} PRIMARY KEY (id)"
    counted = f"{number} PRIMARY KEY AUTOINCREMENT"
    if autoincrement:
        without_key = re.sub(rf",\s*{re.escape(key)}", "", create, count=1)
        return without_key.replace(number, counted, 1)
    plain = create.replace(counted, number, 1).rstrip()
    return f"{plain.removesuffix(')').rstrip()}, {key})"
