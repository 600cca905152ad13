"""What waits to be written in a session, as far as hooks concern it, and what of it changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import InstanceState, PassiveFlag, RelationshipDirection, Session
from sqlalchemy.orm.base import LoaderCallableStatus

from activerow.mapping import Change, Changes, Operation, are_in_use, hooks_of

State = InstanceState[Any]

_INFO: Final = "activerow_hooks"


@dataclass(slots=True)
class Aside:
    """What waits to be written, out of the session's sight while a hook runs."""

    new: dict[State, object]
    modified: set[State]
    deleted: dict[State, object]


@dataclass(slots=True)
class Work:
    """What is known of a session between two statements of its hooks."""

    aside: list[Aside] = field(default_factory=list[Aside])
    prepared: set[tuple[State, Operation]] = field(default_factory=set[tuple[State, Operation]])
    before: dict[State, Changes] = field(default_factory=dict[State, Changes])
    written: list[Change] = field(default_factory=list[Change])
    refusal: BaseException | None = None
    refused: frozenset[object] = frozenset()

    def begin(self) -> None:
        """Forget what an earlier flush, one that failed, has left."""
        self.prepared.clear()
        self.before.clear()
        self.written.clear()
        self.refusal, self.refused = None, frozenset()

    def refuse(self, error: BaseException, rows: Iterable[object]) -> None:
        """Note that a `before_` hook has refused the rows that wait."""
        self.refusal, self.refused = error, frozenset(rows)


def work_of(session: Session) -> Work:
    """What is known of a session; begun with the first question."""
    work: Work | None = session.info.get(_INFO)
    if work is None:
        work = session.info[_INFO] = Work()
    return work


def take_written(session: Session) -> list[Change]:
    """What the flush that is just over has written, of models that have hooks."""
    if not are_in_use():
        return []
    work = work_of(session)
    written, work.written = work.written, []
    work.prepared.clear()
    return written


def waiting_rows(session: Session) -> list[tuple[State, Operation]]:
    """The rows with hooks that a flush would write now."""
    internals: Any = session
    states: list[State] = [*internals._new, *internals._dirty_states, *internals._deleted]
    hooked = [state for state in dict.fromkeys(states) if hooks_of(state.class_) is not None]
    found: list[tuple[State, Operation]] = []
    for state in hooked:
        operation = _operation(state, deleted=state in internals._deleted)
        if operation is not None:
            found.append((state, operation))
    return found


def _operation(state: State, *, deleted: bool) -> Operation | None:
    mapper: Any = state.mapper
    if state.key is None:
        return "create"
    if deleted or mapper._is_orphan(state):
        return "delete"
    return "update" if is_changed(state) else None


def is_changed(state: State) -> bool:
    """Whether an UPDATE of the row's own columns is due; the members of its collections are rows of their own."""
    for name in tuple(state.committed_state):
        relation = state.mapper.relationships.get(name)
        if relation is not None and relation.direction is not RelationshipDirection.MANYTOONE:
            continue
        if state.get_history(name, PassiveFlag.PASSIVE_NO_INITIALIZE).has_changes():
            return True
    return False


def changes_of(state: State, operation: Operation) -> Changes:
    """Column to (old, new): of what changed, or of all that has a value in a row that comes or goes."""
    columns = state.mapper.column_attrs
    if operation == "update":
        names = [name for name in state.committed_state if name in columns]
        pairs = {name: (_known(state.committed_state[name]), state.dict.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if not _same(state, name, pair)}
    values = {name: state.dict[name] for name in columns.keys() & state.dict.keys() if state.dict[name] is not None}
    return {name: (None, value) if operation == "create" else (value, None) for name, value in values.items()}


def _known(value: object) -> object:
    return None if isinstance(value, LoaderCallableStatus) else value


def _same(state: State, name: str, pair: tuple[object, object]) -> bool:
    old, new = pair
    if isinstance(state.committed_state[name], LoaderCallableStatus) or old is None or new is None:
        return old is new and not isinstance(state.committed_state[name], LoaderCallableStatus)
    return bool(state.mapper.column_attrs[name].columns[0].type.compare_values(old, new) is True)
