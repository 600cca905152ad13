"""PostgreSQL, through asyncpg and psycopg."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ARRAY, URL, Connection, DateTime, Dialect, Numeric, Table, Text, text
from sqlalchemy.dialects import postgresql

from activerow.backends.backend import Backend, Begin, Prepared
from activerow.backends.patterns import ESCAPE, like_pattern
from activerow.backends.postgresql_errors import FAILURES, report
from activerow.backends.words import JsonWords, TextWords, TimeWords


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


_ILIKE: Final = f"({{0}} ILIKE {{1}} ESCAPE '{ESCAPE}')"
# Not ILIKE: an index on lower(column) is what such a column has.
_LOWER: Final = "(lower({0}) = lower({1}))"

_TEXT: Final = TextWords(
    ilike=_ILIKE,
    iexact=_LOWER,
    unicode_ilike=_ILIKE,
    unicode_iexact=_LOWER,
    regex="({0} ~ {1})",
    code_points='({0} COLLATE "C")',
    pattern=_pattern,
)

_TIME: Final = TimeWords(
    # CURRENT_TIMESTAMP stands still for a whole transaction, and clock_timestamp() as the default of a new column makes
    # the server rewrite the table.
    clock="statement_timestamp()",
    stored=DateTime(timezone=True),
    # EXTRACT from a timestamptz counts in the time zone of the session, which is not ours to know.
    utc="({0} AT TIME ZONE 'UTC')",
)


def _numeral(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


_HERE: Final = "(CAST({0} AS JSONB) #> CAST({1} AS TEXT[]))"
_NUMBER: Final = f"(CASE WHEN jsonb_typeof({_HERE}) = 'number' THEN CAST({_HERE} AS NUMERIC) END)"
_MEMBER: Final = f"(CASE WHEN jsonb_typeof({_HERE}) = 'array' THEN {_HERE} @> CAST({{2}} AS JSONB) END)"

_JSON: Final = JsonWords(
    kind=f"NULLIF(jsonb_typeof({_HERE}), 'null')",
    is_list=f"(jsonb_typeof({_HERE}) = 'array')",
    present=f"({_HERE} IS NOT NULL)",
    text=f"(CASE WHEN jsonb_typeof({_HERE}) = 'string' THEN {_HERE} #>> '{{}}' END)",
    number=_NUMBER,
    double=_NUMBER,
    boolean=f"(CASE WHEN jsonb_typeof({_HERE}) = 'boolean' THEN CAST({_HERE} AS BOOLEAN) END)",
    member=_MEMBER,
    text_member=_MEMBER,
    number_member=_MEMBER,
    path_type=ARRAY(Text()),
    path=list,
    numeral_type=Numeric(),
    numeral=_numeral,
)


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
    text=_TEXT,
    time=_TIME,
    json=_JSON,
    nulls_largest=True,
    nulls_first=True,
    row_values=True,
    enums="typed",
    explain=_explain,
    insert=postgresql.insert,
    copies=True,
    most_parameters={"asyncpg": 32_767, "psycopg": 65_535},
    empty=_empty,
    check_deferred=_check_deferred,
)
