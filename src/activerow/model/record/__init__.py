"""`ActiveRecord`: what a declarative base inherits from.

- `record`: the class, and what happens when a model is mapped.
- `reading`, `writing`, `many`: its methods.
- `get_or_create`: the row with these values, made when there is none.
"""

from activerow.model.record.record import ActiveRecord
from activerow.model.record.writing import Writing

__all__ = ["ActiveRecord", "Writing"]
