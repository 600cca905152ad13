"""Pictures of the tables of MySQL and MariaDB: the model's is made as a temporary table, looked at, and dropped."""

import re
from typing import Final

from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from activerow.migrations.schema.pictures.picture import (
    UNNAMED,
    ColumnPicture,
    NoPictureError,
    Picture,
    Rule,
    RuleKind,
)
from activerow.migrations.schema.sql_tokens import Token, significant, tokens_of


def there(connection: Connection, table: Table) -> Picture:
    """The table that is there."""
    return _picture(_statement(connection, table))


def wanted(connection: Connection, table: Table) -> Picture:
    """What a table of the model would be.

    Raises:
        NoPictureError: It cannot be made.
    """
    create = str(CreateTable(table, include_foreign_key_constraints=()).compile(dialect=connection.dialect))
    name = connection.dialect.identifier_preparer.format_table(table)
    try:
        connection.exec_driver_sql(create.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1))
        try:
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index))
            return _picture(_statement(connection, table))
        finally:
            connection.exec_driver_sql(f"DROP TEMPORARY TABLE {name}")
    except SQLAlchemyError as error:
        raise NoPictureError(str(getattr(error, "orig", None) or error)) from error


def _statement(connection: Connection, table: Table) -> str:
    name = connection.dialect.identifier_preparer.format_table(table)
    return str(connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1])


def _picture(statement: str) -> Picture:
    columns: dict[str, ColumnPicture] = {}
    rules: dict[Rule, str] = {}
    for line in statement.replace("\\'", "''").splitlines()[1:]:
        tokens = significant(tokens_of(line.strip().removesuffix(",")))
        if tokens and tokens[0].kind == "quoted":
            columns[tokens[0].name] = _column(tokens[1:])
            rules |= _inline_check(tokens)
        elif tokens and (named := _rule(tokens)):
            rules[named] = " ".join(token.text for token in tokens if token.name != named[1])
    for rule, text in rules.items():
        marker = f"{rule[1][: 64 - len(_MARKED)]}{_MARKED}"
        if rule[0] == "index" and f"`{marker}`" in text and marker in columns:
            rules[rule] += f" of {columns[marker].generated}"
    return Picture(columns, rules, _options(statement.rpartition("\n")[2]))


_MARKED: Final = "_where"
"""The end of the name of the column that says which rows a unique index covers; see `partial_index`."""


_ENDS_OF_A_TYPE: Final = frozenset(
    {"NOT", "NULL", "DEFAULT", "AUTO_INCREMENT", "COMMENT", "GENERATED", "CHECK", "INVISIBLE", "ON", "WITHOUT"}
)


def _column(tokens: list[Token]) -> ColumnPicture:
    words = [token.word for token in tokens]
    end = next((at for at, word in enumerate(words) if word in _ENDS_OF_A_TYPE), len(words))
    kind = "".join(token.text if token.kind == "group" else f" {token.text}" for token in tokens[:end]).strip()
    default = _after(tokens, words, "DEFAULT")
    if default is not None and "UPDATE" in words:
        default += f" ON UPDATE {_after(tokens, words, 'UPDATE')}"
    generated = None
    if "AS" in words:
        at = words.index("AS")
        generated = f"{tokens[at + 1].text} {words[at + 2]}"
    return ColumnPicture(kind, None if default == "NULL" else default, generated)


def _after(tokens: list[Token], words: list[str], word: str) -> str | None:
    """The value behind a keyword: a literal, or a call with its arguments."""
    if word not in words:
        return None
    at = words.index(word) + 1
    value = tokens[at].text
    if value == "-" or (tokens[at].kind == "word" and tokens[at + 1 : at + 2] and tokens[at + 1].kind == "group"):
        value += tokens[at + 1].text
    return value


def _inline_check(tokens: list[Token]) -> dict[Rule, str]:
    """A check that stands with its column; MariaDB has one of its own on each JSON column."""
    words = [token.word for token in tokens]
    if "CHECK" not in words:
        return {}
    condition = tokens[words.index("CHECK") + 1].text
    is_own = re.fullmatch(r"\(json_valid\(`(?:[^`]|``)+`\)\)", condition)
    return {} if is_own else {("check", f"{UNNAMED}CHECK {condition}"): f"CHECK {condition}"}


_KEYS: Final = frozenset({"KEY", "UNIQUE", "FULLTEXT", "SPATIAL"})


def _rule(tokens: list[Token]) -> Rule | None:
    """What the line is about; None for foreign keys and the last line."""
    words = [token.word for token in tokens]
    kind: RuleKind
    if words[0] == "PRIMARY":
        return "primary key", "PRIMARY"
    if words[0] in _KEYS:
        kind = "index"
        return kind, tokens[words.index("KEY") + 1].name
    if words[0] == "CONSTRAINT" and words[2] == "CHECK":
        kind = "check"
        return kind, tokens[1].name
    return None


def _options(line: str) -> dict[str, str]:
    """Engine, character set and the like, which stand behind the last parenthesis."""
    found = re.findall(r"\b(ENGINE|CHARSET|COLLATE|ROW_FORMAT)=(\w+)", line)
    return dict(found)
