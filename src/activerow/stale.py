"""The versions of a row that somebody else has changed: the one in memory, and the one in the database."""

from sqlalchemy.orm.exc import StaleDataError


class StaleVersionError(StaleDataError):
    """SQLAlchemy's error for a versioned row, knowing more: what `StaleRecordError` is made from.

    Attributes:
        model: The class of the row.
        operation: `update` or `delete`.
        expected: The version in memory.
        found: The version in the database; None when the row is gone.
    """

    def __init__(self, model: type, operation: str, expected: object, found: object) -> None:
        super().__init__(f"{operation} of a {model.__name__} met another version of the row")
        self.model, self.operation = model, operation
        self.expected, self.found = expected, found
