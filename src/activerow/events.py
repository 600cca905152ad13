"""Hearing of what happens to rows, and of each statement, for code outside of the model.

```py
@events.after_create(User)
async def welcome(user: User) -> None: ...


@events.committed(User, Order)
async def drop_caches(changes: list[events.Change]) -> None: ...
```

A subscription holds for the model and its subclasses; without a model, for all of them.

And of each statement that was sent, for metrics and traces:

```py
@events.on_statement
def measure(statement: events.Statement) -> None:
    QUERY_SECONDS.labels(statement.operation).observe(statement.duration)
```
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from activerow.database.engine import Statement, statements
from activerow.database.flush import mapper_events
from activerow.errors import UsageError
from activerow.mapping import Change, hooks

__all__ = [
    "MOMENTS",
    "Change",
    "Statement",
    "after_create",
    "after_delete",
    "after_save",
    "after_update",
    "before_create",
    "before_delete",
    "before_save",
    "before_update",
    "committed",
    "ignore_statements",
    "listen",
    "on_statement",
    "unlisten",
]

F = TypeVar("F", bound=Callable[..., Any])

MOMENTS: Final = (*hooks.MOMENTS, hooks.COMMITTED)
"""What can be subscribed: the names of the life-cycle hooks, and `committed`."""


def listen(model: type, moment: str, function: Callable[..., object]) -> None:
    """Have `function` called at `moment` for the rows of `model` and its subclasses; `object` means every model.

    It is called with the row, after the hooks of the model itself, and with what changed if it takes a second
    parameter. At `committed` it is called with the list of `Change`. Subscribing a second time changes nothing.

    Raises:
        UsageError: There is no such moment, or the function cannot be called like this.
    """
    _check(moment)
    hooks.subscribe(model, moment, function)
    mapper_events.watch_subclasses(model)


def unlisten(model: type, moment: str, function: Callable[..., object]) -> None:
    """Call `function` no longer.

    Raises:
        UsageError: There is no such moment, or the function was not subscribed to it.
    """
    _check(moment)
    if not hooks.unsubscribe(model, moment, function):
        raise UsageError(f"{function!r} does not listen to {moment} of {model.__name__}")


def _check(moment: str) -> None:
    if moment not in MOMENTS:
        raise UsageError(f"there is no moment {moment!r} in the life of a row; choices: {', '.join(MOMENTS)}")


def before_save(*models: type) -> Callable[[F], F]:
    """Call the function before a row is inserted or updated; it may set columns, or raise to refuse."""
    return _decorator("before_save", models)


def before_create(*models: type) -> Callable[[F], F]:
    """Call the function before a row is inserted."""
    return _decorator("before_create", models)


def before_update(*models: type) -> Callable[[F], F]:
    """Call the function before columns of a row are updated."""
    return _decorator("before_update", models)


def before_delete(*models: type) -> Callable[[F], F]:
    """Call the function before a row is deleted."""
    return _decorator("before_delete", models)


def after_create(*models: type) -> Callable[[F], F]:
    """Call the function after a row was inserted, in its transaction."""
    return _decorator("after_create", models)


def after_update(*models: type) -> Callable[[F], F]:
    """Call the function after a row was updated, in its transaction."""
    return _decorator("after_update", models)


def after_delete(*models: type) -> Callable[[F], F]:
    """Call the function after a row was deleted, in its transaction."""
    return _decorator("after_delete", models)


def after_save(*models: type) -> Callable[[F], F]:
    """Call the function after a row was inserted or updated, in its transaction."""
    return _decorator("after_save", models)


def committed(*models: type) -> Callable[[Callable[[list[Change]], Any]], Callable[[list[Change]], Any]]:
    """Call the function after a commit, once, with what was created, updated and deleted, in order.

    It runs where `db.on_commit` does: after the unit ended and its connection went back, outside any unit. What a
    savepoint has undone is not told. An error in it is logged; nobody else is hindered.
    """
    return _decorator(hooks.COMMITTED, models)


def _decorator(moment: str, models: tuple[type, ...]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for model in models or (object,):
            listen(model, moment, function)
        return function

    return decorate


S = TypeVar("S", bound=Callable[[Statement], object])


def on_statement(function: S) -> S:
    """Call the function after each statement that any Database sends, also past activerow, failed ones included.

    It is called in the task that sent the statement and before the next one, so it shall be quick, and cannot be async.
    An error in it is logged and harms nobody. `logging.getLogger("activerow.sql")` tells the same at DEBUG.

    Raises:
        UsageError: It is async.
    """
    statements.subscribe(function)
    return function


def ignore_statements(function: Callable[[Statement], object]) -> None:
    """Call the function no longer.

    Raises:
        UsageError: It was not subscribed.
    """
    if not statements.unsubscribe(function):
        raise UsageError(f"{function!r} does not listen to statements")
