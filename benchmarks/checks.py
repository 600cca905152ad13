"""What a call must have done, before its time counts."""

import json
from collections.abc import Iterable
from typing import Any, cast

from benchmarks.peer import Peer
from benchmarks.rows import ACCOUNTS, AGES, COLUMNS, PAGE, POSTS_OF_EACH, an_age, an_email, an_id
from benchmarks.tasks import Task

_KEYS = ("id", *COLUMNS)
_ADDED = {"create": 1, "create_100": 100, "bulk_create": 10_000, "unit_create": 1, "whole_create": 1, "http_create": 1}


def checked(peer: Peer, task: Task, result: Any) -> None:
    """Look at what the first call (number 0) of a task gave.

    Raises:
        AssertionError: It is not what was asked for.
    """
    if task.name in {"get", "unit_get", "whole_get", "scoped_get"}:
        _equal(_value(result, "id"), an_id(0))
    if task.name in {"filter_one", "unit_first"}:
        _equal(_value(result, "email"), an_email(0))
    if task.name in {"filter_100", "unit_100"}:
        _equal([_value(row, "age") for row in result], [an_age(0)] * (ACCOUNTS // AGES))
    if task.name == "all_rows":
        _equal(len({_value(row, "id") for row in result}), ACCOUNTS)
    if task.call == "first_rows":
        _equal(len(result), task.size)
    if task.name in {"include", "unit_include"}:
        _equal(_family(peer, result), (PAGE, PAGE * POSTS_OF_EACH))
    if task.name == "count":
        _equal(result, ACCOUNTS // AGES)
    if task.name in {"exists", "unit_exists"}:
        _equal(bool(result), True)
    if isinstance(result, bytes):
        _checked_json(task, json.loads(result))


def written(task: Task, before: list[int], after: list[int]) -> None:
    """Compare the number of accounts and the sum of their balances around the first call of a task.

    Raises:
        AssertionError: Not what the call should have written is there.
    """
    _equal(after[0] - before[0], -1 if task.name == "load_delete" else _ADDED.get(task.name, 0))
    if task.name == "load_save":
        _equal(after[1] - before[1], 1)
    if task.name == "update_where":
        keys = range(AGES, ACCOUNTS + 1, AGES)  # an_age(0) is 0
        _equal(after[1] - before[1], len(keys) - 10 * sum(keys))


def _checked_json(task: Task, content: Any) -> None:
    if task.name in {"to_json", "http_list"}:
        _equal([row["age"] for row in content], [an_age(0)] * (ACCOUNTS // AGES))
        _equal(set(content[0]), set(_KEYS))
    if task.name in {"http_get", "http_session"}:
        _equal(content["id"], an_id(0))


def _value(row: Any, name: str) -> Any:
    if hasattr(row, name):
        return getattr(row, name)
    return row[_KEYS.index(name) if issubclass(type(row), tuple) else name]


def _family(peer: Peer, result: Any) -> tuple[int, int]:
    if isinstance(result, tuple):
        parents, children = cast("tuple[list[Any], dict[int, list[Any]]]", result)
        return len(parents), sum(len(some) for some in children.values())
    parents = list(cast("Iterable[Any]", result))
    return len(parents), sum(len(list(peer.posts(parent))) for parent in parents)


def _equal(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{str(found)[:100]} came, and should be {str(wanted)[:100]}")
