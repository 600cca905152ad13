"""Columns and behaviour to mix into models."""

from activerow.mixins.audit_log import AuditLog
from activerow.mixins.audited import Audited
from activerow.mixins.table_name import AutoTableName
from activerow.mixins.timestamps import Timestamps
from activerow.mixins.versioned import Versioned

__all__ = ["AuditLog", "Audited", "AutoTableName", "Timestamps", "Versioned"]
