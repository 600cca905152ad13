"""Running life-cycle hooks around a flush.

A unit's session runs them outside of the flush: `prepare`, then the flush, then `conclude`. While a `before_` hook
runs, everything that waits to be written is set aside, so that the hook can query and write as it likes: what it finds
is the database of before, and what it saves is written at once.

What only the flush itself reaches (a foreign key set to NULL because its parent is deleted) is met by the mapper's
events, in the middle of it: there a hook can set columns and refuse, but has no database. The same holds for all hooks
in a session that activerow did not open, whose flush is not ours.
"""

import inspect as python
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast
from weakref import WeakSet

from sqlalchemy import event, inspect
from sqlalchemy.orm import InstanceState, Mapper, PassiveFlag, RelationshipDirection, Session
from sqlalchemy.orm.base import LoaderCallableStatus
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from activerow.errors import UsageError
from activerow.lifecycle import Change, Changes, Hook, Operation, are_in_use, hooks_of

State = InstanceState[Any]
Await = Callable[[Awaitable[object]], object]
"""Waits for what an async hook returned; called in a greenlet."""

_INFO: Final = "activerow_hooks"
_DEEPEST: Final = 16
_ROUNDS: Final = 100


@dataclass(slots=True)
class _Aside:
    """What waits to be written, out of the session's sight while a hook runs."""

    new: dict[State, object]
    modified: set[State]
    deleted: dict[State, object]


@dataclass(slots=True)
class _Work:
    """What is known of a session between two statements of its hooks."""

    aside: list[_Aside] = field(default_factory=list)
    prepared: set[tuple[State, Operation]] = field(default_factory=set)
    before: dict[State, Changes] = field(default_factory=dict)
    written: list[Change] = field(default_factory=list)
    refusal: BaseException | None = None
    refused: frozenset[object] = frozenset()

    def refuse(self, error: BaseException, rows: Iterable[object]) -> None:
        """Note that a `before_` hook has refused the rows that wait."""
        self.refusal, self.refused = error, frozenset(rows)


class Running:
    """A hook that runs now, in this task or in the one that started it."""

    __slots__ = ("active", "depth", "hook", "inside_flush", "outer", "session")

    def __init__(self, hook: str, session: Session, outer: "Running | None", *, inside_flush: bool) -> None:
        self.hook, self.session, self.outer = hook, session, outer
        self.inside_flush = inside_flush
        self.depth: int = 1 if outer is None else outer.depth + 1
        self.active = True


_running: ContextVar[Running | None] = ContextVar("activerow_hook", default=None)
_mappers: "WeakSet[Mapper[Any]]" = WeakSet()
_watched: "WeakSet[Mapper[Any]]" = WeakSet()


def running_in(session: Session) -> Running | None:
    """The hook of a row of `session` that the current task runs in."""
    running = _running.get()
    while running is not None and not (running.active and running.session is session):
        running = running.outer
    return running


def concerns(session: Session) -> bool:
    """Whether a flush of `session` may run hooks: models of that base have some, and something waits."""
    if not are_in_use():
        return False
    rows = (*session.new, *session.dirty, *session.deleted)
    bases = {row._sa_instance_state.mapper.registry for row in rows}
    return any(mapper.registry in bases for mapper in _watched)


def refuse_inside_flush(session: Session) -> None:
    """Refuse a call of a hook that runs in the middle of a flush.

    Raises:
        UsageError: It does.
    """
    running = running_in(session)
    if running is not None and running.inside_flush:
        raise UsageError(
            f"{running.hook} runs inside the flush that reached its row, where the database cannot be asked;"
            f" set columns only, or delete and change the row in a call of its own"
        )


# -- before and after ------------------------------------------------------------------------------------------------


def prepare(session: Session, wait: Await) -> None:
    """Run the `before_` hooks of all that `session` is about to write, and of what they add to it.

    Raises:
        UsageError: A hook saves the row it was called for; hooks lead to each other without end.
    """
    if not are_in_use():
        return
    work = _work_of(session)
    _hold_back(session, work)
    work.written.clear()  # of a flush that failed
    work.prepared.clear()
    prepared: set[tuple[State, Operation]] = set()
    for _ in range(_ROUNDS):
        due = [one for one in _pending(session) if one not in prepared]
        if not due:
            work.prepared = prepared
            return
        with _set_aside(session, work):
            for state, operation in due:
                prepared.add((state, operation))
                _before(session, state, operation, wait)
    raise UsageError(f"the before_ hooks of {type(due[0][0].obj()).__name__} add rows to be saved without end")


def take_written(session: Session) -> list[Change]:
    """What the flush that is just over has written, of models that have hooks."""
    if not are_in_use():
        return []
    work = _work_of(session)
    written, work.written = work.written, []
    work.prepared.clear()
    return written


def conclude(session: Session, written: list[Change], wait: Await) -> None:
    """Run the `after_` hooks of what was written, and write what they leave unsaved."""
    last = None
    for change in written:
        hooks = hooks_of(change.model)
        for hook in hooks.after[change.operation] if hooks is not None else ():
            _call(hook, session, change.row, change.changes, wait)
            last = hook
    if last is not None and (session.new or session.dirty or session.deleted):
        with _in_hook(last, session):
            session.flush()


def refuse_waiting(session: Session, row: object) -> None:
    """Refuse to write a row whose `before_` hook runs, and which will be written as soon as that is done.

    Raises:
        UsageError: It is one.
    """
    running = running_in(session)
    if running is None:
        return
    state: State = inspect(row, raiseerr=True)
    if any(
        state in aside.new or state in aside.modified or state in aside.deleted for aside in _work_of(session).aside
    ):
        raise _waits_already(running.hook, state)


def refused(session: Session, error: BaseException) -> bool:
    """Whether a `before_` hook has raised `error`: nothing of the flush was sent."""
    return are_in_use() and _work_of(session).refusal is error


def take_back(session: Session, before: set[object]) -> None:
    """Take what the refused flush was to write out of the session, except what was in it `before`."""
    for instance in _work_of(session).refused - before:
        state: State = inspect(instance, raiseerr=True)
        if state.key is None and state.session is session:
            session.expunge(instance)
        else:
            internals: Any = session
            internals._deleted.pop(state, None)


def _before(session: Session, state: State, operation: Operation, wait: Await) -> None:
    hooks, row = hooks_of(state.class_), state.obj()
    for hook in hooks.before[operation] if hooks is not None else ():
        if state.session is session:  # an earlier hook may have taken it out
            _call(hook, session, row, _changes_of(state, operation), wait)


def _pending(session: Session) -> list[tuple[State, Operation]]:
    """The rows with hooks that a flush would write now."""
    internals: Any = session
    found: list[tuple[State, Operation]] = []
    for states, usual in ((internals._new, "create"), (internals._dirty_states, "update")):
        for state in states:
            if state not in internals._deleted and hooks_of(state.class_) is not None:
                operation = _operation(state, cast("Operation", usual))
                found += [(state, operation)] if operation is not None else []
    return found + [(state, "delete") for state in internals._deleted if hooks_of(state.class_) is not None]


def _operation(state: State, usual: Operation) -> Operation | None:
    if usual == "create":
        return usual
    mapper: Any = state.mapper
    if mapper._is_orphan(state):
        return "delete"
    return usual if _is_changed(state) else None


def _is_changed(state: State) -> bool:
    """Whether an UPDATE of the row's own columns is due; the members of its collections are rows of their own."""
    for name in tuple(state.committed_state):
        relation = state.mapper.relationships.get(name)
        if relation is not None and relation.direction is not RelationshipDirection.MANYTOONE:
            continue
        if state.get_history(name, PassiveFlag.PASSIVE_NO_INITIALIZE).has_changes():
            return True
    return False


# -- out of sight ----------------------------------------------------------------------------------------------------


@contextmanager
def _set_aside(session: Session, work: _Work) -> Generator[None, None, None]:
    """Hide what waits to be written for the block, and note the block's error as a refusal."""
    internals: Any = session
    modified: set[State] = internals.identity_map._modified
    aside = _Aside(dict(internals._new), set(modified), dict(internals._deleted))
    internals._new.clear()
    internals._deleted.clear()
    modified.clear()
    work.aside.append(aside)
    try:
        yield
    except BaseException as error:
        work.refuse(error, [*aside.new.values(), *aside.deleted.values()])
        raise
    finally:
        work.aside.remove(aside)
        _put_back(session, aside)


def _put_back(session: Session, aside: _Aside) -> None:
    internals: Any = session
    for state, row in aside.new.items():
        if state.key is None and state.session is session:
            internals._new[state] = row
    for state in aside.modified:
        if state.modified and internals.identity_map.contains_state(state):
            internals.identity_map._modified.add(state)
    for state, row in aside.deleted.items():
        if not state.deleted and internals.identity_map.contains_state(state):
            internals._deleted[state] = row


def _hold_back(session: Session, work: _Work) -> None:
    """Keep aside what is aside, when a flush finds that it came back.

    Raises:
        UsageError: A new row did: it is to be written before its hooks have run.
    """
    internals: Any = session
    for aside in work.aside:
        for state in aside.new.keys() & {*internals._new, *_related(internals)}:
            running = running_in(session)
            raise _waits_already(running.hook if running is not None else "a before_ hook", state)
        internals.identity_map._modified.difference_update(aside.modified, aside.deleted)
        for state in aside.deleted:
            internals._deleted.pop(state, None)


def _related(session: Any) -> Generator[State, None, None]:
    """The relatives, as far as they are loaded, of what waits to be written: a row may need the key of one."""
    for state in (*session._new, *session._dirty_states):
        for name in state.dict.keys() & state.mapper.relationships.keys():
            value = state.dict[name]
            members = value._sa_adapter if hasattr(value, "_sa_adapter") else [value]
            yield from (member._sa_instance_state for member in members if member is not None)


def _waits_already(hook: str, state: State) -> UsageError:
    return UsageError(
        f"{hook} writes {state.obj()!r}, or a row that needs it, while that is about to be written;"
        f" set its columns only, and write rows that refer to it in an after_ hook"
    )


# -- one hook --------------------------------------------------------------------------------------------------------


def _call(
    hook: Hook, session: Session, row: object, changes: Changes, wait: Await, *, inside_flush: bool = False
) -> None:
    with _in_hook(hook, session, inside_flush=inside_flush):
        result = hook.call(row, changes)
        if python.isawaitable(result):
            if not in_greenlet():
                if python.iscoroutine(result):
                    result.close()
                raise UsageError(f"{hook.label} is async, and runs in a Session without asyncio; use an AsyncSession")
            wait(result)


@contextmanager
def _in_hook(hook: Hook, session: Session, *, inside_flush: bool = False) -> Generator[None, None, None]:
    outer = _running.get()
    running = Running(hook.label, session, outer, inside_flush=inside_flush)
    if outer is not None and running.depth > _DEEPEST:
        raise UsageError(f"{outer.hook} leads to itself: what it saves has called it again, {_DEEPEST} times by now")
    _running.set(running)
    try:
        yield
    finally:
        running.active = False
        _running.set(outer)


def _work_of(session: Session) -> _Work:
    work: _Work | None = session.info.get(_INFO)
    if work is None:
        work = session.info[_INFO] = _Work()
    return work


# -- what was written ------------------------------------------------------------------------------------------------


def watch(mapper: Mapper[Any]) -> None:
    """Note what is written of the rows of a configured mapper that has hooks; costs nothing for one that has none."""
    _mappers.add(mapper)
    if hooks_of(mapper.class_) is None or mapper in _watched:
        return
    _watched.add(mapper)
    _install()
    for name, operation in (("insert", "create"), ("update", "update"), ("delete", "delete")):
        event.listen(mapper, f"before_{name}", partial(_before_write, cast("Operation", operation)), raw=True)
        event.listen(mapper, f"after_{name}", partial(_after_write, cast("Operation", operation)), raw=True)


def watch_subclasses(model: type) -> None:
    """`watch` what is mapped of `model` and its subclasses; what will be is watched when it is."""
    for mapper in list(_mappers):
        if issubclass(mapper.class_, model):
            watch(mapper)


def _before_write(operation: Operation, _mapper: Mapper[Any], _connection: object, state: State) -> None:
    session, row = state.session, state.obj()
    if session is None or (operation == "update" and not _is_changed(state)):
        return
    work = _work_of(session)
    if (state, operation) not in work.prepared:
        hooks = hooks_of(state.class_)
        for hook in hooks.before[operation] if hooks is not None else ():
            _call(hook, session, row, _changes_of(state, operation), await_only, inside_flush=True)
    work.before[state] = _changes_of(state, operation)


def _after_write(operation: Operation, _mapper: Mapper[Any], _connection: object, state: State) -> None:
    session, row = state.session, state.obj()
    if session is None or row is None:
        return
    work = _work_of(session)
    changes = work.before.pop(state, None)
    if changes is None:
        return
    if operation == "create":
        changes = _changes_of(state, operation)
    elif operation == "update":
        changes = {name: (old, state.dict.get(name)) for name, (old, _) in changes.items()}
    key = tuple(state.mapper.primary_key_from_instance(row)) if operation == "create" else cast("Any", state.key)[1]
    work.written.append(Change(operation, state.class_, row, key, changes))


def _changes_of(state: State, operation: Operation) -> Changes:
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


# -- sessions that activerow did not open ----------------------------------------------------------------------------


_installed: Final[list[str]] = []


def _install() -> None:
    """Have hooks run in every kind of Session, from the first model on that has some."""
    if not _installed:
        _installed.append("installed")
        event.listen(Session, "before_flush", _before_flush)
        event.listen(Session, "after_flush_postexec", _after_flush)


def _before_flush(session: Session, _context: object, _objects: object) -> None:
    if getattr(session, "runs_hooks", False):
        return
    work = _work_of(session)
    work.written.clear()
    work.prepared.clear()
    for _ in range(_ROUNDS):
        due = [one for one in _pending(session) if one not in work.prepared]
        if not due:
            return
        try:
            for state, operation in due:
                work.prepared.add((state, operation))
                _before(session, state, operation, await_only)
        except BaseException as error:
            work.refuse(error, [*session.new, *session.deleted])
            raise
    raise UsageError(f"the before_ hooks of {type(due[0][0].obj()).__name__} add rows to be saved without end")


def _after_flush(session: Session, _context: object) -> None:
    if getattr(session, "runs_hooks", False):
        return
    for change in take_written(session):
        hooks = hooks_of(change.model)
        for hook in hooks.after[change.operation] if hooks is not None else ():
            _call(hook, session, change.row, change.changes, await_only)
