"""Taking back what was refused before anything was sent: a row, and those it is related to, show what they did."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy.orm import InstanceState, Session
from sqlalchemy.orm.base import instance_state

from activerow.database.flush.around import refused
from activerow.database.flush.shown import show, stored_values
from activerow.database.flush.unsaved import Unsaved
from activerow.errors import ActiveRowError

State = InstanceState[Any]


@contextmanager
def as_before(session: Session, row: object, given: Mapping[str, object]) -> Generator[None, None, None]:
    """Have `row` and its relatives as they were, when the block that sets what is given is refused.

    Otherwise the members that a refused list was to replace would leave with the next flush of the unit.
    """
    state: State = instance_state(row)
    near = {state, *_relatives(state, given)}
    unsaved = {each: Unsaved(each) for each in near if each.key is not None and each.modified}
    try:
        yield
    except BaseException as error:
        if isinstance(error, ActiveRowError) or refused(session, error):
            show({each: stored_values(each) for each in near if each.key is not None and each.modified})
            for each, changes in unsaved.items():
                changes.put_back(each)
        raise


def _relatives(state: State, given: Mapping[str, object]) -> Iterator[State]:
    """The rows whose relations change with those that are given: present members, new ones, and who had these."""
    for name in given.keys() & state.mapper.relationships.keys():
        relation: Any = state.mapper.relationships[name]
        for member in (*_rows(state.dict.get(name)), *_rows(given[name])):
            yield member
            for reverse in relation._reverse_property:
                yield from _rows(member.dict.get(reverse.key))


def _rows(value: Any) -> Iterator[State]:
    """The rows in the value of a relation."""
    if hasattr(value, "_sa_instance_state"):
        yield instance_state(value)
        return
    held: Any = cast("Any", value).values() if isinstance(value, Mapping) else value
    members = getattr(held, "_sa_adapter", held)
    if isinstance(members, Iterable) and not isinstance(members, str):
        rows = (each for each in cast("Iterable[object]", members) if hasattr(each, "_sa_instance_state"))
        yield from (instance_state(each) for each in rows)
