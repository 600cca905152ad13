"""What a model says about writes that load no rows: `create_many`, `upsert_many`, and `update`, `delete` of a query.

These pass by the session, so that nothing a class does when one of its rows is flushed happens. Each of them calls
`announce` before anything is sent; a class that must know, or cannot allow it, has a rule here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

Operation = Literal["create_many", "upsert_many", "update", "delete"]


@dataclass(frozen=True, slots=True)
class BulkWrite:
    """A write of many rows that is about to begin."""

    model: type
    operation: Operation


Rule = Callable[[BulkWrite], None]
"""Told of a write; raises `UsageError` to refuse it."""

_rules: "WeakKeyDictionary[type, list[Rule]]" = WeakKeyDictionary()


def add_rule(owner: type, rule: Rule) -> None:
    """Have `rule` called before every such write of `owner`, or of a class that inherits from it."""
    _rules.setdefault(owner, []).append(rule)


def announce(model: type, operation: Operation) -> None:
    """Tell the rules of a model's classes, the bases' first, that rows are about to be written.

    Raises:
        UsageError: A rule refuses it.
    """
    if not _rules:
        return
    write = BulkWrite(model, operation)
    for owner in reversed(model.__mro__):
        for rule in _rules.get(owner, ()):
            rule(write)
