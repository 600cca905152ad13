"""Methods that belong to the class alone, or to an instance alone, and say so when called on the other.

Both decorators are typed as identities: editors and type checkers see the plain method underneath.
"""

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast

from activerow.errors import InstanceMethodError

F = TypeVar("F")

_ALSO_OF_A_QUERY = frozenset({"update", "delete"})


def on_class(method: F) -> F:
    """Refuse calls on an instance with `InstanceMethodError`; stands above `@classmethod`."""
    return cast("F", _ClassOnly(cast("classmethod[Any, ..., Any]", method)))


def on_instance(method: F) -> F:
    """Refuse calls on the class with `InstanceMethodError`; stands above a plain method."""
    return cast("F", _InstanceOnly(cast("Callable[..., Any]", method)))


class _ClassOnly:
    """A classmethod whose name, read from an instance, is a callable that refuses."""

    def __init__(self, method: "classmethod[Any, ..., Any]") -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__
        self.__name__ = method.__func__.__name__

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self.__wrapped__.__get__(None, owner)
        instead = f"{owner.__name__}.{self.__name__}(...)"
        return _refusal(self.__wrapped__.__func__, InstanceMethodError(owner.__name__, self.__name__, instead))


class _InstanceOnly:
    """A method whose name, read from the class, is a callable that refuses."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__
        self.__name__ = method.__name__

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is not None:
            return self.__wrapped__.__get__(instance, owner)
        return _refusal(self.__wrapped__, InstanceMethodError(owner.__name__, self.__name__, self._instead(owner)))

    def _instead(self, owner: type) -> str:
        one = f"row = await {owner.__name__}.get(...); await row.{self.__name__}(...)"
        if self.__name__ not in _ALSO_OF_A_QUERY:
            return one
        return f"{one}, or for many rows await {owner.__name__}.filter_by(...).{self.__name__}(...)"


def _refusal(method: Callable[..., Any], error: InstanceMethodError) -> Callable[..., NoReturn]:
    # Refused when called, not when read: tools that walk attributes (debuggers, inspect, Pydantic) must not fail.
    @functools.wraps(method)
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise error

    return refuse
