"""Noting what flushes write of the rows that have hooks: the events of mappers, in whatever session.

What only the flush itself reaches (a foreign key set to NULL because its parent is deleted) is met in the middle of it:
there a hook can set columns and refuse, but has no database. The same holds for all hooks in a session that activerow
did not open, whose flush is not ours.
"""

from functools import partial
from typing import Any, Final, cast
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.util import await_only

from activerow.database.flush.around import rounds, run_after, run_before
from activerow.database.flush.hook_runs import call
from activerow.database.flush.pending import State, changes_of, is_changed, take_written, work_of
from activerow.mapping import Change, Operation, are_in_use, hooks_of, own_listener

_mappers: "WeakSet[Mapper[Any]]" = WeakSet()
_watched: "WeakSet[Mapper[Any]]" = WeakSet()


def concerns(session: Session) -> bool:
    """Whether a flush of `session` may run hooks: models of that base have some, and something waits."""
    if not are_in_use():
        return False
    rows = (*session.new, *session.dirty, *session.deleted)
    bases = {row._sa_instance_state.mapper.registry for row in rows}
    return any(mapper.registry in bases for mapper in _watched)


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
    session, row, hooks = state.session, state.obj(), hooks_of(state.class_)
    if session is None or hooks is None or (operation == "update" and not is_changed(state)):
        return
    work = work_of(session)
    if (state, operation) not in work.prepared:
        for hook in hooks.before[operation]:
            call(hook, session, row, changes_of(state, operation), await_only, inside_flush=True)
    work.before[state] = changes_of(state, operation)


def _after_write(operation: Operation, _mapper: Mapper[Any], _connection: object, state: State) -> None:
    session, row = state.session, state.obj()
    if session is None or row is None:
        return
    work = work_of(session)
    changes = work.before.pop(state, None)
    if changes is None:
        return
    if operation == "create":
        changes = changes_of(state, operation)
    elif operation == "update":
        for name, (old, _) in changes.items():
            changes[name] = (old, state.dict.get(name))
    key = tuple(state.mapper.primary_key_from_instance(row)) if operation == "create" else cast("Any", state.key)[1]
    work.written.append(Change(operation, state.class_, row, key, changes))


# -- sessions that activerow did not open ------------------------------------------------------------------------------


_installed: Final[list[str]] = []


def _install() -> None:
    """Have hooks run in every kind of Session, from the first model on that has some."""
    if not _installed:
        _installed.append("installed")
        event.listen(Session, "before_flush", _before_flush)
        event.listen(Session, "after_flush_postexec", _after_flush)


@own_listener
def _before_flush(session: Session, _context: object, _objects: object) -> None:
    if getattr(session, "runs_hooks", False):
        return
    work = work_of(session)
    work.begin()
    try:
        for due in rounds(session, work.prepared):
            for state, operation in due:
                run_before(session, state, operation, await_only)
    except BaseException as error:
        work.refuse(error, [*session.new, *session.deleted])
        raise


@own_listener
def _after_flush(session: Session, _context: object) -> None:
    if not getattr(session, "runs_hooks", False):
        run_after(session, take_written(session), await_only)
