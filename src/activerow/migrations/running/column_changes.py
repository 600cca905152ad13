"""What Alembic's changes of tables of PostgreSQL leave out."""

from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import Column
from sqlalchemy.types import NullType


class ConvertingImpl(PostgresqlImpl):
    """Alembic's implementation for PostgreSQL, by its name."""

    __dialect__ = "postgresql"

    def add_constraint(self, const: Any, **options: Any) -> None:
        """Add a constraint; the columns that it includes are not among those of the operation's table."""
        for name in const.dialect_kwargs.get("postgresql_include") or ():
            if name not in const.table.c:
                const.table.append_column(Column(name, NullType))
        parent: Any = super()
        parent.add_constraint(const, **options)

    def alter_column(self, table_name: str, column_name: str, **options: Any) -> None:
        """Change a column; with `postgresql_using` its default is dropped before, and the one to be is set after."""
        default = options.get("server_default", False)
        existing = options.get("existing_server_default")
        is_converted = options.get("postgresql_using") is not None and options.get("type_") is not None
        parent: Any = super()
        if is_converted and (default is not False or (existing is not None and existing is not False)):
            parent.alter_column(table_name, column_name, server_default=None, schema=options.get("schema"))
            options["server_default"] = default if default is not False else existing
            options["existing_server_default"] = None
        parent.alter_column(table_name, column_name, **options)
