"""Who asks a model for what a query does, `User.all()`, is told the word between: `User.query().all()`.

The model does not get those names (decision 10): its columns may be called `count` and `first`. So they are looked for
only where nothing else was found, in the class of the class.
"""

from functools import lru_cache
from typing import Any

from activerow.query import Query


class _Tells:
    """What a model's class inherits from, beside what it was made by."""

    def __getattr__(cls, name: str) -> Any:  # noqa: N805  # pyright: ignore[reportSelfClsParameterName]  # its instances are classes
        ask: Any = getattr(super(), "__getattr__", None)
        if ask is not None:
            return ask(name)
        model: Any = cls
        words = f"type object {model.__name__!r} has no attribute {name!r}"
        if not name.startswith("_") and hasattr(Query, name):
            words += f": a query has it, {model.__name__}.query().{name}"
        raise AttributeError(words, name=name, obj=cls)


def tell_queries_words(model: type) -> None:
    """Let the class, and those that inherit from it, say so; not classes that no declarative base has made."""
    made_by: Any = type(model)
    if made_by is not type and not issubclass(made_by, _Tells):
        model.__class__ = _telling(made_by)


@lru_cache
def _telling(made_by: Any) -> type:
    return type(made_by.__name__, (_Tells, made_by), {"__module__": made_by.__module__})
