"""`Groups`: what `Query.group_by` gives, the rows of a query put together where they agree."""

from activerow.query import Groups

__all__ = ["Groups"]
