"""The root of the tree, how its members travel, and the branch of the wrong programs."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ActiveRowError(Exception):
    """Anything activerow raises."""

    code: ClassVar[str] = "activerow_error"

    position: int | None = None
    """Of many rows written at once, the one it is about, counted from 0."""

    place: tuple[str | int, ...] = ()
    """Where the row that it is about stands in nested values, `("books", 1)`; empty for the row itself."""

    @property
    def _at(self) -> str:
        nested = f" at {'.'.join(map(str, self.place))}" if self.place else ""
        return f" rows[{self.position}]{nested}" if self.position is not None else nested

    def __str__(self) -> str:
        return " ".join(str(part) for part in self.args) or type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the attributes, without calling a constructor whose parameters are keywords."""
        return restored, (type(self), self.args, self.__dict__)


def restored(kind: type[ActiveRowError], args: tuple[Any, ...], state: Mapping[str, Any]) -> ActiveRowError:
    """The error that `__reduce__` took apart."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(ActiveRowError):
    """The program is wrong: no other input or a second try would make the call right."""

    code = "usage_error"

    def __str__(self) -> str:
        return f"{super().__str__()}{f' (in{self._at})' if self._at else ''}"
