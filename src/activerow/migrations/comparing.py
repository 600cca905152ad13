"""How the models are compared with a database, and how differences are written into a revision."""

import re
from typing import Any, Final, Literal

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Column, DefaultClause
from sqlalchemy.sql import functions
from sqlalchemy.sql.elements import False_, True_

from activerow.migrations.progress import TABLE
from activerow.types import utcnow

_OURS: Final = frozenset({TABLE.name})


def comparison(dialect: str) -> dict[str, Any]:
    """Options for Alembic: types and server defaults are compared, and revisions are written for every backend."""
    return {
        "compare_type": True,
        "compare_server_default": _mysql_default if dialect in {"mysql", "mariadb"} else True,
        # A batch is a plain ALTER where the server can do it, so one revision serves SQLite as well.
        "render_as_batch": True,
        "render_item": _render,
        "include_name": _is_included,
    }


def _is_included(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and name in _OURS)


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write what Alembic alone writes for one backend only, or without the import it needs; False leaves it to it."""
    if kind == "type":
        module: str = item.__class__.__module__
        if not module.startswith("sqlalchemy."):
            context.imports.add(f"import {module}")
    if kind == "server_default" and isinstance(item, DefaultClause):
        return _portable(item.arg, context)
    return False


def _portable(default: object, context: AutogenContext) -> str | Literal[False]:
    """A server default that every backend spells in its own way, as the expression it was made from."""
    if isinstance(default, utcnow):
        context.imports.add(f"import {utcnow.__module__}")
        return f"{utcnow.__module__}.utcnow()"
    for known, text in _EXPRESSIONS:
        if isinstance(default, known):
            return text
    return False


_EXPRESSIONS: Final[tuple[tuple[type[Any], str], ...]] = (
    (True_, "sa.true()"),
    (False_, "sa.false()"),
    (functions.now, "sa.func.now()"),
    (functions.current_timestamp, "sa.func.current_timestamp()"),
)


def _mysql_default(
    _context: object,
    _inspected: Column[Any],
    _metadata: Column[Any],
    inspected_default: str | None,
    _metadata_default: object,
    rendered: str | None,
) -> bool | None:
    """Whether the defaults differ; the server writes calls in a form of its own. None asks Alembic."""
    if inspected_default is None or rendered is None:
        return None
    return None if _plain(inspected_default) != _plain(rendered) else False


def _plain(default: str) -> str:
    plain = re.sub(r"[\s()'\"`]", "", default).lower()
    return {"true": "1", "false": "0"}.get(plain, plain)
