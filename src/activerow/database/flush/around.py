"""Running life-cycle hooks around a flush.

A unit's session runs them outside of the flush: `prepare`, then the flush, then `conclude`. While a `before_` hook
runs, everything that waits to be written is set aside, so that the hook can query and write as it likes: what it finds
is the database of before, and what it saves is written at once.
"""

from collections.abc import Container, Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from activerow.database.flush.hook_runs import Await, call, in_hook, running_in
from activerow.database.flush.pending import Aside, State, Work, changes_of, waiting_rows, work_of
from activerow.errors import UsageError
from activerow.mapping import Change, Hook, Operation, are_in_use, hooks_of

_ROUNDS: Final = 100


def prepare(session: Session, wait: Await) -> None:
    """Run the `before_` hooks of all that `session` is about to write, and of what they add to it.

    Raises:
        UsageError: A hook saves the row it was called for; hooks lead to each other without end.
    """
    if not are_in_use():
        return
    work = work_of(session)
    _hold_back(session, work)
    work.begin()
    prepared: set[tuple[State, Operation]] = set()
    for due in rounds(session, prepared):
        with _set_aside(session, work):
            for state, operation in due:
                run_before(session, state, operation, wait)
    work.prepared = prepared


def rounds(
    session: Session, prepared: set[tuple[State, Operation]]
) -> Generator[list[tuple[State, Operation]], None, None]:
    """What is to be prepared, and again what that has added, until nothing more waits.

    Raises:
        UsageError: There is no end to it.
    """
    model = ""
    for _ in range(_ROUNDS):
        due = [one for one in waiting_rows(session) if one not in prepared]
        if not due:
            return
        prepared.update(due)
        model = due[0][0].class_.__name__
        yield due
    raise UsageError(f"the before_ hooks of {model} add rows to be saved without end")


def conclude(session: Session, written: list[Change], wait: Await) -> None:
    """Run the `after_` hooks of what was written, and write what they leave unsaved."""
    ran = run_after(session, written, wait)
    if ran is not None and (session.new or session.dirty or session.deleted):
        with in_hook(ran, session):
            session.flush()


def run_after(session: Session, written: list[Change], wait: Await) -> Hook | None:
    """Run the `after_` hooks of what was written; gives the last one."""
    last = None
    for change in written:
        hooks = hooks_of(change.model)
        for hook in hooks.after[change.operation] if hooks is not None else ():
            call(hook, session, change.row, change.changes, wait)
            last = hook
    return last


def refuse_waiting(session: Session, row: object) -> None:
    """Refuse to write a row whose `before_` hook runs, and which will be written as soon as that is done.

    Raises:
        UsageError: It is one.
    """
    running = running_in(session)
    if running is None:
        return
    state: State = inspect(row, raiseerr=True)
    if any(state in aside.new or state in aside.modified or state in aside.deleted for aside in work_of(session).aside):
        raise _waits_already(running.hook, state)


def refused(session: Session, error: BaseException) -> bool:
    """Whether a `before_` hook has raised `error`: nothing of the flush was sent."""
    return are_in_use() and work_of(session).refusal is error


def take_back(session: Session, before: Container[object]) -> None:
    """Take what the refused flush was to write out of the session, except what was in it `before`."""
    for instance in [row for row in work_of(session).refused if row not in before]:
        state: State = inspect(instance, raiseerr=True)
        if state.key is None and state.session is session:
            session.expunge(instance)
        else:
            internals: Any = session
            internals._deleted.pop(state, None)


def run_before(session: Session, state: State, operation: Operation, wait: Await) -> None:
    """Run the `before_` hooks of one row."""
    hooks, row = hooks_of(state.class_), state.obj()
    for hook in hooks.before[operation] if hooks is not None else ():
        if state.session is session:  # an earlier hook may have taken it out
            call(hook, session, row, changes_of(state, operation), wait)


# -- out of sight ----------------------------------------------------------------------------------------------------


@contextmanager
def _set_aside(session: Session, work: Work) -> Generator[None, None, None]:
    """Hide what waits to be written for the block, and note the block's error as a refusal."""
    internals: Any = session
    modified: set[State] = internals.identity_map._modified
    aside = Aside(dict(internals._new), set(modified), dict(internals._deleted))
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


def _put_back(session: Session, aside: Aside) -> None:
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


def _hold_back(session: Session, work: Work) -> None:
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
