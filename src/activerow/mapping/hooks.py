"""The life-cycle hooks of a model: methods that a class names so, and functions that others subscribe.

`before_save before_create before_update before_delete` and the same with `after_`. Every class that a model inherits
from contributes its own method, base classes first, so that mixins need not know of each other. Functions subscribed
in `activerow.events` run after the methods.
"""

import inspect as python
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from activerow.errors import UsageError

Operation = Literal["create", "update", "delete"]
Changes = dict[str, tuple[object, object]]
"""Column to (old, new)."""

OPERATIONS: Final[tuple[Operation, ...]] = ("create", "update", "delete")

_BEFORE: Final[dict[Operation, tuple[str, ...]]] = {
    "create": ("before_save", "before_create"),
    "update": ("before_save", "before_update"),
    "delete": ("before_delete",),
}
_AFTER: Final[dict[Operation, tuple[str, ...]]] = {
    "create": ("after_create", "after_save"),
    "update": ("after_update", "after_save"),
    "delete": ("after_delete",),
}
MOMENTS: Final = tuple(dict.fromkeys(n for names in (*_BEFORE.values(), *_AFTER.values()) for n in names))
"""The names a hook can have, and the moments that can be subscribed."""

COMMITTED: Final = "committed"
"""The one moment that is not of a row but of a unit."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A function to call with a row, and, when it takes a second parameter, with what changed."""

    label: str
    function: Callable[..., object]
    takes_changes: bool

    def call(self, row: object, changes: Changes) -> object:
        """Call it; an awaitable result is the caller's to await."""
        return self.function(row, changes) if self.takes_changes else self.function(row)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What runs for the rows of one model, in order."""

    before: dict[Operation, tuple[Hook, ...]]
    after: dict[Operation, tuple[Hook, ...]]
    committed: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was written: what `activerow.events.committed` tells.

    Attributes:
        operation: `create`, `update` or `delete`.
        model: The class of the row.
        row: The object that was written.
        key: Its primary key.
        changes: Column to (old, new); of a created or deleted row every column that has a value.
    """

    operation: Operation
    model: type
    row: object
    key: tuple[object, ...]
    changes: Changes = field(repr=False)


@dataclass(slots=True)
class _Known:
    """Everything that can be called, and what was found out about it."""

    listeners: dict[str, WeakKeyDictionary[type, tuple[Hook, ...]]] = field(
        default_factory=lambda: {name: WeakKeyDictionary() for name in (*MOMENTS, COMMITTED)}
    )
    found: WeakKeyDictionary[type, Hooks | None] = field(default_factory=WeakKeyDictionary[type, Hooks | None])
    in_use: bool = False


_known: Final = _Known()


def are_in_use() -> bool:
    """Whether any model has hooks, or anybody has subscribed."""
    return _known.in_use


def hooks_of(model: type) -> Hooks | None:
    """The hooks of a model; None when it has none, which is answered from memory after the first time.

    Raises:
        UsageError: A hook cannot be called as one.
    """
    try:
        return _known.found[model]
    except KeyError:
        found = _known.found[model] = _find(model)
        _known.in_use = _known.in_use or found is not None
        return found


def _find(model: type) -> Hooks | None:
    before: dict[Operation, tuple[Hook, ...]] = {op: _named(model, _BEFORE[op]) for op in OPERATIONS}
    after: dict[Operation, tuple[Hook, ...]] = {op: _named(model, _AFTER[op]) for op in OPERATIONS}
    committed = bool(listeners_of(model, COMMITTED))
    if committed or any((*before.values(), *after.values())):
        return Hooks(before, after, committed)
    return None


def _named(model: type, names: tuple[str, ...]) -> tuple[Hook, ...]:
    return tuple(hook for name in names for hook in (*_methods(model, name), *listeners_of(model, name)))


def _methods(model: type, name: str) -> list[Hook]:
    """The methods of that name in the model and all it inherits from, base classes first."""
    methods = [(cls, vars(cls)[name]) for cls in reversed(model.__mro__) if python.isfunction(vars(cls).get(name))]
    for cls, method in methods:
        _refuse_super(cls, method)
    return [_hook(f"{cls.__name__}.{name}()", method) for cls, method in methods]


def _refuse_super(cls: type, method: Any) -> None:
    code = method.__code__
    if "super" in code.co_names and method.__name__ in code.co_names:
        name = f"{cls.__name__}.{method.__name__}()"
        raise UsageError(
            f"{name} calls super().{method.__name__}(): leave that out, the hook of every base class runs by itself"
        )


def _hook(label: str, function: Callable[..., object]) -> Hook:
    """A hook of a function that takes a row, and perhaps what changed.

    Raises:
        UsageError: It takes something else.
    """
    signature = python.signature(function)
    for given in (2, 1):
        try:
            signature.bind(*[None] * given)
        except TypeError:
            continue
        return Hook(label, function, takes_changes=given == 2)
    raise UsageError(f"{label} is called with the row, or with the row and what changed; it takes {signature}")


# -- subscriptions ---------------------------------------------------------------------------------------------------


def listeners_of(model: type, moment: str) -> tuple[Hook, ...]:
    """The functions subscribed for a model or for a class it inherits from, in the order of the classes."""
    known = _known.listeners[moment]
    if not known:
        return ()
    return tuple(hook for cls in reversed(model.__mro__) for hook in known.get(cls, ()))


def subscribe(model: type, moment: str, function: Callable[..., object]) -> None:
    """Have `function` called for the rows of `model` and its subclasses; a second time changes nothing."""
    known = _known.listeners[moment]
    label = f"{getattr(function, '__qualname__', repr(function))}()"
    hook = Hook(label, function, takes_changes=False) if moment == COMMITTED else _hook(label, function)
    if all(other.function != function for other in known.get(model, ())):
        known[model] = (*known.get(model, ()), hook)
    _known.in_use = True
    _known.found.clear()


def unsubscribe(model: type, moment: str, function: Callable[..., object]) -> bool:
    """Call `function` no longer; says whether it was subscribed."""
    known = _known.listeners[moment]
    before = known.get(model, ())
    after = tuple(hook for hook in before if hook.function != function)
    known[model] = after
    _known.found.clear()
    return len(after) < len(before)


def subscribers() -> list[tuple[type, Hook]]:
    """Who wants to hear of commits, with the class each one asked for."""
    return [(model, hook) for model, hooks in _known.listeners[COMMITTED].items() for hook in hooks]
