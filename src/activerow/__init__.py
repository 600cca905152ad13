"""Active Record for async SQLAlchemy: models, task-safe units of work, typed queries and precise errors."""

from activerow.database import Database
from activerow.lookups import Q
from activerow.record import ActiveRecord

__all__ = ["ActiveRecord", "Database", "Q"]
