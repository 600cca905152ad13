"""Constraints and indexes of a database as SQLAlchemy's objects, so that a downgrade can bring them back."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.compare import constraints as alembic_constraints
from sqlalchemy import (
    CheckConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    inspect,
    literal_column,
    text,
)
from sqlalchemy.exc import SAWarning
from sqlalchemy.sql.elements import conv

from activerow.migrations.schema.pictures import UNNAMED, Picture, Rule, picture_there
from activerow.migrations.schema.sql_tokens import significant, tokens_of
from activerow.migrations.schema.sqlite_table import TableText, conventional_name


def rule_there(context: AutogenContext, table: Table, rule: Rule, picture: Picture) -> Any:
    """The rule as an object of the reflected table; None where nothing can be made of it."""
    kind, name = rule
    definition = picture.text(rule)
    if kind == "index":
        dialect: Any = context.dialect
        is_mysql = dialect.name in {"mysql", "mariadb"}
        index = next((index for index in indexes_there(context, table) if index.name == name), None)
        if is_mysql and definition.startswith("UNIQUE") and index is not None and not name.startswith("ix_"):
            return _attached(table, UniqueConstraint(*index.columns, name=conv(name)))
        return _directed(table, index, definition) if is_mysql and index is not None else index
    named = _conventional(table.name, definition) if name.startswith(UNNAMED) else name
    columns = [table.c[column] for column in _columns(table, definition)]
    if kind == "primary key":
        return PrimaryKeyConstraint(*columns, name=conv(f"pk_{table.name}" if named == "PRIMARY" else named))
    if kind == "unique":
        return _attached(table, UniqueConstraint(*columns, name=conv(named), **_options(definition)))
    condition = definition[definition.index("(") + 1 : definition.rindex(")")]
    return _attached(table, CheckConstraint(text(condition.replace(":", r"\\:")), name=conv(named)))


def indexes_there(context: AutogenContext, table: Table) -> Iterator[Index]:
    """The indexes of a table that no constraint has made."""
    connection: Any = context.connection
    if connection.dialect.name == "sqlite":
        picture = picture_there(connection, table)
        yield from (_of_sqlite(table, *rule, picture.text(rule)) for rule in picture.rules if rule[0] == "index")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        reflected = inspect(connection).get_indexes(table.name, schema=table.schema)
    untyped: Any = alembic_constraints
    for known in reflected:
        if "duplicates_constraint" not in known:
            index = untyped._make_index(context.migration_context.impl, known, table)
            if index is not None:
                yield index


def _of_sqlite(table: Table, _kind: str, name: str, definition: str) -> Index:
    tokens = significant(tokens_of(definition))
    group = next(at for at, token in enumerate(tokens) if token.kind == "group")
    inner = _parts(tokens[group].text[1:-1])
    known: dict[str, Any] = {column.name: column for column in table.columns}
    expressions = [known.get(part.strip('"`[]'), _expression(part)) for part in inner]
    options: dict[str, Any] = {}
    where = re.search(r"\)\s*WHERE\s+(.*)$", definition, re.IGNORECASE | re.DOTALL)
    if where:
        options["sqlite_where"] = text(where[1].replace(":", r"\\:"))
    return Index(name, *expressions, unique=definition.startswith("UNIQUE"), _table=table, **options)


def _directed(table: Table, index: Index, definition: str) -> Index:
    """The index of MySQL with its directions, which SQLAlchemy does not read."""
    group = next(token.text for token in tokens_of(definition) if token.kind == "group")
    descending = {part.partition("`")[2].rpartition("`")[0] for part in _parts(group[1:-1]) if part.endswith(" DESC")}
    if not descending:
        return index
    columns = [column.desc() if column.name in descending else column for column in index.columns]
    return Index(index.name, *columns, unique=index.unique, _table=table, **index.dialect_kwargs)


def _expression(part: str) -> Any:
    untyped: Any = literal_column
    return untyped(part)


def _parts(text_: str) -> list[str]:
    """What stands between commas, outside of parentheses."""
    parts = [""]
    for token in tokens_of(text_):
        if token.text == ",":
            parts.append("")
        else:
            parts[-1] += token.text
    return [part.strip() for part in parts]


def _columns(table: Table, definition: str) -> list[str]:
    """The columns that a key or unique constraint lists."""
    group = next((token.text for token in tokens_of(definition) if token.kind == "group"), "()")
    known = {column.name.lower(): column.name for column in table.columns}
    names = (significant(tokens_of(part))[0].name for part in _parts(group[1:-1]) if part)
    return [known[name.lower()] for name in names if name.lower() in known]


def _options(definition: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "DEFERRABLE" in definition and "NOT DEFERRABLE" not in definition:
        options["deferrable"] = True
    if "INITIALLY DEFERRED" in definition:
        options["initially"] = "DEFERRED"
    if "NULLS NOT DISTINCT" in definition:
        options["postgresql_nulls_not_distinct"] = True
    if included := re.search(r" INCLUDE \(([^)]*)\)", definition):
        options["postgresql_include"] = [name.strip().strip('"') for name in included[1].split(",")]
    if conflict := re.search(r"ON CONFLICT (\w+)", definition, re.IGNORECASE):
        options["sqlite_on_conflict"] = conflict[1].upper()
    return options


def _conventional(table: str, definition: str) -> str:
    [clause] = TableText.parse(f"CREATE TABLE x (y, {definition})").clauses
    return conventional_name(table, clause) or ""


def _attached(table: Table, constraint: Any) -> Any:
    table.append_constraint(constraint)
    return constraint
