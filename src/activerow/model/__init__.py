"""What a model is and how its rows change.

- `record`: `ActiveRecord`, what a declarative base inherits from.
- `rows`: one row: its values, its relations, saved, deleted, read again.
- `bulk`: many rows at once.
"""

from activerow.model.record.record import ActiveRecord

__all__ = ["ActiveRecord"]
