"""A lookup whose names are resolved, and the forms its value may have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from activerow.errors import UsageError
from activerow.query.lookups.paths import Field

_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Lookup:
    """A field, perhaps a part of its date, a comparison and the value to compare with."""

    field: Field
    part: str | None
    word: str
    value: object

    @property
    def path(self) -> str:
        """How the left side of the comparison is written."""
        parts = (self.field.path, *self.field.keys, *([self.part] if self.part is not None else []))
        return "__".join(parts)

    def refused(self, expectation: str) -> UsageError:
        """The error for a value that does not fit the comparison."""
        return UsageError(f"{self.path}__{self.word} {expectation}")

    def items(self) -> list[object]:
        """The value as a list.

        Raises:
            UsageError: It is none.
        """
        value: Any = self.value
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise self.refused(f"takes a list of values, not {kind_of(self.value)}")
        return list(cast("Iterable[object]", value))

    def pair(self) -> tuple[object, object]:
        """The value as two values.

        Raises:
            UsageError: There are not two.
        """
        value: Any = self.value
        pair = list(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else []
        if len(pair) != _PAIR:
            raise self.refused("takes two values, (low, high)")
        return pair[0], pair[1]

    def flag(self) -> bool:
        """The value as a truth value.

        Raises:
            UsageError: It is none.
        """
        if not isinstance(self.value, bool):
            raise self.refused(f"takes True or False, not {kind_of(self.value)}")
        return self.value


def kind_of(value: object) -> str:
    """The type of a value, for a message."""
    return "None" if value is None else type(value).__name__
