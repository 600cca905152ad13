"""Each property of a column, index, constraint or table that SQLAlchemy knows, with two values it may have."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    desc,
    func,
    text,
)
from sqlalchemy.dialects import mysql, postgresql

Items = Callable[[], list[Any]]
EVERYWHERE = frozenset({"sqlite", "postgresql", "mysql"})
POSTGRESQL, MYSQL, SQLITE = (frozenset({name}) for name in ("postgresql", "mysql", "sqlite"))


@dataclass(frozen=True)
class Property:
    """One property, and two values of it.

    Attributes:
        name: In words.
        before: The items of the table, beside its key.
        after: The same with the other value.
        servers: Those that have it.
        told: It is not changed by a revision: a note says that it differs.
    """

    name: str
    before: Items
    after: Items
    servers: frozenset[str] = EVERYWHERE
    told: bool = False


def tables(metadata: MetaData, server: str, *, later: bool) -> None:
    """A table for each property of a server, and one that they can refer to."""
    Table("teams", metadata, Column("id", Integer, primary_key=True), Column("code", Integer, unique=True))
    for number, known in enumerate(PROPERTIES):
        if server in known.servers:
            _table(metadata, number, known.after() if later else known.before())


def number_of(known: Property) -> int:
    """The number at the end of its table's name."""
    return PROPERTIES.index(known)


def _table(metadata: MetaData, number: int, items: list[Any]) -> None:
    options: dict[str, Any] = {}
    for item in items:
        options |= cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    elements: list[Any] = [item for item in items if not isinstance(item, dict)]
    has_key = any(isinstance(item, PrimaryKeyConstraint) for item in items)
    key = [] if has_key else [Column("id", Integer, primary_key=True)]
    table = Table(f"things_{number}", metadata, *key, *elements, **options)
    named: list[Any] = [
        *table.indexes,
        *table.constraints,
        *(c.type for c in table.columns if isinstance(c.type, Enum)),
    ]
    for item in named:
        if isinstance(item.name, str) and str(number) not in item.name:
            item.name = f"{item.name}_{number}"  # in PostgreSQL, of one schema


def column(kind: Any = Integer, *items: Any, **options: Any) -> Items:
    """A column `a`."""
    return lambda: [Column("a", _made(kind), *items, **options)]


def column_with(kind: Any, make: Callable[[], Any], **options: Any) -> Items:
    """A column `a` with an item that belongs to one column only."""
    return lambda: [Column("a", kind, make(), **options)]


def beside(make: Callable[[], Any] | None = None, kind: Any = Integer) -> Items:
    """Columns `a` and `b`, and what stands beside them."""
    return lambda: [Column("a", kind), Column("b", Integer), *([make()] if make is not None else [])]


def option(**options: Any) -> Items:
    """A column and an option of the table."""
    return lambda: [Column("a", Integer), options]


def _words(kind: Any) -> str:
    return repr(_made(kind))


def _made(kind: Any) -> Any:
    """A type that belongs to one table only is made for each."""
    return cast("Callable[[], Any]", kind)() if isinstance(kind, partial) else kind


def _types() -> list[Property]:
    pairs: list[tuple[Any, Any, frozenset[str]]] = [
        (String(20), String(40), EVERYWHERE),
        (String(20), Text(), EVERYWHERE),
        (String(), String(40), POSTGRESQL | SQLITE),
        (Integer(), BigInteger(), EVERYWHERE),
        (SmallInteger(), Integer(), EVERYWHERE),
        (Integer(), Numeric(10, 2), EVERYWHERE),
        (Numeric(10, 2), Numeric(12, 3), EVERYWHERE),
        (Numeric(), Numeric(12, 3), EVERYWHERE),
        (Float(), Double(), MYSQL | SQLITE),
        (Integer(), Float(), EVERYWHERE),
        (Integer(), String(20), EVERYWHERE),
        (Integer(), Boolean(), EVERYWHERE),
        (Date(), DateTime(), EVERYWHERE),
        (DateTime(), DateTime(timezone=True), POSTGRESQL),
        (DateTime(), Time(), EVERYWHERE),
        (mysql.DATETIME(fsp=0), mysql.DATETIME(fsp=6), MYSQL),
        (mysql.TIME(fsp=0), mysql.TIME(fsp=3), MYSQL),
        (postgresql.TIMESTAMP(precision=0), postgresql.TIMESTAMP(precision=3), POSTGRESQL),
        (postgresql.INTERVAL(fields="DAY"), Interval(), POSTGRESQL),
        (Text(), postgresql.JSONB(), POSTGRESQL),
        (postgresql.JSON(), postgresql.JSONB(), POSTGRESQL),
        (Text(), LargeBinary(), EVERYWHERE),
        (String(40), Uuid(), EVERYWHERE),
        (String(20), partial(Enum, "x", "y", name="letters"), EVERYWHERE),
        (partial(Enum, "x", "y", name="letters"), partial(Enum, "x", "z", "y", name="letters"), POSTGRESQL | MYSQL),
        (partial(Enum, "x", "y", name="letters"), partial(Enum, "y", "x", name="letters"), POSTGRESQL | MYSQL),
        (partial(Enum, "x", "y", name="letters"), partial(Enum, "x", "y", name="signs"), POSTGRESQL),
        (postgresql.ARRAY(Integer), postgresql.ARRAY(BigInteger), POSTGRESQL),
        (postgresql.ARRAY(String(5)), postgresql.ARRAY(String(9)), POSTGRESQL),
        (postgresql.BIT(3), postgresql.BIT(5), POSTGRESQL),
        (mysql.INTEGER(unsigned=True), mysql.INTEGER(), MYSQL),
        (mysql.LONGTEXT(), mysql.MEDIUMTEXT(), MYSQL),
        (mysql.SET("a", "b"), mysql.SET("a", "b", "c"), MYSQL),
        (mysql.CHAR(3), mysql.CHAR(3, charset="ascii"), MYSQL),
        (mysql.BIT(1), mysql.BIT(8), MYSQL),
        (String(20, collation="C"), String(20), POSTGRESQL),
        (String(20, collation="NOCASE"), String(20), SQLITE),
        (String(20, collation="utf8mb4_bin"), String(20), MYSQL),
    ]
    return [
        Property(f"type {_words(one)} to {_words(two)}", column(one), column(two), servers)
        for one, two, servers in pairs
    ]


def _columns() -> list[Property]:
    keyed = partial(column_with, Integer)
    return [
        Property("column", column(), lambda: [Column("b", Integer)]),
        Property("nullable", column(), column(nullable=False)),
        Property("default", column(), column(server_default="7")),
        Property("default's value", column(server_default="7"), column(server_default="8")),
        Property("default's text", column(String(9), server_default="x"), column(String(9), server_default="it's %")),
        Property("default's expression", column(DateTime), column(DateTime, server_default=func.now())),
        Property(
            "on update",
            column(mysql.TIMESTAMP, server_default=text("CURRENT_TIMESTAMP"), nullable=False),
            column(
                mysql.TIMESTAMP,
                server_default=text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"),
                nullable=False,
            ),
            MYSQL,
        ),
        Property("comment", column(), column(comment="what: it's 50%"), POSTGRESQL | MYSQL),
        Property("comment's text", column(comment="one"), column(comment="two"), POSTGRESQL | MYSQL),
        Property(
            "computed",
            lambda: [*beside()(), Column("c", Integer, Computed("b * 2", persisted=True))],
            lambda: [*beside()(), Column("c", Integer, Computed("b * 3", persisted=True))],
        ),
        Property(
            "becomes computed", beside(), lambda: [Column("b", Integer), Column("a", Integer, Computed("b", True))]
        ),
        Property("identity", column(BigInteger, nullable=False), keyed(Identity), POSTGRESQL),
        Property("identity's start", keyed(partial(Identity, start=5)), keyed(partial(Identity, start=9)), POSTGRESQL),
        Property(
            "identity's increment",
            keyed(partial(Identity, increment=1)),
            keyed(partial(Identity, increment=3)),
            POSTGRESQL,
        ),
        Property("identity always", keyed(Identity), keyed(partial(Identity, always=True)), POSTGRESQL),
        Property(
            "several at once",
            column(String(9), nullable=False, server_default="x"),
            column(String(19), server_default="y"),
        ),
    ]


def _keys() -> list[Property]:
    def key(*names: str, **options: Any) -> Items:
        return lambda: [
            *(Column(name, Integer, nullable=False, autoincrement=False) for name in ("a", "b")),
            PrimaryKeyConstraint(*names, **options),
        ]

    def reference(**options: Any) -> Items:
        return column_with(Integer, partial(ForeignKey, "teams.id", **options))

    return [
        Property("primary key's columns", key("a"), key("a", "b")),
        Property("primary key's order", key("a", "b"), key("b", "a")),
        Property("primary key's name", key("a", name="pk_one"), key("a", name="pk_two"), POSTGRESQL | SQLITE),
        Property("primary key deferrable", key("a"), key("a", deferrable=True), POSTGRESQL),
        Property("foreign key", column(), reference()),
        Property("foreign key's target", reference(), column_with(Integer, partial(ForeignKey, "teams.code"))),
        Property("foreign key's name", reference(name="fk_one"), reference(name="fk_two"), told=True),
        Property("ON DELETE", reference(), reference(ondelete="CASCADE")),
        Property("ON DELETE's value", reference(ondelete="SET NULL"), reference(ondelete="CASCADE")),
        Property("ON UPDATE", reference(), reference(onupdate="CASCADE")),
        Property("foreign key deferrable", reference(), reference(deferrable=True), POSTGRESQL | SQLITE),
        Property(
            "initially deferred",
            reference(deferrable=True, initially="IMMEDIATE"),
            reference(deferrable=True, initially="DEFERRED"),
            POSTGRESQL | SQLITE,
        ),
        Property(
            "foreign key with its index", column(), column_with(Integer, partial(ForeignKey, "teams.id"), index=True)
        ),
        Property(
            "foreign key of the table",
            beside(),
            beside(lambda: ForeignKeyConstraint(["a"], ["teams.id"], name="fk_a", ondelete="SET NULL")),
        ),
        Property(
            "MATCH",
            beside(lambda: ForeignKeyConstraint(["a"], ["teams.id"], name="fk_a")),
            beside(lambda: ForeignKeyConstraint(["a"], ["teams.id"], name="fk_a", match="FULL")),
            POSTGRESQL,
            told=True,
        ),
    ]


def _uniques() -> list[Property]:
    def unique(*names: str, **options: Any) -> Items:
        return beside(partial(UniqueConstraint, *names, **options))

    return [
        Property("unique", column(), column(unique=True)),
        Property("unique constraint's columns", unique("a", name="uq"), unique("a", "b", name="uq")),
        Property("unique constraint's order", unique("a", "b", name="uq"), unique("b", "a", name="uq")),
        Property("unique constraint's name", unique("a", name="uq_one"), unique("a", name="uq_two")),
        Property("unique deferrable", unique("a"), unique("a", deferrable=True), POSTGRESQL),
        Property("nulls not distinct", unique("a"), unique("a", postgresql_nulls_not_distinct=True), POSTGRESQL),
        Property("unique INCLUDE", unique("a"), unique("a", postgresql_include=["b"]), POSTGRESQL),
        Property("ON CONFLICT", unique("a"), unique("a", sqlite_on_conflict="IGNORE"), SQLITE),
        Property(
            "unique becomes an index",
            unique("a", name="uq_a"),
            beside(partial(Index, "uq_a", "a", unique=True)),
            POSTGRESQL | SQLITE,
        ),
        Property("index becomes unique", column(index=True), column(index=True, unique=True)),
    ]


def _checks() -> list[Property]:
    def check(condition: str, name: str | None = "size") -> Items:
        return beside(partial(CheckConstraint, condition, name=name))

    return [
        Property("check", beside(), check("a > 1")),
        Property("check's condition", check("a > 1"), check("a > 2")),
        Property("check's name", check("a > 1", "one"), check("a > 1", "two")),
        Property("check without a name", check("a > 1", None), check("a > 2", None)),
        Property("check of a colon", check("b > 1"), check("b > 1 OR 'a:b' = '%s:c'")),
        Property(
            "exclusion",
            beside(),
            beside(lambda: postgresql.ExcludeConstraint(("a", "="), using="btree", name="ex")),
            POSTGRESQL,
        ),
        Property(
            "exclusion's condition",
            beside(lambda: postgresql.ExcludeConstraint(("a", "="), using="btree", name="ex")),
            beside(lambda: postgresql.ExcludeConstraint(("a", "="), using="btree", name="ex", where=text("b > 1"))),
            POSTGRESQL,
        ),
    ]


def _indexes() -> list[Property]:
    def index(*names: Any, kind: Any = Integer, **options: Any) -> Items:
        return beside(lambda: Index("ix", *names, **options), kind)

    return [
        Property("index", beside(), index("a")),
        Property("index's columns", index("a"), index("a", "b")),
        Property("index's order", index("a", "b"), index("b", "a")),
        Property("index's name", index("a"), beside(partial(Index, "ix_two", "a"))),
        Property("index's direction", index("a"), index(desc("a"))),
        Property("index of an expression", index("a"), index(text("(a + b)")), POSTGRESQL | SQLITE),
        Property("index's expression", index(text("(a + b)")), index(text("(a - b)")), POSTGRESQL | SQLITE),
        Property("index's condition", index("a"), index("a", postgresql_where=text("a > 1")), POSTGRESQL),
        Property(
            "index's condition there",
            index("a", sqlite_where=text("a > 1")),
            index("a", sqlite_where=text("a > 2")),
            SQLITE,
        ),
        Property("index INCLUDE", index("a"), index("a", postgresql_include=["b"]), POSTGRESQL),
        Property("index USING", index("a"), index("a", postgresql_using="hash"), POSTGRESQL),
        Property(
            "index's operator class",
            index("a", kind=String(9)),
            index("a", kind=String(9), postgresql_ops={"a": "varchar_pattern_ops"}),
            POSTGRESQL,
        ),
        Property("index NULLS", index("a"), index(desc("a").nulls_last()), POSTGRESQL),
        Property(
            "index nulls not distinct",
            index("a", unique=True),
            index("a", unique=True, postgresql_nulls_not_distinct=True),
            POSTGRESQL,
        ),
        Property("index WITH", index("a"), index("a", postgresql_with={"fillfactor": 50}), POSTGRESQL),
        Property(
            "index's prefix", index("a", kind=Text, mysql_length=10), index("a", kind=Text, mysql_length=20), MYSQL
        ),
        Property("index FULLTEXT", index("a", kind=Text, mysql_prefix="FULLTEXT"), beside(kind=Text), MYSQL),
    ]


def _tables() -> list[Property]:
    return [
        Property("table", list, lambda: [Column("a", Integer)]),
        Property("table's comment", option(), option(comment="what: it's 50%"), POSTGRESQL | MYSQL),
        Property("table's comment's text", option(comment="one"), option(comment="two"), POSTGRESQL | MYSQL),
        Property(
            "engine",
            option(mysql_engine="InnoDB", mariadb_engine="InnoDB"),
            option(mysql_engine="Aria", mariadb_engine="Aria"),
            MYSQL,
            told=True,
        ),
        Property("character set", option(), option(mysql_charset="latin1", mariadb_charset="latin1"), MYSQL, told=True),
        Property("storage parameters", option(), option(postgresql_with={"fillfactor": 50}), POSTGRESQL, told=True),
        Property("unlogged", option(), option(prefixes=["UNLOGGED"]), POSTGRESQL, told=True),
        Property("AUTOINCREMENT", option(), option(sqlite_autoincrement=True), SQLITE, told=True),
        Property("STRICT", option(), option(sqlite_strict=True), SQLITE, told=True),
    ]


PROPERTIES = [*_types(), *_columns(), *_keys(), *_uniques(), *_checks(), *_indexes(), *_tables()]
