"""`session.delete(row)` of a row that is only to be marked as deleted: before the flush it becomes the mark.

What goes along with a row that is deleted for good, by a cascade, is deleted for good; children of a row that is
marked stay, although SQLAlchemy has put them among the deleted ones as well.
"""

from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.orm import InstanceState, Session

from activerow.mapping import hiding_of, is_hidden, own_listener

State = InstanceState[Any]

_INFO: Final = "activerow_for_good"


def delete_for_good(session: Session, row: Any) -> None:
    """Have the next flush delete a row, also where its model marks rows as deleted."""
    known: WeakSet[State] = session.info.setdefault(_INFO, WeakSet())
    known.add(row._sa_instance_state)
    session.delete(row)


def mark_deleted(session: Session) -> None:
    """Mark the rows among the deleted ones whose model does so, instead of deleting them."""
    internals: Any = session
    deleted: dict[State, Any] = internals._deleted
    if not deleted or not any(hiding_of(state.class_) for state in deleted):
        return
    order = list(deleted)
    kept = [state for state in order if hiding_of(state.class_) and state not in session.info.get(_INFO, ())]
    along = {child for state in order if state not in kept for child in _cascade(state)}
    taken_out: set[State] = set()
    for state in kept:
        if state in along or state in taken_out:
            continue
        later = set(order[order.index(state) :])
        taken_out |= {state, *(child for child in _cascade(state) if child in later and child not in along)}
        _mark(session, deleted[state])
    for state in taken_out:
        del deleted[state]


def _cascade(state: State) -> list[State]:
    return [child for _, _, child, _ in state.mapper.cascade_iterator("delete", state)]


def _mark(session: Session, row: Any) -> None:
    model: type = row.__class__
    hiding = hiding_of(model)
    if hiding is None:
        return
    with session.no_autoflush:
        _ = getattr(row, hiding.mark)  # an expired one is read
    if not is_hidden(row):
        setattr(row, hiding.mark, hiding.value())


@event.listens_for(Session, "before_flush", insert=True)
@own_listener
def _before_flush(session: Session, _context: object, _objects: object) -> None:
    """The same in sessions that activerow did not open; its own have done so before their hooks."""
    mark_deleted(session)
