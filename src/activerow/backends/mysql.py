"""MySQL and MariaDB, through asyncmy and aiomysql.

Which of the two a server is, SQLAlchemy's dialect knows once it is connected (`is_mariadb`).
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    URL,
    BindParameter,
    Column,
    Connection,
    Dialect,
    Executable,
    Sequence,
    String,
    Table,
    column,
    false,
    select,
    text,
)
from sqlalchemy.dialects import mysql

from activerow.backends.backend import Backend, Begin, Prepared, delete_all
from activerow.backends.moments import MYSQL_MOMENTS
from activerow.backends.mysql_errors import FAILURES, report


def _prepare(url: URL, _driver: str, statement_timeout: float | None, _pgbouncer: bool) -> Prepared:
    # In UTC, CURRENT_TIMESTAMP means the same whatever the server's zone. Each comment is read by one kind of server.
    command = "SET time_zone = '+00:00'"
    if statement_timeout is not None:
        milliseconds = int(statement_timeout * 1000)
        command += (
            f" /*M!, max_statement_time = {statement_timeout:g} */ /*!50708 , max_execution_time = {milliseconds} */"
        )
    url = url if "charset" in url.query else url.update_query_dict({"charset": "utf8mb4"})
    return url, {"init_command": command}


# --- words ----------------------------------------------------------------------------------------------------------

_THERE: Final = "JSON_EXTRACT({0}, {1})"
_NUMBER: Final = (
    f"(CASE WHEN JSON_TYPE({_THERE}) IN ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')"
    f" THEN CAST(JSON_UNQUOTE({_THERE}) AS "
)

_SQL: Final = {
    "Like": "({0} LIKE ({1} COLLATE utf8mb4_bin) ESCAPE '/')",
    "ILike": "(lower({0}) LIKE (lower({1}) COLLATE utf8mb4_bin) ESCAPE '/')",
    "Regex": "({0} REGEXP ({1} COLLATE utf8mb4_bin))",
    "Exact": "({0} + 0e0)",
    "utcnow": "(UTC_TIMESTAMP(6))",
    "JsonKind": f"NULLIF(JSON_TYPE({_THERE}), 'NULL')",
    "JsonIsList": f"(JSON_TYPE({_THERE}) = 'ARRAY')",
    "JsonPresent": f"({_THERE} IS NOT NULL)",
    "JsonText": f"(CASE WHEN JSON_TYPE({_THERE}) = 'STRING' THEN JSON_UNQUOTE({_THERE}) END COLLATE utf8mb4_bin)",
    "JsonNumber": f"{_NUMBER}DECIMAL(65, 20)) END)",
    "JsonFloat": f"{_NUMBER}DOUBLE) END)",
    "JsonBoolean": f"(CASE WHEN JSON_TYPE({_THERE}) = 'BOOLEAN' THEN JSON_UNQUOTE({_THERE}) = 'true' END)",
    "JsonMember": f"(CASE WHEN JSON_TYPE({_THERE}) = 'ARRAY' THEN JSON_CONTAINS({_THERE}, {{2}}) END)",
}


def _explain(dialect: Dialect, analyze: bool) -> str:
    if getattr(dialect, "is_mariadb", False):
        return "ANALYZE FORMAT=JSON" if analyze else "EXPLAIN FORMAT=JSON"
    return "EXPLAIN ANALYZE" if analyze else "EXPLAIN FORMAT=TREE"


# --- rows -----------------------------------------------------------------------------------------------------------


def _given_rows(dialect: Dialect, columns: list[Column[Any]], binds: list[BindParameter[Any]], mark: str) -> Any:
    # In a UNION with the table's own columns, of no row, the values get the types and collations of these columns.
    names = [bind.key for bind in binds]
    word = "" if getattr(dialect, "is_mariadb", False) else "ROW"
    row = f"{word}({', '.join(f':{name}' for name in names)})"
    rows = text(f"VALUES {mark}{row}{mark}").bindparams(*binds).columns(*map(column, names))
    none = select(*[one.label(name) for one, name in zip(columns, names, strict=True)]).where(false())
    return none.union_all(rows)


# --- keys -----------------------------------------------------------------------------------------------------------


def _move_sequence(_column: Column[Any], _table: str, sequence: Sequence | None, highest: int) -> Executable | None:
    if sequence is None:
        return None  # AUTO_INCREMENT moves by itself
    name = ".".join(f"`{part.replace('`', '``')}`" for part in (sequence.schema, sequence.name) if part)
    return text(f"SELECT SETVAL({name.replace(':', chr(92) + ':')}, :highest)").bindparams(highest=highest)


# --- tests ----------------------------------------------------------------------------------------------------------


def _empty(connection: Connection, tables: Iterable[Table]) -> None:
    connection.execute(text("SET foreign_key_checks = 0"))
    try:
        delete_all(connection, tables)
    finally:
        connection.execute(text("SET foreign_key_checks = 1"))


MYSQL: Final = Backend(
    name="mysql",
    title="MySQL",
    dialects=("mysql", "mariadb"),
    drivers=("asyncmy", "aiomysql"),
    prepare=_prepare,
    modules=("asyncmy", "pymysql", "aiomysql"),
    report=report,
    failures=FAILURES,
    read_only=Begin(statement="SET TRANSACTION READ ONLY"),
    one_state=Begin(statement="SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
    hides_newest=True,
    busy_cursor=True,
    sql=_SQL,
    moment=mysql.DATETIME(fsp=6),
    types=MYSQL_MOMENTS,
    enums="numbered",
    explain=_explain,
    string=String(255),
    infinity=False,
    nan=False,
    given_rows=_given_rows,
    key_step="SELECT @@auto_increment_increment",
    move_sequence=_move_sequence,
    insert=mysql.insert,
    upserts_by_every_key=True,
    largest_packet="SELECT @@max_allowed_packet",
    empty=_empty,
)
