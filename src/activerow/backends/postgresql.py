"""PostgreSQL, through asyncpg and psycopg."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    URL,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Executable,
    Numeric,
    Sequence,
    Table,
    Text,
    column,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

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


# --- rows -----------------------------------------------------------------------------------------------------------


def _given_rows(dialect: Dialect, columns: list[Column[Any]], binds: list[BindParameter[Any]], mark: str) -> Any:
    names = [bind.key for bind in binds]
    row = ", ".join(_typed(dialect, one.type, name) for one, name in zip(columns, names, strict=True))
    rows = text(f"SELECT * FROM (VALUES {mark}({row}){mark}) AS rows ({', '.join(names)})")  # noqa: S608  (no values)
    return rows.bindparams(*binds).columns(*map(column, names))


def _typed(dialect: Dialect, kind: TypeEngine[Any], name: str) -> str:
    """A parameter in a VALUES of its own, where nothing else tells what it is."""
    internals: Any = kind
    if internals._unwrapped_dialect_impl(dialect).render_bind_cast:
        return f":{name}"  # SQLAlchemy writes the type
    sql: str = dialect.type_compiler_instance.process(kind)
    sql = sql.replace("%%", "%") if dialect.paramstyle == "pyformat" else sql
    return f"CAST(:{name} AS {sql.replace(':', chr(92) + ':')})"


# --- keys -----------------------------------------------------------------------------------------------------------


def _next_key(numbered: Column[Any], table: str, _given: int) -> ColumnElement[Any]:
    return func.nextval(func.pg_get_serial_sequence(table, numbered.name))


# `nextval` never goes back, whoever else asks meanwhile. `setval` could: it is used for a leap that nobody else makes
# in the same instant. A user who may not set a sequence leaves it where it is before such a leap.
_MOVE: Final = """
SELECT CASE
    WHEN behind <= 0 THEN NULL
    WHEN behind <= 10000 THEN (
        SELECT max(made) FROM (SELECT nextval(found) AS made FROM generate_series(1, behind)) AS numbers
    )
    WHEN has_sequence_privilege(found, 'UPDATE') THEN setval(found, highest)
END
FROM (
    SELECT found, highest, CAST(ceil(CAST(highest - last AS numeric) / seqincrement) AS bigint) AS behind
    FROM (
        SELECT CAST(seqrelid AS regclass) AS found, least(CAST(:highest AS bigint), seqmax) AS highest, seqincrement,
            coalesce(pg_sequence_last_value(seqrelid), seqstart - seqincrement) AS last
        FROM pg_sequence
        WHERE seqrelid = CAST(coalesce(CAST(:sequence AS text), pg_get_serial_sequence(:table, :column)) AS regclass)
            AND seqincrement > 0 AND has_sequence_privilege(seqrelid, 'USAGE')
    ) AS told
) AS asked
"""


def _move_sequence(numbered: Column[Any], table: str, sequence: Sequence | None, highest: int) -> Executable:
    name = None
    if sequence is not None:
        name = ".".join(_quoted(part) for part in (sequence.schema, sequence.name) if part)
    return text(_MOVE).bindparams(sequence=name, table=table, column=numbered.name, highest=highest)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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
    given_rows=_given_rows,
    next_key=_next_key,
    move_sequence=_move_sequence,
    insert=postgresql.insert,
    reads_own_table=True,
    copies=True,
    most_parameters={"asyncpg": 32_767, "psycopg": 65_535},
    empty=_empty,
    check_deferred=_check_deferred,
)
