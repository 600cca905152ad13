"""Whether a model's server default is the database's, which writes it in a form of its own."""

import json
import re
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import JSON, Column, Computed, DefaultClause, Enum, Identity, String

_LITERAL: Final = re.compile(r"\(*\s*'((?:[^'\\]|''|\\.)*)'\s*\)*(?:::.+)?", re.DOTALL)
_NUMBER: Final = re.compile(r"\(*\s*([-+]?\d+(?:\.\d*)?)\s*\)*(?:::.+)?")
_CAST: Final = re.compile(
    r"::(?:\"[^\"]+\"|[\w.]+)(?: varying| precision| with(?:out)? time zone)?(?:\(\d+(?:,\d+)?\))?"
)


def compare(
    context: AutogenContext,
    change: ops.AlterColumnOp,
    _schema: str | None,
    _table: str,
    _column: str,
    found: Column[Any],
    wanted: Column[Any],
) -> PriorityDispatchResult:
    """Propose a model's default where the database has another; what cannot be decided here is left to Alembic."""
    there, ours = found.server_default, wanted.server_default
    if _is_as_made(context, there, ours):
        return PriorityDispatchResult.STOP
    if not isinstance(there, DefaultClause) or not isinstance(ours, DefaultClause):
        return PriorityDispatchResult.CONTINUE
    change.existing_server_default = there
    is_other = _differs(context, wanted, str(there.arg), ours)
    if is_other is None:
        return PriorityDispatchResult.CONTINUE
    if is_other:
        change.modify_server_default = ours
    return PriorityDispatchResult.STOP


def _is_as_made(context: AutogenContext, there: object, ours: object) -> bool:
    """What stands in the place of a default, and is as the server made it of the model's."""
    if isinstance(ours, Identity):
        dialect: Any = context.dialect
        return not dialect.supports_identity_columns
    if isinstance(ours, Computed) and isinstance(there, Computed):
        known = _text(context, there.sqltext)  # SQLAlchemy cannot always read it from SQLite
        return not known or _plain(known) == _plain(_text(context, ours.sqltext))
    return False


def _text(context: AutogenContext, expression: Any) -> str:
    return str(expression.compile(dialect=context.dialect, compile_kwargs={"literal_binds": True}))


def _differs(context: AutogenContext, column: Column[Any], there: str, ours: DefaultClause) -> bool | None:
    dialect: Any = context.dialect
    if isinstance(ours.arg, str):
        return _text_differs(column, ours.arg, there, dialect.name)
    rendered = _text(context, ours.arg)
    known = literal_in(there), literal_in(rendered)
    if None not in known and _moment(known[0]) == _moment(known[1]) is not None:
        return False
    return None if _plain(there) != _plain(rendered) else False


def _text_differs(column: Column[Any], wanted: str, inspected: str, dialect: str) -> bool | None:
    found = literal_in(inspected, backslashes=dialect in {"mysql", "mariadb"})
    if found is None:
        return None
    if found == wanted or _number(found) == _number(wanted) is not None:
        return False
    if _moment(found) == _moment(wanted) is not None:
        return False
    if isinstance(column.type, JSON):
        return _document(found) != _document(wanted)
    # PostgreSQL would be asked whether the two are equal; Alembic puts them into the statement as they are.
    is_plain = isinstance(column.type, String | Enum) or "'" in wanted
    return True if is_plain else None


def literal_in(default: str, *, backslashes: bool = False) -> str | None:
    """The text or number that a default consists of, without quotes and casts; None where it is an expression."""
    if match := _LITERAL.fullmatch(default):
        text = match[1].replace("''", "'")
        return re.sub(r"\\(.)", r"\1", text) if backslashes else text
    match = _NUMBER.fullmatch(default)
    return match[1] if match else None


def _number(text: str) -> Decimal | None:
    with suppress(InvalidOperation):
        return Decimal(text)
    return {"true": Decimal(1), "false": Decimal(0)}.get(text.lower())


def _moment(text: str | None) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text or "")
    return None


def _document(text: str) -> object:
    with suppress(ValueError):
        return json.loads(text)
    return text


def _plain(default: str) -> str:
    plain = re.sub(r"[\s()'\"`]", "", _CAST.sub("", default)).lower()
    plain = re.sub(r"^(?:now|localtime(?:stamp)?|current_timestamp)(?=\d*$)", "now", plain)
    return {"true": "1", "false": "0"}.get(plain, plain)
