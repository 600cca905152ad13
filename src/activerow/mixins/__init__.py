"""Columns and behaviour to mix into models."""

from activerow.mixins.table_name import AutoTableName
from activerow.mixins.timestamps import Timestamps
from activerow.mixins.versioned import Versioned

__all__ = ["AutoTableName", "Timestamps", "Versioned"]
