"""SQL that every server writes in words of its own."""

import re
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeVar

from sqlalchemy.exc import UnsupportedCompilationError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from activerow.backends.known import backend_of

T = TypeVar("T")

_CLAUSE: Final = re.compile(r"\{(\d)\}")


class ServerElement(FunctionElement[T]):
    """Clauses, put into the words that the server's `Backend` has for the element."""

    inherit_cache = True

    words: ClassVar[str]
    """Where they stand: `text.like`."""

    def place(self) -> str:
        """The same, where it depends on the clauses."""
        return self.words


@compiles(ServerElement)
def written(element: ServerElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    """The SQL of the element in the server's words."""
    words = attrgetter(element.place())(backend_of(compiler.dialect))
    if words is None:
        raise UnsupportedCompilationError(compiler, type(element))
    clauses = tuple(element.clauses)
    # Only those that stand in the text: PostgreSQL refuses a parameter that was compiled and is used nowhere.
    used = {number: compiler.process(clauses[int(number)], **options) for number in _CLAUSE.findall(words)}
    return _CLAUSE.sub(lambda match: used[match[1]], words)
