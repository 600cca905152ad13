"""Rows that were inserted past the flush: a session takes their objects in as a flush would have left them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import InstanceState, Session

from activerow.database.flush.rewind import RewindingSession


def take_in(session: Session, state: InstanceState[Any], given: Iterable[str]) -> None:
    """Make the stored row of a new object that shows what was inserted; a rollback makes it new again.

    Args:
        session: In whose transaction it was inserted.
        state: Of the object, with its key among the values.
        given: What the program has set on it; the rest was generated.
    """
    internals: Any = state
    state.key = internals.mapper._identity_key_from_state(state)
    internals._commit_all(state.dict)
    if isinstance(session, RewindingSession):
        session.adopt(state, set(state.mapper.column_attrs.keys()) - set(given))
        return
    taking: Any = session
    internals.session_id = taking.hash_key
    taking.identity_map.replace(state)
    taking._transaction._new[state] = True
