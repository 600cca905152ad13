"""What the text of a statement tells: whether it writes, to which table, and which value goes into which column.

Reads the SQL that SQLAlchemy renders, for error messages; of anything else it says little rather than something wrong.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

_NAME: Final = r'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|\w+)'
_DML: Final = re.compile(
    rf"""
    (?<!FOR\s)\b
    (?: (?P<insert>INSERT\s+(?:(?:OR\s+\w+|IGNORE)\s+)?INTO|REPLACE\s+INTO)
      | (?P<update>UPDATE(?:\s+OR\s+\w+)?(?:\s+ONLY)?)
      | (?P<delete>DELETE\s+FROM(?:\s+ONLY)?) )
    \s+(?:{_NAME}\.)*(?P<table>{_NAME})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LETTERS: Final = string.ascii_letters
_READS: Final = frozenset({"SELECT", "WITH"})
_VERBS: Final = _READS | {"INSERT", "REPLACE", "UPDATE", "DELETE"}
_LEAD: Final = re.compile(r"^(?:\s|\(|/\*.*?\*/|--[^\n]*\n)*", re.DOTALL)
_QUOTED: Final = re.compile(r"""\"(?:[^"]|"")*\"|`(?:[^`]|``)*`|'(?:[^']|'')*'""")
_VALUES: Final = re.compile(r"\s*(?:OVERRIDING SYSTEM VALUE\s*)?VALUES\s*", re.IGNORECASE)
_SET: Final = re.compile(r".*?\bSET\s+(.*)", re.IGNORECASE | re.DOTALL)
_END_OF_SET: Final = re.compile(r"\s(?:WHERE|FROM|RETURNING|ORDER|LIMIT)\s", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"\?|%s|%\((?P<name>[^)]+)\)s|\$(?P<number>\d+)")
_PERCENT: Final = re.compile(r"%s|%\(")
_CAST: Final = re.compile(r"(?:::[\w ]+(?:\([\d, ]*\))?(?:\[\])?)?")
_MATCH: Final = re.compile(r"\s(?:REGEXP|~)\s", re.IGNORECASE)
_DOTTED: Final = re.compile(rf"({_NAME})\.({_NAME})")
_READING: Final = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:select|values|explain|pragma|with)\b", re.IGNORECASE)
_WRITING: Final = re.compile(r"\b(?:insert|update|delete|replace)\b", re.IGNORECASE)


def is_read(statement: str) -> bool:
    """Whether an SQL text only reads. In doubt it writes: `SELECT ... FOR UPDATE` does, a function call does not."""
    return _READING.match(statement) is not None and not _WRITING.search(statement)


@dataclass(frozen=True, slots=True)
class StatementText:
    """What a statement does: `insert`, `update`, `delete`, `select`, or None for anything else."""

    operation: str | None = None
    table: str | None = None
    bound: Mapping[str, object] = field(default_factory=dict[str, object])


def read_statement(statement: str | None, parameters: object = None) -> StatementText:
    """Read one statement; `bound` stays empty when it writes several rows, as nobody knows which of them failed."""
    text = _LEAD.sub("", statement or "")
    if _PERCENT.search(_without_names(text)):
        # In this style of parameters each "%" of a name is written twice.
        text = _QUOTED.sub(lambda match: match[0].replace("%%", "%"), text)
    verb = _verb(text).upper()
    if verb not in _VERBS:
        return StatementText()
    match = _DML.search(text) if verb != "SELECT" else None
    if match is None:
        return StatementText("select" if verb in _READS else None)
    operation = next(name for name in ("insert", "update", "delete") if match[name])
    return StatementText(operation, _unquoted(match["table"]), _bound(operation, text[match.end() :], parameters))


def matched_columns(statement: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The columns that a statement compares with regular expressions, and the table of the first one."""
    text = statement or ""
    ends = [match.start() for match in _MATCH.finditer(_without_names(text))]
    names = [found[-1] for end in ends if (found := _DOTTED.findall(text, 0, end))]
    if not names:
        return None, ()
    alias = re.search(rf"({_NAME}) AS {re.escape(names[0][0])}(?!\w)", text)
    table = _unquoted(alias[1] if alias is not None else names[0][0])
    return table, tuple(dict.fromkeys(_unquoted(column) for owner, column in names if owner == names[0][0]))


def first_word(statement: str) -> str:
    """The verb of a statement in lower case: `select`, `insert`, `begin`, ..."""
    return _verb(_LEAD.sub("", statement)).lower()


def _verb(text: str) -> str:
    return text[: len(text) - len(text.lstrip(_LETTERS))]


def _unquoted(name: str) -> str:
    """The last part of a name, as the database has it."""
    parts = re.findall(_NAME, name) or [name.strip()]
    last: str = parts[-1]
    quote = last[:1]
    return last[1:-1].replace(quote * 2, quote) if quote in {'"', "`"} else last


def _without_names(text: str) -> str:
    """The text with every letter of quoted names and texts replaced by one that means nothing; as long as before."""
    return _QUOTED.sub(lambda match: "q" * len(match[0]), text)


def _bound(operation: str, rest: str, parameters: object) -> dict[str, object]:
    """Column name to value, for the columns that are set to a bare parameter."""
    if not isinstance(parameters, tuple | dict):
        return {}
    pairs = _inserted(rest) if operation == "insert" else _updated(rest) if operation == "update" else []
    taken = 0
    bound: dict[str, object] = {}
    for column, expression in pairs:
        match = _PLACEHOLDER.match(expression)
        if match is not None and _CAST.fullmatch(expression, match.end()):
            bound.update(_value(column, match, taken, cast("Sequence[object] | Mapping[str, object]", parameters)))
        taken += len(_PLACEHOLDER.findall(_without_names(expression)))
    return bound


def _value(
    column: str, placeholder: re.Match[str], taken: int, parameters: Sequence[object] | Mapping[str, object]
) -> dict[str, object]:
    if isinstance(parameters, Mapping):
        name = placeholder["name"]
        return {column: parameters[name]} if name in parameters else {}
    position = int(placeholder["number"]) - 1 if placeholder["number"] else taken
    return {column: parameters[position]} if position < len(parameters) else {}


def _inserted(rest: str) -> list[tuple[str, str]]:
    names, end = _bracket(rest, len(rest) - len(rest.lstrip()))
    match = _VALUES.match(rest, end)
    if match is None:
        return []
    values, end = _bracket(rest, match.end())
    if rest[end:].lstrip().startswith(","):
        return []
    columns, expressions = [_unquoted(name) for name in _split(names)], list(_split(values))
    return list(zip(columns, expressions, strict=True)) if len(columns) == len(expressions) else []


def _updated(rest: str) -> list[tuple[str, str]]:
    shape = _without_names(rest)
    match = _SET.match(shape)
    if match is None:
        return []
    end = _END_OF_SET.search(shape, match.start(1))
    pairs: list[tuple[str, str]] = []
    for part in _split(rest[match.start(1) : end.start() if end else len(rest)]):
        place = _without_names(part).find("=")
        pairs.append((_unquoted(part[:place]), part[place + 1 :].strip()))
    return pairs


def _bracket(text: str, start: int) -> tuple[str, int]:
    """What is inside of the bracket that opens at `start`, and where it ends."""
    depth = 0
    shape = _without_names(text)
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(shape[position], 0)
        if depth == 0:
            return text[start + 1 : position], position + 1
    return "", len(text)


def _split(text: str) -> Iterator[str]:
    """The parts between commas that are in no bracket."""
    depth = start = 0
    for position, character in enumerate(_without_names(text)):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    yield text[start:].strip()
