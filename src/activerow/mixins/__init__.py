"""Columns and behaviour to mix into models."""

from activerow.mixins.owned_by import Owned, Owner, owned_by
from activerow.mixins.soft_delete import SoftDelete
from activerow.mixins.table_name import AutoTableName
from activerow.mixins.timestamps import Timestamps

__all__ = ["AutoTableName", "Owned", "Owner", "SoftDelete", "Timestamps", "owned_by"]
