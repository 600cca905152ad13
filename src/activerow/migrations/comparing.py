"""How the models are compared with a database, and how differences are written into a revision."""

import re
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Column

from activerow.migrations.progress import TABLE

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


def _render(kind: str, item: Any, context: AutogenContext) -> str | bool:
    """Import the modules of types that are not SQLAlchemy's, which Alembic alone only names."""
    if kind == "type":
        module: str = item.__class__.__module__
        if not module.startswith("sqlalchemy."):
            context.imports.add(f"import {module}")
    return False


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
    return re.sub(r"[\s()'\"`]", "", default).lower()
