"""`Backend`: everything in which one kind of server differs from another."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

from sqlalchemy import (
    URL,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Executable,
    Select,
    Sequence,
    String,
    Table,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import NullType, TypeEngine

from activerow.backends.report import Report
from activerow.backends.values import json_path, like_pattern
from activerow.errors import DatabaseError

Prepared = tuple[URL, dict[str, Any]]

_FEWEST_PARAMETERS: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """How a transaction of some kind begins: execution options of its connection, and a statement that comes first."""

    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    statement: str | None = None

    def with_isolation(self, level: str) -> Self:
        """The same, isolated like that."""
        return replace(self, options={**self.options, "isolation_level": level})

    async def on(self, session: AsyncSession) -> None:
        """Begin the transaction of `session`."""
        connection = await session.connection(execution_options=self.options)
        if self.statement is not None:
            await connection.exec_driver_sql(self.statement)


def _as_given(url: URL, _driver: str, _statement_timeout: float | None, _pgbouncer: bool) -> Prepared:
    return url, {}


def _same(value: Any) -> Any:
    return value


def _unread(error: BaseException) -> Report:
    return Report(sqlstate=getattr(error, "sqlstate", None))


def _explain(_dialect: Dialect, analyze: bool) -> str:
    return "EXPLAIN ANALYZE" if analyze else "EXPLAIN"


def delete_all(connection: Connection, tables: Iterable[Table]) -> None:
    """Delete the rows of all tables, one table after the other."""
    for table in tables:
        connection.execute(table.delete())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backend:
    """One kind of server. The defaults are what any server with SQL may be trusted with.

    Who asks has a dialect (`backend_of`) or a URL (`backend_at`), and names no server. What SQLAlchemy's dialect knows
    by itself (RETURNING, sequences, the names of types) is asked there.
    """

    # -- how it is reached ---------------------------------------------------------------------------------------

    name: str
    """The one word for it: `sqlite`, `postgresql`, `mysql`. The extra that installs its drivers is called so too."""

    title: str
    """Its name in messages."""

    dialects: tuple[str, ...] = ()
    """SQLAlchemy's dialects that speak with it; in URLs they stand first."""

    aliases: tuple[str, ...] = ()
    """Other words in URLs for the first of its dialects."""

    drivers: tuple[str, ...] = ()
    """The asyncio drivers that are supported, the best first."""

    embedded: bool = False
    """There is no server: the driver opens a file in this process."""

    prepare: Callable[[URL, str, float | None, bool], Prepared] = _as_given
    """The URL and the arguments of `connect`: of the URL, the driver, `statement_timeout` and `pgbouncer`."""

    # -- what it says of failures --------------------------------------------------------------------------------

    modules: tuple[str, ...] = ()
    """The packages whose exceptions are its errors."""

    report: Callable[[Any], Report] = _unread
    """What an exception of them says."""

    failures: Mapping[type[DatabaseError], tuple[Any, str]] = field(
        default_factory=dict[type[DatabaseError], tuple[Any, str]]
    )
    """For errors that tests bring about: a code that is read as one, and the text that comes with it."""

    # -- transactions --------------------------------------------------------------------------------------------

    one_writer: bool = False
    """One connection at a time may write, and a transaction that will write has to say so when it begins."""

    covered: frozenset[str] = frozenset()
    """The isolation levels that need no asking: every transaction is at least that much isolated."""

    read_only: Begin = Begin()
    """A transaction that only reads."""

    one_state: Begin = Begin()
    """A transaction all of whose statements see the data as they were at its first."""

    hides_newest: bool = False
    """A plain SELECT shows the data as they were when the transaction began; a locking one as they are."""

    busy_cursor: bool = False
    """While rows are streamed their connection can do nothing else."""

    # -- reading -------------------------------------------------------------------------------------------------

    sql: Mapping[str, str] = field(default_factory=dict[str, str])
    """Its own words for a `ServerElement`, by the element's name."""

    pattern: Callable[[str, str, str], str] = like_pattern
    """What is sent for a `Pattern`: of its shape, its case and the value."""

    moment: DateTime = field(default_factory=DateTime)
    """What a `UTCDateTime` is; without a time zone it holds the wall clock of UTC."""

    types: Mapping[type[TypeEngine[Any]], type[TypeEngine[Any]]] = field(
        default_factory=dict[type[TypeEngine[Any]], type[TypeEngine[Any]]]
    )
    """What stands for SQLAlchemy's types in its engines."""

    json_path_type: TypeEngine[Any] = field(default_factory=String)
    json_path: Callable[[tuple[str, ...]], Any] = json_path
    """What is sent for the keys and indexes that lead into a document."""

    json_number_type: TypeEngine[Any] = field(default_factory=NullType)
    json_number: Callable[[Any], Any] = _same
    """What is sent for a number to compare with one in a document."""

    numbers_by_cursor: bool = False
    """SQLAlchemy reads a number by what the cursor says of its column; plain rows of a driver come without."""

    nulls_largest: bool = False
    """NULL sorts as the largest value of all; else as the smallest."""

    nulls_first: bool = False
    """It knows `ORDER BY ... NULLS FIRST`."""

    row_values: bool = False
    """It finds `(a, b) > (x, y)` by an index."""

    untyped: bool = False
    """A column holds values of any type, and what it compares is what was stored."""

    enums: Literal["text", "typed", "numbered"] = "text"
    """What compares with a column of its own ENUM as the column sorts: the text, the typed value, or its number."""

    explain: Callable[[Dialect, bool], str] = _explain
    """The words before a statement that is to be explained: of the dialect, and whether it is run and measured."""

    measures: bool = True
    """It can explain a statement by running it."""

    # -- writing -------------------------------------------------------------------------------------------------

    string: String | None = None
    """The type of `Mapped[str]`, where VARCHAR needs a length."""

    generated_key: TypeEngine[int] | None = None
    """The one type of key that it numbers, where it does not number every kind of integer."""

    infinity: bool = True
    """A FLOAT holds infinite numbers."""

    nan: bool = True
    """A FLOAT holds what is no number."""

    next_key: Callable[[Column[Any], str, int], ColumnElement[Any]] | None = None
    """The next numbers of a numbered column: what is selected from `numbers`, whose `number` counts from 1, for as many
    of them. Of the column, the name of its table in SQL, and the highest number that rows bring which are yet to be
    sent. None where only an INSERT tells them."""

    key_step: str | None = None
    """The question for how far apart such numbers are, where an INSERT without RETURNING tells the first of them."""

    move_sequence: Callable[[Column[Any], str, Sequence | None, int], Executable | None] | None = None
    """Has the sequence behind a numbered column go on past a number; None where the server does so by itself."""

    given_rows: Callable[[Dialect, list[Column[Any]], list[BindParameter[Any]], str], Any] | None = None
    """Rows that an UPDATE brings along, as a SELECT whose columns are called as their parameters are: of the columns
    they are for, the parameters, and the mark that is to stand on both sides of the one row. None where the statement
    is run for each row."""

    insert: Callable[[Any], Any] = sqlite.insert
    """INSERT with the clause for rows that are there."""

    upserts_by_every_key: bool = False
    """That clause names no key: a row that is there by any unique key is met."""

    reads_own_table: bool = False
    """An UPDATE or DELETE may have its own table in a subquery."""

    copies: bool = False
    """It takes rows by COPY."""

    executemany: bool = False
    """Its driver runs one statement for many rows, one by one and as fast as one statement with many rows."""

    most_parameters: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many parameters a statement may have, by driver."""

    largest_packet: str | None = None
    """The question for the longest statement in bytes, where the drivers write the parameters into it."""

    # -- tests ---------------------------------------------------------------------------------------------------

    empty: Callable[[Connection, Iterable[Table]], None] = delete_all
    """Delete the rows of all these tables, however they refer to each other."""

    check_deferred: Callable[[Callable[[str], list[Any]]], None] | None = None
    """Check what would be checked at COMMIT, by statements that are sent to the driver; None where nothing is."""

    # -- what follows --------------------------------------------------------------------------------------------

    def parameters(self, driver: str) -> int:
        """How many of them a statement may have with that driver."""
        return self.most_parameters.get(driver, _FEWEST_PARAMETERS)

    def sorts_nulls_first(self, *, descending: bool) -> bool:
        """Whether NULL comes first when nothing is said about it."""
        return self.nulls_largest is descending

    def newest(self, statement: Select[Any]) -> Select[Any]:
        """The statement, reading what others have just committed.

        A shared lock: FOR UPDATE would be a deadlock, as everybody whose INSERT failed holds one on that row already.
        """
        return statement.with_for_update(read=True) if self.hides_newest else statement


GENERIC: Final = Backend(name="generic", title="this server")
"""A server of which nothing is known."""
