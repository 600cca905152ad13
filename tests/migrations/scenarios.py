"""Pairs of releases: tables as they were, and as they are to be."""

import enum
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
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
    SmallInteger,
    String,
    Table,
    Text,
    Unicode,
    Uuid,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.orm import DeclarativeBase

from activerow import ActiveRecord
from activerow.naming import NAMING_CONVENTION
from activerow.types import UTCDateTime, utcnow

_KEPT: list[type[Any]] = []

Fill = Callable[[MetaData], None]


def base_with(fill: Fill) -> type[Any]:
    """A base whose metadata has been filled with tables."""

    class Base(ActiveRecord, DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING_CONVENTION)

    fill(Base.metadata)
    _KEPT.append(Base)
    return Base


class Colour(enum.Enum):
    """Values of columns."""

    red = "red"
    green = "green"


def every_type(metadata: MetaData) -> None:
    """Whatever a column can be."""
    Table(
        "things",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("key", Uuid(), unique=True, nullable=False),
        Column("big", BigInteger, nullable=False),
        Column("small", SmallInteger),
        Column("price", Numeric(12, 2), nullable=False, server_default="0"),
        Column("twice", Integer, Computed("small * 2", persisted=True)),
        Column("ratio", Float, nullable=False, server_default=text("1.5")),
        Column("double", Double),
        Column("blob", LargeBinary),
        Column("short_blob", LargeBinary(512)),
        Column("note", Text),
        Column(
            "exact", String(50).with_variant(mysql.VARCHAR(50, collation="utf8mb4_bin"), "mysql", "mariadb"), index=True
        ),
        Column("unicode", Unicode(30)),
        Column("document", JSON, nullable=False),
        Column("binary_document", JSON().with_variant(postgresql.JSONB(), "postgresql")),
        Column("tags", postgresql.ARRAY(String(10)).with_variant(JSON(), "sqlite", "mysql", "mariadb")),
        Column("is_on", Boolean, nullable=False, server_default=true()),
        Column("is_off", Boolean, nullable=False, server_default=false()),
        Column("colour", Enum(Colour), nullable=False, server_default="red"),
        Column("plain_colour", Enum(Colour, native_enum=False, length=10), nullable=False, server_default="red"),
        Column("checked_colour", Enum(Colour, native_enum=False, create_constraint=True, name="checked_colour")),
        Column("moment", UTCDateTime(), nullable=False, server_default=utcnow()),
        Column("plain_moment", DateTime, server_default=func.now()),
        Column("zoned_moment", DateTime(timezone=True), server_default=func.current_timestamp()),
        Column("gap", Interval),
        Column("quoted", String(20), nullable=False, server_default="it's"),
        Column("seven", Integer, nullable=False, server_default="7"),
        Column("sum", Integer, nullable=False, server_default=text("1 + 2")),
        CheckConstraint("price >= 0"),
        CheckConstraint("small BETWEEN 1 AND 9 OR quoted LIKE 'a:%'"),
        Index("ix_things_small_positive", "small", postgresql_where=text("small > 0"), sqlite_where=text("small > 0")),
    )
    Table(
        "nodes",
        metadata,
        Column("id", Uuid(), primary_key=True),
        Column("parent_id", Uuid(), ForeignKey("nodes.id"), index=True),
    )
    Table(
        "pairs",
        metadata,
        Column("a", Integer, primary_key=True, autoincrement=False),
        Column("b", String(10), primary_key=True),
        Column("thing_id", Integer, ForeignKey("things.id", ondelete="CASCADE"), unique=True, nullable=False),
    )
    Table(
        "pair_notes",
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("a", Integer, nullable=False),
        Column("b", String(10), nullable=False),
        ForeignKeyConstraint(["a", "b"], ["pairs.a", "pairs.b"]),
        Index(None, "a", "b"),
    )


def enum_values(metadata: MetaData, *, later: bool) -> None:
    """A value is added to each kind of enum; the one in a default is kept."""
    values = ("red", "green", "ultramarine") if later else ("red", "green")
    Table(
        "cars",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("native", Enum(*values, name="native_colour"), nullable=False, server_default="red"),
        Column("text", Enum(*values, native_enum=False, length=20), nullable=False, server_default="red"),
        Column(
            "checked",
            Enum(*values, native_enum=False, length=20, create_constraint=True, name="checked"),
            nullable=False,
            server_default="red",
        ),
        Column(
            "grown",
            Enum(*values, native_enum=False, create_constraint=True, name="grown"),
            nullable=False,
            server_default="red",
        ),
        Column(
            "several",
            postgresql.ARRAY(Enum(*values, name="native_colour")).with_variant(JSON(), "sqlite", "mysql", "mariadb"),
        ),
    )


def rules(metadata: MetaData, *, later: bool) -> None:
    """Checks come, go, and say something else under the same name."""
    added = [CheckConstraint("size < 100")] if later else [CheckConstraint("size <> 50", name="not_fifty")]
    Table(
        "boxes",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("size", Integer, nullable=False, server_default="1"),
        Column("label", String(20), nullable=False, server_default="a:b"),
        CheckConstraint(f"size >= {-1 if later else 0}", name="size_minimum"),
        CheckConstraint(f"label LIKE '{'a' if later else 'b'}%' OR label = 'a:b' OR label = '\\:b'", name="label_form"),
        CheckConstraint("label <> 'it''s'"),
        *added,
    )


def columns(metadata: MetaData, *, later: bool) -> None:
    """Columns and keys come and change; others refer to the table, and it refers to itself."""
    more: list[Any] = []
    if later:
        more = [
            Column("name", String(30), nullable=False, server_default="nobody", unique=True),
            Column("kind", Enum("a", "b", native_enum=False, create_constraint=True, name="kind")),
            Column("boss_id", Integer, ForeignKey("staff.id"), index=True),
            Column("joined_at", UTCDateTime(), nullable=False, server_default=text("'2026-01-02 03:04:05'")),
            Index("ix_staff_paid", "pay", postgresql_where=text("pay > 0"), sqlite_where=text("pay > 0")),
        ]
    Table(
        "staff",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("pay", Numeric(10, 2) if later else Integer, nullable=not later, server_default="3" if later else "2"),
        Column("code", String(40 if later else 20)),
        Column("chief_id", Integer, ForeignKey("staff.id", ondelete="SET NULL" if later else None), index=True),
        *more,
    )
    Table(
        "desks",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("owner_id", Integer, ForeignKey("staff.id", ondelete="CASCADE"), nullable=False, index=True),
    )


def schemas(metadata: MetaData, *, later: bool) -> None:
    """Tables in a schema of their own."""
    more = [Column("note", String(10))] if later else []
    Table("invoices", metadata, Column("id", Integer, primary_key=True), *more, schema="billing")
    Table(
        "payers", metadata, Column("id", Integer, ForeignKey("billing.invoices.id"), primary_key=True), schema="billing"
    )


def dangers(metadata: MetaData, *, later: bool) -> None:
    """Whatever may lose data, fail, or stop others."""
    if later:
        changed: list[Any] = [
            Column("title", String(20)),
            Column("count", Integer, index=True),
            Column("price", Numeric(8, 2)),
            Column("state", Enum("new", name="state")),
            Column("required", Integer, nullable=False),
            Column("filled", Integer, nullable=False),
            Column("name", String(50)),
            Column("author_id", Integer, ForeignKey("authors.id", name="fk_author")),
            CheckConstraint("count > 0", name="positive"),
            Index("uq_title", "title", unique=True),
        ]
        Table("writings", metadata, Column("id", Integer, primary_key=True), Column("words", Text))
    else:
        changed = [
            Column("title", String(30)),
            Column("count", BigInteger),
            Column("price", Numeric(10, 2)),
            Column("state", Enum("new", "old", name="state")),
            Column("filled", Integer),
            Column("label", String(50)),
            Column("note", LargeBinary),
            Column("author_id", Integer),
        ]
        Table("texts", metadata, Column("id", Integer, primary_key=True), Column("words", Text))
    Table("authors", metadata, Column("id", Integer, primary_key=True))
    Table("books", metadata, Column("id", Integer, primary_key=True), *changed)
