"""Dropping foreign keys on MariaDB, which made an index for each that had none, and leaves it behind."""

from typing import Any, Final

from alembic.ddl.mysql import MariaDBImpl, MySQLImpl
from sqlalchemy import Connection, ForeignKeyConstraint, text

_OTHERS: Final = text("""
    SELECT 1 FROM information_schema.key_column_usage own
    JOIN information_schema.key_column_usage other USING (table_schema, table_name, column_name)
    WHERE own.table_schema = COALESCE(:schema, DATABASE()) AND own.table_name = :table
    AND own.constraint_name = :key AND own.ordinal_position = 1
    AND other.ordinal_position = 1 AND other.referenced_table_name IS NOT NULL
    AND other.constraint_name <> own.constraint_name""")


class _WithIndexes(MySQLImpl):
    """The index that has the key's name goes with it, unless another key needs it."""

    def drop_constraint(self, const: Any, **options: Any) -> None:
        """Drop a constraint, in one statement with the index."""
        dialect: Any = self.dialect
        if isinstance(const, ForeignKeyConstraint) and const.name and dialect.is_mariadb and not self._is_shared(const):
            preparer = dialect.identifier_preparer
            table, name = preparer.format_table(const.table), preparer.format_constraint(const)
            internals: Any = self
            internals._exec(text(f"ALTER TABLE {table} DROP FOREIGN KEY {name}, DROP INDEX IF EXISTS {name}"))
        else:
            parent: Any = super()
            parent.drop_constraint(const, **options)

    def _is_shared(self, key: ForeignKeyConstraint) -> bool:
        if self.connection is None:
            return True
        connection: Connection = self.connection
        names = {"schema": key.table.schema, "table": key.table.name, "key": str(key.name)}
        return connection.execute(_OTHERS, names).first() is not None


class MySQLKeysImpl(_WithIndexes):
    """Alembic's implementation for MySQL, by its name: a URL may call MariaDB so."""

    __dialect__ = "mysql"


class MariaDBKeysImpl(_WithIndexes, MariaDBImpl):
    """Alembic's implementation for MariaDB, by its name."""

    __dialect__ = "mariadb"
