"""Columns and behaviour to mix into models."""

from activerow.mixins.audit_log import AuditLog
from activerow.mixins.audited import Audited
from activerow.mixins.owned_by import Owned, Owner, owned_by
from activerow.mixins.soft_delete import SoftDelete
from activerow.mixins.table_name import AutoTableName
from activerow.mixins.timestamps import Timestamps
from activerow.mixins.versioned import Versioned

__all__ = [
    "AuditLog",
    "Audited",
    "AutoTableName",
    "Owned",
    "Owner",
    "SoftDelete",
    "Timestamps",
    "Versioned",
    "owned_by",
]
