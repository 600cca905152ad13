"""Deleting the row of an object."""

from typing import Any

from sqlalchemy import Delete, event, inspect
from sqlalchemy.orm import InstanceState, RelationshipDirection, Session
from sqlalchemy.orm.exc import StaleDataError

from activerow.database.flush import delete_for_good
from activerow.mapping import has_versions, hiding_of, is_partial


def delete_row(session: Session, row: object) -> None:
    """Delete an attached row now.

    Raises:
        StaleDataError: It is gone already.
    """
    _forget_partial_collections(inspect(row))
    delete_for_good(session, row)
    connection = session.connection(bind_arguments={"mapper": inspect(row).mapper})
    internals: Any = session

    def refuse_stale(_connection: object, statement: Any, *rest: Any) -> None:
        if internals._flushing:  # hooks of the row may delete others by queries of their own
            _refuse_stale(statement, rest[-1])

    event.listen(connection, "after_execute", refuse_stale)
    try:
        session.flush()
    finally:
        event.remove(connection, "after_execute", refuse_stale)


def _forget_partial_collections(state: InstanceState[Any]) -> None:
    """Have relations read again that hold deleted rows, or not all: the database decides what goes along."""
    for name in state.dict.keys() & state.mapper.relationships.keys() - state.committed_state.keys():
        members = getattr(state.dict[name], "_sa_adapter", ())
        relation = state.mapper.relationships[name]
        hides = relation.direction is not RelationshipDirection.MANYTOONE and hiding_of(relation.mapper.class_)
        is_part = hides or (relation.uselist and is_partial(state, name))
        if is_part or any(inspect(member, raiseerr=True).was_deleted for member in members):
            del state.dict[name]


def _refuse_stale(statement: Any, result: Any) -> None:
    """Raise where SQLAlchemy only warns: a DELETE that found no row. Rows with versions are compared elsewhere."""
    if isinstance(statement, Delete) and result.rowcount == 0 and not has_versions(statement.table):
        raise StaleDataError(f"DELETE statement on table '{statement.table}' found no row")
