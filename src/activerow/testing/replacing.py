"""Replacing a method of one object for a while."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(target: object, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Generator[None]:
    """Let `target.name` be what `make` makes of it, for the block."""
    own: dict[str, Any] = vars(target)
    kept = {name: own[name]} if name in own else {}
    setattr(target, name, make(getattr(target, name)))
    try:
        yield
    finally:
        delattr(target, name)
        own.update(kept)
