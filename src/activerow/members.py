"""`Without`: a value that takes members out of a to-many relation."""

from typing import Final


class Without:
    """A value for a to-many relation: all that it has, but not these rows.

    `await post.update(tags=Without(tag))` is a DELETE from the table between, whatever the number of tags; of a
    one-to-many relation the row's foreign key becomes NULL, or the row is deleted where the relation says
    `delete-orphan`. What is no member is passed over.
    """

    __slots__ = ("rows",)

    rows: Final[tuple[object, ...]]

    def __init__(self, *rows: object) -> None:
        self.rows = rows

    def __repr__(self) -> str:
        return f"Without({', '.join(map(repr, self.rows))})"
