"""Whether two server defaults are the same."""

import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from activerow.migrations.schema.sql_tokens import plain


def is_same_default(there: str | None, ours: str | None, dialect: Any) -> bool:
    """The two are equal; SQLite keeps what was written, so the same value may be written in several ways there."""
    if there == ours or None in (there, ours):
        return there == ours
    return dialect.name == "sqlite" and _normal(str(there)) == _normal(str(ours))


def _normal(default: str) -> object:
    text = default.strip()
    while text.startswith("(") and _is_one_group(text):
        text = text[1:-1].strip()
    inner = text[1:-1].replace("''", "'") if re.fullmatch(r"'(?:[^']|'')*'", text) else text
    if inner.lower() in {"true", "false"}:
        return Decimal(inner.lower() == "true")
    with suppress(InvalidOperation):
        return Decimal(inner)
    return inner if inner != text else plain(text)


def _is_one_group(text: str) -> bool:
    """The first parenthesis is closed by the last."""
    depth = 0
    for at, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return at == len(text) - 1
    return False
