"""Pages of a list: numbered ones, and ones that follow each other by a cursor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

# Without slots: Page[int](...) sets an attribute of its own, which a frozen class with slots answers with a TypeError.
# Pydantic reads this attribute: rows become the schema's models although the page around them is a Page already.
_CONFIG: Final = {"revalidate_instances": "always"}


@dataclass(frozen=True)
class Page(Generic[T]):
    """A numbered page of a list, and how long the whole list is."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CONFIG

    items: list[T]
    number: int
    size: int
    total: int
    pages: int

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def map(self, fn: Callable[[T], U]) -> "Page[U]":
        """The same page of what `fn` makes of each item."""
        return Page([fn(item) for item in self.items], self.number, self.size, self.total, self.pages)


@dataclass(frozen=True)
class CursorPage(Generic[T]):
    """A page of a list, with the cursors of the pages beside it; null where there is none."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CONFIG

    items: list[T]
    next: str | None
    previous: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def map(self, fn: Callable[[T], U]) -> "CursorPage[U]":
        """The same page of what `fn` makes of each item."""
        return CursorPage([fn(item) for item in self.items], self.next, self.previous)
