"""SQL that servers write in different words."""

import re
from typing import Any, ClassVar, Final, TypeVar

from sqlalchemy.exc import UnsupportedCompilationError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from activerow.backends.known import backend_of

T = TypeVar("T")

_CLAUSE: Final = re.compile(r"\{(\d)\}")


class ServerElement(FunctionElement[T]):
    """What `Backend.sql` has words for, by the name of the class or of one it inherits from."""

    inherit_cache = True

    words: ClassVar[str | None] = None
    """Those of all other servers, `{0}`, `{1}` ... being the clauses."""

    def __init_subclass__(cls) -> None:
        """Say that the class has no more to be told apart by than its clauses."""
        cls.inherit_cache = True
        super().__init_subclass__()


@compiles(ServerElement)
def written(element: ServerElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    """The SQL of the element in the server's words."""
    sql = backend_of(compiler.dialect).sql
    words = next((sql[kind.__name__] for kind in type(element).__mro__ if kind.__name__ in sql), element.words)
    if words is None:
        raise UnsupportedCompilationError(compiler, type(element))
    clauses = tuple(element.clauses)
    # Only those that stand in the text: PostgreSQL refuses a parameter that was compiled and is used nowhere.
    used = {number: compiler.process(clauses[int(number)], **options) for number in _CLAUSE.findall(words)}
    return _CLAUSE.sub(lambda match: used[match[1]], words)
