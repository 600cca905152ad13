"""Pictures of SQLite's tables, which are the texts of their statements."""

import re
from collections.abc import Iterable

from sqlalchemy import Connection, Table
from sqlalchemy.schema import CreateIndex, CreateTable

from activerow.migrations.schema.pictures.picture import UNNAMED, ColumnPicture, Picture, Rule, RuleKind
from activerow.migrations.schema.sql_tokens import plain
from activerow.migrations.schema.sqlite_table import Clause, ColumnText, TableText

_KINDS: dict[str, RuleKind] = {"PRIMARY KEY": "primary key", "UNIQUE": "unique", "CHECK": "check"}


def there(connection: Connection, table: Table) -> Picture:
    """The table that is there."""
    found = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE lower(tbl_name) = lower(?) AND sql IS NOT NULL", (table.name,)
    ).all()
    statement = next((sql for kind, _, sql in found if kind == "table"), "CREATE TABLE x ()")
    return _picture(statement, {name: sql for kind, name, sql in found if kind == "index"})


def wanted(connection: Connection, table: Table) -> Picture:
    """What a table of the model would be."""
    dialect = connection.dialect
    indexes = {str(index.name): str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes}
    return _picture(str(CreateTable(table).compile(dialect=dialect)), indexes)


def _picture(statement: str, indexes: dict[str, str]) -> Picture:
    table = TableText.parse(statement)
    clauses = [*(clause for column in table.columns for clause in _on_table(column)), *table.clauses]
    texts = {_rule_of(clause): clause.body for clause in clauses if clause.kind in _KINDS}
    rules = {rule: plain(text) for rule, text in texts.items()}
    for name, sql in indexes.items():
        unique, definition = re.match(r"CREATE\s+UNIQUE", sql, re.IGNORECASE), sql.partition("(")[2]
        texts["index", name] = f"{'UNIQUE ' if unique else ''}({definition}"
        rules["index", name] = plain(texts["index", name])
    options = {"table options": plain(table.tail)} if table.tail else {}
    if re.search(r"\bautoincrement\b", plain(statement)):
        options["AUTOINCREMENT"] = "yes"
    return Picture({column.name: _column(column) for column in table.columns}, rules, options, texts)


def _column(column: ColumnText) -> ColumnPicture:
    collation, default, generated = (column.clause(kind) for kind in ("COLLATE", "DEFAULT", "GENERATED"))
    words = f" {plain(collation.text)}" if collation else ""
    stored = " stored" if generated and plain(generated.text).endswith("stored") else ""
    return ColumnPicture(
        f"{plain(column.type)}{words}",
        default.body.partition(" ")[2].strip() if default else None,
        f"{plain(generated.condition)}{stored}" if generated else None,
    )


def _on_table(column: ColumnText) -> Iterable[Clause]:
    """The rules of a column as the table would have them."""
    for clause in column.clauses:
        if clause.kind == "CHECK":
            yield clause
        elif clause.kind in _KINDS:
            conflict = clause.body.upper().partition("ON CONFLICT")
            named = f'CONSTRAINT "{clause.name}" ' if clause.name else ""
            text = f'{named}{clause.kind} ("{column.name}") {"".join(conflict[1:])}'.replace("AUTOINCREMENT", "")
            yield Clause(clause.kind, text.strip(), clause.name)


def _rule_of(clause: Clause) -> Rule:
    return _KINDS[clause.kind], clause.name or f"{UNNAMED}{plain(clause.body)}"
