"""Changing the type of a column on PostgreSQL, whose default must be out of the way meanwhile."""

from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl


class ConvertingImpl(PostgresqlImpl):
    """Alembic's implementation for PostgreSQL, by its name; a default that is there is set anew after a conversion."""

    __dialect__ = "postgresql"

    def alter_column(self, table_name: str, column_name: str, **options: Any) -> None:
        """Change a column; with `postgresql_using` its default is dropped before, and the one to be is set after."""
        default = options.get("server_default", False)
        existing = options.get("existing_server_default")
        is_converted = options.get("postgresql_using") is not None and options.get("type_") is not None
        parent: Any = super()
        if is_converted and (default is not False or existing not in (None, False)):
            parent.alter_column(table_name, column_name, server_default=None, schema=options.get("schema"))
            options["server_default"] = default if default is not False else existing
            options["existing_server_default"] = None
        parent.alter_column(table_name, column_name, **options)
