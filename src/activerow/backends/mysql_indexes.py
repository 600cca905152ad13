"""Indexes over a part of the rows on MySQL and MariaDB, which have no `CREATE INDEX ... WHERE`.

The index gets a generated, invisible column beside it, 1 for the rows that count and NULL for all others, which are
never equal to one another. `mysql_where=` of any `Index` asks for that.
"""

from typing import Any, Final, cast

from sqlalchemy import Index
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, DropIndex
from sqlalchemy.sql.compiler import DDLCompiler

from activerow.backends.mysql import MYSQL

_SUFFIX: Final = "_where"
_LONGEST_NAME: Final = 64

Index.argument_for(MYSQL.name, "where", None)


def marker(index: Index) -> str:
    """The name of the column beside the index."""
    return f"{str(index.name)[: _LONGEST_NAME - len(_SUFFIX)]}{_SUFFIX}"


def has_marker(index: object) -> bool:
    """Whether there is one, on these servers."""
    return isinstance(index, Index) and index.dialect_kwargs.get("mysql_where") is not None


@compiles(CreateIndex, *MYSQL.dialects)
def _create(create: CreateIndex, compiler: DDLCompiler, **options: Any) -> str:
    index = create.element
    where = index.dialect_kwargs.get("mysql_where")
    if where is None or index.table is None:
        return cast("str", cast("Any", compiler).visit_create_index(create, **options))
    quote = compiler.preparer.quote
    condition = compiler.sql_compiler.process(where, include_table=False, literal_binds=True)
    beside = quote(marker(index))
    columns = ", ".join([*[quote(column.name) for column in index.columns], beside])
    return (
        f"ALTER TABLE {compiler.preparer.format_table(index.table)}"
        f" ADD COLUMN {beside} TINYINT GENERATED ALWAYS AS (CASE WHEN {condition} THEN 1 END) VIRTUAL INVISIBLE,"
        f" ADD {'UNIQUE ' if index.unique else ''}INDEX {compiler.preparer.format_index(index)} ({columns})"
    )


@compiles(DropIndex, *MYSQL.dialects)
def _drop(drop: DropIndex, compiler: DDLCompiler, **options: Any) -> str:
    index = drop.element
    if not has_marker(index) or index.table is None:
        return cast("str", cast("Any", compiler).visit_drop_index(drop, **options))
    quote = compiler.preparer.quote
    return (
        f"ALTER TABLE {compiler.preparer.format_table(index.table)}"
        f" DROP INDEX {compiler.preparer.format_index(index)}, DROP COLUMN {quote(marker(index))}"
    )
