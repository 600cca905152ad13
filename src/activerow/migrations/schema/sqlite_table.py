"""A `CREATE TABLE` of SQLite, taken apart and put together again: what is not touched stays letter for letter.

SQLite keeps the text of the statement, and changes little of a table that is there: a change is another text, into
whose table the rows are copied. What a text holds beyond what SQLAlchemy can read of it (collations, conflict clauses,
checks without names, STRICT) must come along.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, Self

from activerow.migrations.schema.sql_tokens import Token, plain, significant, tokens_of


@dataclass(frozen=True, slots=True)
class Clause:
    """A rule of a column or of the table: `NOT NULL`, `DEFAULT 7`, `CONSTRAINT positive CHECK (a > 0)`.

    Attributes:
        kind: Its keyword, such as `CHECK`, `NOT NULL`, `PRIMARY KEY`.
        text: As it stands.
        name: Its own, if it has one.
    """

    kind: str
    text: str
    name: str | None = None

    @property
    def body(self) -> str:
        """The rule without its name."""
        tokens = tokens_of(self.text)
        if tokens and tokens[0].word == "CONSTRAINT":
            named = [at for at, token in enumerate(tokens) if token.kind != "space"][1]
            tokens = tokens[named + 1 :]
        return "".join(token.text for token in tokens).strip()

    @property
    def condition(self) -> str:
        """What stands in its first parentheses: a condition, or the names of columns."""
        return next((token.text[1:-1].strip() for token in tokens_of(self.text) if token.kind == "group"), "")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a key or a unique constraint of the table."""
        parts = list(_split(tokens_of(self.condition), lambda token: token.text == ","))
        return tuple(significant(part)[0].name for part in parts if significant(part))

    @property
    def referred(self) -> str:
        """The table that a foreign key refers to."""
        found = significant(tokens_of(self.text))
        return next((after.name for at, after in pairwise(found) if at.word == "REFERENCES"), "")


@dataclass(frozen=True, slots=True)
class ColumnText:
    """A column as it stands in the statement."""

    name: str
    quoted: str
    type: str
    clauses: tuple[Clause, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name type clauses`."""
        tokens = tokens_of(text)
        at = next(place for place, token in enumerate(tokens) if token.kind != "space")
        rest, starts = tokens[at + 1 :], _starts(tokens[at + 1 :], _OF_COLUMNS)
        kind = "".join(token.text for token in rest[: starts[0] if starts else None]).strip()
        return cls(tokens[at].name, tokens[at].text, kind, tuple(_clauses(rest, starts, _OF_COLUMNS)))

    def __str__(self) -> str:
        return " ".join(filter(None, (self.quoted, self.type, *(clause.text for clause in self.clauses))))

    def clause(self, kind: str) -> Clause | None:
        """Its clause of a kind."""
        return next((clause for clause in self.clauses if clause.kind == kind), None)

    def without(self, *kinds: str) -> Self:
        """The column without its clauses of some kinds."""
        return replace(self, clauses=tuple(clause for clause in self.clauses if clause.kind not in kinds))

    def like(self, other: "ColumnText", *kinds: str) -> Self:
        """The column with the clauses of some kinds that another one has, in place of its own."""
        kept = [clause for clause in self.clauses if clause.kind not in kinds]
        return replace(self, clauses=(*kept, *(clause for clause in other.clauses if clause.kind in kinds)))


@dataclass(slots=True)
class TableText:
    """A table as its statement says it.

    Attributes:
        head: What stands before the first parenthesis.
        columns: In their order.
        clauses: The rules of the table.
        tail: What stands behind the last parenthesis, such as `STRICT`.
    """

    head: str
    columns: list[ColumnText] = field(default_factory=list[ColumnText])
    clauses: list[Clause] = field(default_factory=list[Clause])
    tail: str = ""

    @classmethod
    def parse(cls, sql: str) -> Self:
        """Read a `CREATE TABLE` with columns; one that is made of a query is kept by SQLite with columns as well."""
        tokens = tokens_of(sql)
        body = next(at for at, token in enumerate(tokens) if token.kind == "group")
        head, tail = ("".join(token.text for token in part).strip() for part in (tokens[:body], tokens[body + 1 :]))
        table = cls(head, tail=tail)
        for part in _split(tokens_of(tokens[body].text[1:-1]), lambda token: token.text == ","):
            starts = _starts(part, _OF_TABLES)
            if starts and not significant(part[: starts[0]]):
                table.clauses += _clauses(part, starts, _OF_TABLES)
            elif significant(part):
                table.columns.append(ColumnText.parse("".join(token.text for token in part)))
        return table

    def __str__(self) -> str:
        lines = [*map(str, self.columns), *(clause.text for clause in self.clauses)]
        # A comment at the end of a line must not swallow the comma.
        body = ",".join(f"\n\t{line}{chr(10) if '--' in line else ''}" for line in lines)
        return f"{self.head} ({body}\n){' ' if self.tail else ''}{self.tail}"

    def column(self, name: str) -> ColumnText:
        """The column of that name, in whatever capitals.

        Raises:
            KeyError: There is none.
        """
        found = [column for column in self.columns if column.name.lower() == name.lower()]
        if not found:
            raise KeyError(name)
        return found[0]

    def put(self, column: ColumnText) -> None:
        """Replace the column of that name."""
        self.columns[self.columns.index(self.column(column.name))] = column

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The names of its columns."""
        own = next((clause.columns for clause in self.clauses if clause.kind == "PRIMARY KEY"), ())
        return own or tuple(column.name for column in self.columns if column.clause("PRIMARY KEY"))

    @property
    def has_hidden_key(self) -> bool:
        """Its rows have numbers that no column shows."""
        words = {token.word for token in tokens_of(self.tail)}
        names = {column.name.lower() for column in self.columns}
        keys = [self.column(name).type.upper() for name in self.primary_key]
        return "WITHOUT" not in words and "rowid" not in names and keys != ["INTEGER"]


_SHORT: Final = {"PRIMARY KEY": "pk", "UNIQUE": "uq", "REFERENCES": "fk", "FOREIGN KEY": "fk", "CHECK": "ck"}


def conventional_name(table: str, clause: Clause, column: ColumnText | None = None) -> str | None:
    """The name by which a revision drops a rule that has none: that of `NAMING_CONVENTION`, but for checks.

    Args:
        table: The table's name.
        clause: The rule.
        column: The column that it stands with, if it does.
    """
    if clause.name is not None or clause.kind not in _SHORT:
        return None
    parts = [_SHORT[clause.kind], table]
    if clause.kind == "CHECK":
        parts.append(f"{zlib.crc32(plain(clause.body).encode()):08x}")
    elif clause.kind != "PRIMARY KEY":
        parts += (column.name,) if column is not None else clause.columns
    return "_".join([*parts, clause.referred]).rstrip("_") if "fk" in parts else "_".join(parts)


def _split(tokens: Sequence[Token], is_border: Callable[[Token], bool]) -> Iterator[list[Token]]:
    part: list[Token] = []
    for token in tokens:
        if is_border(token):
            yield part
            part = []
        else:
            part.append(token)
    yield part


_OF_COLUMNS: Final = frozenset(
    {"PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS", "CONSTRAINT"}
)
_OF_TABLES: Final = frozenset({"PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"})
_KINDS: Final = {"PRIMARY": "PRIMARY KEY", "FOREIGN": "FOREIGN KEY", "NOT": "NOT NULL", "AS": "GENERATED"}
# `SET NULL`, `NOT DEFERRABLE`, `GENERATED ALWAYS AS`, `DEFAULT NULL`, `CONSTRAINT x CHECK` go on with what they began.
_GOES_ON: Final = frozenset({("SET", "NULL"), ("SET", "DEFAULT"), ("DEFAULT", "NULL"), ("ALWAYS", "AS")})


def _starts(tokens: Sequence[Token], words: frozenset[str]) -> list[int]:
    """Where clauses begin."""
    places = [at for at, token in enumerate(tokens) if token.kind != "space"]
    starts: list[int] = []
    for number, at in enumerate(places):
        word = tokens[at].word
        before = tokens[places[number - 1]].word if number else ""
        after = tokens[places[number + 1]].word if number + 1 < len(places) else ""
        is_named = number > 1 and tokens[places[number - 2]].word == "CONSTRAINT"
        goes_on = (before, word) in _GOES_ON or (before == "NOT" and word == "NULL") or before == "CONSTRAINT"
        if word in words and not is_named and not goes_on and (word, after) != ("NOT", "DEFERRABLE"):
            starts.append(at)
    return starts


def _clauses(tokens: Sequence[Token], starts: Sequence[int], words: frozenset[str]) -> Iterator[Clause]:
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=False):
        part = tokens[start:end]
        named = significant(part)
        is_named = named[0].word == "CONSTRAINT" and len(named) > 2
        word = next((token.word for token in named[2 if is_named else 0 :] if token.word in words), "")
        text = "".join(token.text for token in part).strip()
        yield Clause(_KINDS.get(word, word), text, named[1].name if is_named else None)
