"""`With` and `Without`: values that add members to a to-many relation, or take them out."""

from typing import Final


class _Members:
    """Some rows of a to-many relation."""

    __slots__ = ("rows",)

    rows: Final[tuple[object, ...]]

    def __init__(self, *rows: object) -> None:
        self.rows = rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.rows))})"


class With(_Members):
    """A value for a to-many relation: all that it has, and these rows.

    `await post.update(tags=With(tag))` is an INSERT into the table between where the tag is no member yet, and nothing
    where it is, whatever the number of tags.
    """

    __slots__ = ()


class Without(_Members):
    """A value for a to-many relation: all that it has, but not these rows.

    `await post.update(tags=Without(tag))` is a DELETE from the table between, whatever the number of tags; of a
    one-to-many relation the row's foreign key becomes NULL, or the row is deleted where the relation says
    `delete-orphan`. What is no member is passed over.
    """

    __slots__ = ()
