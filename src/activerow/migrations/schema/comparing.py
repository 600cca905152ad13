"""How the models are compared with a database."""

from typing import Any, Final

from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority

from activerow import partial_index
from activerow.migrations.schema import columns, enums, foreign_keys, rendering, rules
from activerow.migrations.schema.ownership import Ownership
from activerow.migrations.schema.seen import OPTION, Seen

_OURS: Final = Plugin("activerow")
_OURS.add_autogenerate_comparator(rules.compare, "table", "indexes", priority=DispatchPriority.FIRST)
_OURS.add_autogenerate_comparator(foreign_keys.compare, "table", "foreignkeys", priority=DispatchPriority.FIRST)
_OURS.add_autogenerate_comparator(enums.compare, "schema", "enums", priority=DispatchPriority.LAST)
_OURS.add_autogenerate_comparator(columns.compare_type, "column", "types", priority=DispatchPriority.FIRST)
_OURS.add_autogenerate_comparator(columns.compare_default, "column", "server_default", priority=DispatchPriority.FIRST)


def comparison(ownership: Ownership) -> dict[str, Any]:
    """Options for Alembic: whatever a server says of a table is compared, and revisions written for every backend."""
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
        OPTION: Seen(ownership.is_our_type),
    }
