"""PostgreSQL, through asyncpg and psycopg."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ARRAY, URL, Connection, DateTime, Dialect, Numeric, Table, Text, text
from sqlalchemy.dialects import postgresql

from activerow.backends.backend import Backend, Begin, Prepared
from activerow.backends.postgresql_errors import FAILURES, report
from activerow.backends.values import like_pattern


def _prepare(url: URL, driver: str, statement_timeout: float | None, pgbouncer: bool) -> Prepared:
    arguments: dict[str, Any] = {}
    milliseconds = None if statement_timeout is None else str(int(statement_timeout * 1000))
    if driver == "asyncpg":
        if milliseconds:
            arguments["server_settings"] = {"statement_timeout": milliseconds}
        if pgbouncer:
            # Prepared statements live on a server connection, which pgbouncer hands to the next client.
            arguments["statement_cache_size"] = 0
            url = url.update_query_dict({"prepared_statement_cache_size": "0"})
    else:
        if milliseconds:
            arguments["options"] = f"-c statement_timeout={milliseconds}"
        if pgbouncer:
            arguments["prepare_threshold"] = None
    return url, arguments


# --- words ----------------------------------------------------------------------------------------------------------


def _pattern(shape: str, case: str, value: str) -> str:
    return value if shape == "exact" else like_pattern(shape, case, value)


def _json_number(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


_HERE: Final = "(CAST({0} AS JSONB) #> CAST({1} AS TEXT[]))"
_LOWER: Final = "(lower({0}) = lower({1}))"

_SQL: Final = {
    "ILike": "({0} ILIKE {1} ESCAPE '/')",
    # Not ILIKE: an index on lower(column) is what such a column has.
    "IExact": _LOWER,
    "UnicodeIExact": _LOWER,
    "Regex": "({0} ~ {1})",
    "CodePoints": '({0} COLLATE "C")',
    # EXTRACT from a timestamptz counts in the time zone of the session, which is not ours to know.
    "Utc": "({0} AT TIME ZONE 'UTC')",
    # CURRENT_TIMESTAMP stands still for a whole transaction, and clock_timestamp() as the default of a new column makes
    # the server rewrite the table.
    "utcnow": "statement_timestamp()",
    "JsonKind": f"NULLIF(jsonb_typeof({_HERE}), 'null')",
    "JsonIsList": f"(jsonb_typeof({_HERE}) = 'array')",
    "JsonPresent": f"({_HERE} IS NOT NULL)",
    "JsonText": f"(CASE WHEN jsonb_typeof({_HERE}) = 'string' THEN {_HERE} #>> '{{}}' END)",
    "JsonNumber": f"(CASE WHEN jsonb_typeof({_HERE}) = 'number' THEN CAST({_HERE} AS NUMERIC) END)",
    "JsonBoolean": f"(CASE WHEN jsonb_typeof({_HERE}) = 'boolean' THEN CAST({_HERE} AS BOOLEAN) END)",
    "JsonMember": f"(CASE WHEN jsonb_typeof({_HERE}) = 'array' THEN {_HERE} @> CAST({{2}} AS JSONB) END)",
}


def _explain(_dialect: Dialect, analyze: bool) -> str:
    return "EXPLAIN (ANALYZE, BUFFERS)" if analyze else "EXPLAIN"


# --- tests ----------------------------------------------------------------------------------------------------------


def _empty(connection: Connection, tables: Iterable[Table]) -> None:
    quoted = map(connection.dialect.identifier_preparer.format_table, tables)
    connection.execute(text(f"TRUNCATE {', '.join(quoted)} RESTART IDENTITY CASCADE"))


def _check_deferred(send: Callable[[str], list[Any]]) -> None:
    send("SAVEPOINT activerow_check")
    send("SET CONSTRAINTS ALL IMMEDIATE")
    send("ROLLBACK TO SAVEPOINT activerow_check")  # they are deferred again
    send("RELEASE SAVEPOINT activerow_check")


POSTGRESQL: Final = Backend(
    name="postgresql",
    title="PostgreSQL",
    dialects=("postgresql",),
    aliases=("postgres",),
    drivers=("asyncpg", "psycopg"),
    prepare=_prepare,
    modules=("asyncpg", "psycopg"),
    report=report,
    failures=FAILURES,
    read_only=Begin(options={"postgresql_readonly": True}),
    one_state=Begin(options={"isolation_level": "REPEATABLE READ"}),
    sql=_SQL,
    pattern=_pattern,
    moment=DateTime(timezone=True),
    json_path_type=ARRAY(Text()),
    json_path=list,
    json_number_type=Numeric(),
    json_number=_json_number,
    numbers_by_cursor=True,
    nulls_largest=True,
    nulls_first=True,
    row_values=True,
    enums="typed",
    explain=_explain,
    insert=postgresql.insert,
    reads_own_table=True,
    copies=True,
    most_parameters={"asyncpg": 32_767, "psycopg": 65_535},
    empty=_empty,
    check_deferred=_check_deferred,
)
