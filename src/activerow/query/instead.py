"""What a query is not, and what to write instead: who awaits, loops over or tests one is told the terminal."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from activerow.errors import UsageError

_INSTEAD: Final[Mapping[str, str]] = {
    "__await__": "is not awaited itself; await one of its terminals: await query.all(), .first(), .one(), .count()",
    "__iter__": "is no list; write for row in await query.all()",
    "__aiter__": "is no stream; write async for row in query.stream()",
    "__len__": "has no length; write await query.count()",
    "__bool__": "is neither true nor false; write await query.exists()",
    "__getitem__": "is no list; write query.offset(...).limit(...), or await query.page(number, size)",
}


def refuse_protocols(query: type) -> None:
    """Let objects of the class say so, where Python would find them true, or only that it cannot use them.

    Not as methods of the class: type checkers would then take the mistake for a right use.
    """
    for name, words in _INSTEAD.items():
        setattr(query, name, _refusing(words))


def _refusing(words: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *_arguments: object) -> NoReturn:
        raise UsageError(f"a query of {self.model.__name__} {words}")

    return refuse
