"""The pictures of one comparison, each taken once, and what could not be compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table

from activerow.migrations.schema.ownership import Name
from activerow.migrations.schema.pictures import NoPictureError, Picture, picture_there, picture_wanted

OPTION: Final = "activerow_seen"
"""Of Alembic's context: where the pictures of a comparison are."""


@dataclass(slots=True)
class Seen:
    """What was looked at.

    Attributes:
        is_our_type: Whether an enum type is one of the project's.
        notes: What could not be compared, or is seen and not changed by a revision.
    """

    is_our_type: Callable[[Name], bool]
    notes: list[str] = field(default_factory=list[str])
    _pictures: dict[tuple[str | None, str], tuple[Picture, Picture] | None] = field(default_factory=dict[Any, Any])

    def of(self, connection: Connection, table: Table) -> tuple[Picture, Picture] | None:
        """The table that is there, and the model's; None where the server could not say what it would be."""
        key = table.schema, table.name
        if key not in self._pictures:
            self._pictures[key] = self._look(connection, table)
        return self._pictures[key]

    def _look(self, connection: Connection, table: Table) -> tuple[Picture, Picture] | None:
        there = picture_there(connection, table)
        try:
            ours = picture_wanted(connection, table)
        except NoPictureError as error:
            self.notes.append(f"{table.name}: constraints and indexes only by their columns: {error}")
            return None
        for option in sorted(there.options.keys() | ours.options.keys()):
            was, wanted = there.options.get(option, "none"), ours.options.get(option, "none")
            if was != wanted:
                self.notes.append(f"{table.name}: {option} is {was}, the model's {wanted}; no revision changes it")
        return there, ours


def seen_of(context: AutogenContext, table: Table) -> tuple[Picture, Picture] | None:
    """The pictures of a table of the model, in the comparison that is going on."""
    seen: Seen = context.opts[OPTION]
    connection: Any = context.connection
    return seen.of(connection, table)


def note(context: AutogenContext, words: str) -> None:
    """Note something about the comparison that is going on."""
    seen: Seen = context.opts[OPTION]
    if words not in seen.notes:
        seen.notes.append(words)


def notes_of(context: MigrationContext) -> tuple[str, ...]:
    """What the comparison that has just been made could not compare, or saw and does not change."""
    seen: Seen = context.opts[OPTION]
    return tuple(seen.notes)
