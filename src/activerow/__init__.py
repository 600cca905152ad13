"""Active Record for async SQLAlchemy: models, task-safe units of work, typed queries and precise errors."""

from activerow.database import Database
from activerow.model.record import ActiveRecord
from activerow.q import Q

__all__ = ["ActiveRecord", "Database", "Q"]
