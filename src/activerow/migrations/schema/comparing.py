"""How the models are compared with a database."""

from typing import Any, Final

from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority

from activerow import partial_index
from activerow.migrations.schema import checks, defaults, rendering
from activerow.migrations.schema.ownership import Ownership

_OURS: Final = Plugin("activerow")
_OURS.add_autogenerate_comparator(checks.compare, "table", "checkconstraints")
_OURS.add_autogenerate_comparator(defaults.compare, "column", "server_default", priority=DispatchPriority.FIRST)


def comparison(ownership: Ownership) -> dict[str, Any]:
    """Options for Alembic: types, server defaults and checks are compared, and revisions written for every backend."""
    return {
        "compare_type": True,
        "compare_server_default": True,
        # A batch is a plain ALTER where the server can do it, so one revision serves SQLite as well.
        "render_as_batch": True,
        "render_item": rendering.render,
        "include_name": ownership.includes,
        "include_object": partial_index.include_object,
        # Without it, the tables of schemas would be created again and again.
        "include_schemas": bool(ownership.schemas),
        "autogenerate_plugins": ["alembic.autogenerate.*", _OURS.name],
    }
