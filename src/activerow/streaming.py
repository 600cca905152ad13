"""`Stream`: what `Query.stream` gives, to read many rows in little memory."""

from activerow.query import Stream

__all__ = ["Stream"]
