"""Pictures of PostgreSQL's tables: the model's is made as a temporary table, looked at, and undone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Sequence, Table, text
from sqlalchemy.dialects.postgresql import DOMAIN, ENUM, named_types
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateSequence, CreateTable

from activerow.migrations.schema.kinds import actual
from activerow.migrations.schema.pictures.picture import ColumnPicture, NoPictureError, Picture, Rule, RuleKind

_KINDS: Final[dict[str, RuleKind]] = {"p": "primary key", "u": "unique", "c": "check", "x": "exclude"}

_COLUMNS: Final = text("""
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), c.collname, pg_get_expr(d.adbin, d.adrelid),
        a.attgenerated <> ''
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation c ON c.oid = a.attcollation AND a.attcollation <> t.typcollation
    WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""")
_CONSTRAINTS: Final = text("""
    SELECT contype, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass(:table) AND contype IN ('p', 'u', 'c', 'x') ORDER BY oid""")
_INDEXES: Final = text("""
    SELECT i.relname, pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = to_regclass(:table)
    AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u', 'x'))
    ORDER BY i.oid""")
_OPTIONS: Final = text("""
    SELECT c.relpersistence, pg_get_partkeydef(c.oid), array_to_string(c.reloptions, ', ')
    FROM pg_class c WHERE c.oid = to_regclass(:table)""")
_TEMPORARY: Final = "pg_temp"


def there(connection: Connection, table: Table) -> Picture:
    """The table that is there."""
    return _read(connection, _name(connection, table.schema, table.name), table.schema)


def wanted(connection: Connection, table: Table) -> Picture:
    """What a table of the model would be.

    Raises:
        NoPictureError: It cannot be made.
    """
    savepoint = connection.begin_nested()
    try:
        _make(connection, table)
        name = _name(connection, _TEMPORARY, table.name)
        picture = _read(connection, name, table.schema)
        return replace(picture, again=_again(connection, picture, name, table.schema))
    except SQLAlchemyError as error:
        raise NoPictureError(str(getattr(error, "orig", None) or error)) from error
    finally:
        savepoint.rollback()


def _make(connection: Connection, table: Table) -> None:
    """Make the table with its types, indexes and sequences among the temporary ones; without references to others."""
    schemas = {known.schema for known in (*_types(connection, table), *_sequences(table))} | {table.schema, None}
    options = {"schema_translate_map": dict.fromkeys(schemas, _TEMPORARY)}
    for kind in {id(kind): kind for kind in _types(connection, table)}.values():
        create = named_types.CreateEnumType if isinstance(kind, ENUM) else named_types.CreateDomainType
        connection.execute(create(kind), execution_options=options)
    for sequence in _sequences(table):
        connection.execute(CreateSequence(sequence), execution_options=options)
    connection.execute(CreateTable(table, include_foreign_key_constraints=()), execution_options=options)
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        connection.execute(CreateIndex(index), execution_options=options)


def _again(connection: Connection, picture: Picture, name: str, schema: str | None) -> dict[Rule, str]:
    """The definitions that come back in another form than they were given; those of `IN` and a VARCHAR do."""
    kinds = {"check", "index"}
    unstable = {rule: known for rule, known in picture.rules.items() if "ARRAY[" in known and rule[0] in kinds}
    if not unstable:
        return {}
    for number, ((kind, _), definition) in enumerate(unstable.items()):
        made = (
            f"ALTER TABLE {name} ADD CONSTRAINT activerow_{number} {definition}"
            if kind == "check"
            else f"CREATE INDEX activerow_{number} ON {name} {definition.removeprefix('UNIQUE ')}"
        )
        connection.execute(text(made.replace(":", r"\:")))
    found = _read(connection, name, schema).rules
    return {rule: found[rule[0], f"activerow_{number}"] for number, rule in enumerate(unstable)}


def _types(connection: Connection, table: Table) -> Iterator[Any]:
    names: set[tuple[str | None, str]] = set()
    for column in table.columns:
        kind = actual(column.type, connection.dialect)
        kind = actual(getattr(kind, "item_type", kind), connection.dialect)
        found = kind.dialect_impl(connection.dialect)
        named: Any = found if isinstance(found, ENUM | DOMAIN) else None
        if named is not None and (named.schema, str(named.name)) not in names:
            names.add((named.schema, str(named.name)))
            yield named


def _sequences(table: Table) -> list[Sequence]:
    """Those that a column of the model names."""
    found = (getattr(getattr(column.server_default, "arg", None), "sequence", None) for column in table.columns)
    return [sequence for sequence in found if isinstance(sequence, Sequence)]


def _read(connection: Connection, name: str, schema: str | None) -> Picture:
    def ask(statement: Any) -> list[Any]:
        return [*connection.execute(statement, {"table": name}).all()]

    def plain(definition: str | None) -> str | None:
        return _without_schemas(definition, schema)

    columns = {
        column: ColumnPicture(
            f"{plain(kind)}{f' COLLATE {collation}' if collation else ''}",
            None if generated else plain(expression),
            plain(expression) if generated else None,
        )
        for column, kind, collation, expression, generated in ask(_COLUMNS)
    }
    rules: dict[Rule, str] = {}
    for kind, rule, definition in ask(_CONSTRAINTS):
        rules[_KINDS[_text(kind)], rule] = plain(definition) or ""
    for index, definition in ask(_INDEXES):
        unique, using = definition.startswith("CREATE UNIQUE"), definition.partition(" USING ")[2]
        rules["index", index] = plain(f"{'UNIQUE ' if unique else ''}USING {using}") or ""
    found = ask(_OPTIONS)
    persistence, partition, storage = found[0] if found else ("", None, None)
    options = {"PARTITION BY": partition, "WITH": storage, "UNLOGGED": "yes" if _text(persistence) == "u" else None}
    return Picture(columns, rules, {key: value for key, value in options.items() if value})


def _text(value: str | bytes) -> str:
    """A "char" of the catalog, which drivers give as a text or as a byte."""
    return value.decode() if isinstance(value, bytes) else value


def _without_schemas(definition: str | None, schema: str | None) -> str | None:
    """The definition with names that do not say where they are: a temporary table is somewhere else."""
    if definition is None:
        return None
    names = rf"pg_temp(?:_\d+)?|{re.escape(schema)}" if schema else r"pg_temp(?:_\d+)?"
    return re.sub(rf'(?<![\w".])"?(?:{names}|public)"?\.', "", definition)


def _name(connection: Connection, schema: str | None, table: str) -> str:
    quote = connection.dialect.identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in (schema, table) if part)
