"""Writing one row: what is flushed, and what an object shows when it was refused."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Column, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.mutable import MutableBase
from sqlalchemy.orm import InstanceState, RelationshipProperty, Session
from sqlalchemy.orm.attributes import flag_modified

from activerow.database.flush import AS_FLUSHED, as_before, in_place_columns, refuse_waiting, refused, take_back
from activerow.errors import ActiveRowError, SessionConflictError
from activerow.mapping import check_row, check_values
from activerow.model.rows.attaching import attached, refuse_outdated, refuse_second_changes
from activerow.model.rows.members import members_at_hand
from activerow.model.rows.nested import WithNested, check_nested, is_collection, matched, needs_members
from activerow.model.rows.rereading import passing_over_hidden
from activerow.model.rows.values import fill


async def set_and_flush(session: AsyncSession, row: object, given: Mapping[str, object]) -> bool:
    """Set what is given on `row` and write it when that changed anything; says whether it did."""
    await flush_others(session, row)
    sync = session.sync_session
    refuse_late(sync, row)
    with taking_back(sync), attached(sync, row) as target:
        if target is not row:
            refuse_second_changes(sync, target, given)
        await _load_replaced(session, target, given)
        check_values(inspect(target).mapper, given, operation="update", backend=_backend(session))
        async with members_at_hand(session, target, given):
            with as_before(sync, target, given), ExitStack() as stack:
                members = await _members_of(session, target, given, stack) if isinstance(given, WithNested) else ()
                check_nested(given, _backend(session))
                fill(target, given)
                if not any(is_changed(row) for row in (target, *members)):
                    return False
                _flag_untracked(target)
                await session.flush()
                for row in (target, *members):
                    await _read_computed(session, row)
    return True


async def _members_of(
    session: AsyncSession, row: object, given: Mapping[str, object], stack: ExitStack
) -> list[object]:
    """The members that nested values change, attached until the stack closes, and theirs in turn."""
    found: list[object] = []
    for node in matched(row, given):
        member = stack.enter_context(attached(session.sync_session, node.row))
        if member is not node.row:
            raise SessionConflictError(
                f"this unit holds another object of {member!r}: load {row!r} in the unit before changing it through"
                f" its relations",
                row=repr(member),
            )
        await _load_replaced(session, member, node.values)
        stack.enter_context(as_before(session.sync_session, member, node.values))
        found += [member, *await _members_of(session, member, node.values, stack)]
    return found


def is_changed(row: object) -> bool:
    """Whether a flush would write something for `row`."""
    state: InstanceState[Any] = inspect(row)
    if not state.modified and state.key is not None:
        return False
    return state.key is None or any(
        state.get_history(name, AS_FLUSHED).has_changes() for name in tuple(state.committed_state)
    )


def refuse_late(session: Session, row: object) -> None:
    """Refuse to write a row in the middle of its own `before_` hook, or through an outdated object."""
    refuse_waiting(session, row)
    refuse_outdated(session, row)


async def flush_row(session: AsyncSession, row: object) -> None:
    """Write `row`, and what it brings along."""
    refuse_late(session.sync_session, row)
    check_row(inspect(row), backend=_backend(session))  # before it is in the session, where it would stay
    with taking_back(session.sync_session, row), attached(session.sync_session, row) as target:
        _flag_untracked(target)
        await session.flush()
        await _read_computed(session, target)


async def _read_computed(session: AsyncSession, row: object) -> None:
    """Read what the server has computed from SQL that was given as a value; defaults come with the write."""
    state: InstanceState[Any] = inspect(row)
    columns = state.mapper.column_attrs
    names = [n for n in state.expired_attributes if n in columns and isinstance(columns[n].columns[0], Column)]
    if names:
        await session.refresh(row, attribute_names=names)


async def flush_others(session: AsyncSession, row: object) -> None:
    """Write what the program left in the session first, so that its errors are not taken for those of `row`."""
    sync = session.sync_session
    if sync.new or sync.deleted or any(other is not row for other in sync.dirty):
        await session.flush()


@contextmanager
def taking_back(session: Session, saved: object = None) -> Generator[None, None, None]:
    """Take out what the block put into the session when it is refused before anything was sent.

    The new members of a stored row that is `saved` stay: without them, its other changes would be written in the end.
    """
    before, deleted = session.new, session.deleted
    stays = saved is not None and inspect(saved, raiseerr=True).key is not None
    try:
        yield
    except BaseException as error:
        if refused(session, error):
            take_back(session, before | deleted)
        elif isinstance(error, ActiveRowError) and not stays:
            for instance in session.new - before:
                if instance in session:  # not taken out along with another by the cascade of their relation
                    session.expunge(instance)
        raise


async def _load_replaced(session: AsyncSession, row: object, given: Mapping[str, object]) -> None:
    """Load the to-many relations that a list in `given` replaces."""
    state: InstanceState[Any] = inspect(row)
    relations = state.mapper.relationships
    names = [n for n, value in given.items() if n in relations and _is_asked(relations[n], given, n, value)]
    missing = [name for name in names if name not in state.dict]
    if missing and state.key is not None:
        with passing_over_hidden(state):
            await session.refresh(row, attribute_names=missing)


def _is_asked(relation: RelationshipProperty[Any], given: Mapping[str, object], name: str, value: object) -> bool:
    """A list replaces the members, or a nested row may be one of them."""
    return (relation.uselist and is_collection(value)) or needs_members(given, name, relation.mapper)


def _flag_untracked(row: object) -> None:
    """Mark values that may have been changed in place, unseen by SQLAlchemy, so that they are always written."""
    state: InstanceState[Any] = inspect(row)
    if state.key is None:
        return
    for name in in_place_columns(state.mapper):
        value = state.dict.get(name)
        if value is not None and not isinstance(value, MutableBase):
            flag_modified(row, name)


def _backend(session: AsyncSession) -> str | None:
    return session.bind.dialect.name if session.bind is not None else None


def values_of(row: object) -> dict[str, object]:
    """The columns that the row shows."""
    state: InstanceState[Any] = inspect(row)
    return {name: value for name, value in state.dict.items() if name in state.mapper.column_attrs}
