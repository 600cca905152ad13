"""A Session whose rollback puts the values of its objects back.

SQLAlchemy expires every object on rollback, so that the next attribute access reads the row again. Under asyncio that
access would be hidden I/O, and for a row that was only ever inserted by the undone transaction there is nothing left
to read. Here a rollback, of a savepoint too, leaves the objects as the database holds them:

- a stored row shows the values it had when the transaction or savepoint began, with nothing left to save;
- a row that was inserted meanwhile is new again: it keeps what the program set, has lost what the server or the flush
  generated (keys, defaults, foreign keys copied from its relations), and can be saved again;
- a row that was deleted meanwhile is stored again.

Each open transaction or savepoint has a journal. Rows enter it before they are written or read again, and the oldest
entry wins. A released savepoint hands its journal to the transaction around it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Column, event
from sqlalchemy.orm import InstanceState, ORMExecuteState, PassiveFlag, Session, SessionTransaction, UOWTransaction
from sqlalchemy.orm.base import LoaderCallableStatus

from activerow.database.flush.in_place import Content, in_place_columns, note_contents
from activerow.database.flush.outsiders import queried_relations, settle_strangers
from activerow.database.flush.shown import Values, show, stored_values
from activerow.database.flush.unsaved import Unsaved
from activerow.mapping import own_listener

_ABSENT: Any = object()


class Journal:
    """What one open transaction or savepoint has to put back."""

    __slots__ = ("created", "stored")

    def __init__(self) -> None:
        self.stored: WeakKeyDictionary[InstanceState[Any], Values] = WeakKeyDictionary()
        self.created: WeakKeyDictionary[InstanceState[Any], Values] = WeakKeyDictionary()

    def absorb(self, inner: "Journal") -> None:
        """Take over what a released savepoint recorded; the older values, ours, win."""
        for state, generated in inner.created.items():
            self.created.setdefault(state, generated)
        for state, values in inner.stored.items():
            if state not in self.created:
                self.stored.setdefault(state, values)


class RewindingSession(Session):
    """A Session that puts values back on rollback instead of expiring them."""

    keeps_contents = True
    keeps_unsaved = False
    """Whether rows have their unsaved changes again, rather than what is stored: after a call that stands alone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.journals: dict[SessionTransaction, Journal] = {}
        self.written: dict[InstanceState[Any], Values] = {}
        self.put_back: list[Callable[[], None]] = []
        self.unsaved: dict[InstanceState[Any], Unsaved] = {}
        self.undone = False
        self.added: WeakKeyDictionary[InstanceState[Any], list[tuple[str, object]]] = WeakKeyDictionary()
        """What new rows were given for relations that are only queried, which keep no members."""

    def remember(self, state: InstanceState[Any], *, in_flush: bool = False) -> None:
        """Record what a stored row shows now, so that a rollback of the innermost transaction brings it back."""
        journal = self.journal()
        if state.key is not None and state not in journal.stored and state not in journal.created:
            journal.stored[state] = stored_values(state)
            if self.keeps_unsaved and not in_flush and state not in self.unsaved:
                self.unsaved[state] = Unsaved(state)

    def original(self, state: InstanceState[Any], name: str) -> Any:
        """The value that attribute `name` had when this session's transaction began; the present one when unchanged."""
        stored = next((j.stored[state] for j in self.journals.values() if state in j.stored), None)
        value = (stored_values(state) if stored is None else stored).get(name)
        return value.copied if isinstance(value, Content) else value

    def close(self) -> None:
        """Let go of all rows; those of a lone call that was undone have their unsaved changes again."""
        unsaved, self.unsaved = self.unsaved, {}
        super().close()
        if self.undone:
            for state, changes in unsaved.items():
                changes.put_back(state)

    def refresh(self, instance: object, *args: Any, **options: Any) -> None:
        """Read a row again, remembering what it showed."""
        state: InstanceState[Any] | None = getattr(instance, "_sa_instance_state", None)
        if state is not None and state in self.identity_map.all_states():
            self.remember(state)
        super().refresh(instance, *args, **options)

    def adopt(self, state: InstanceState[Any], generated: Iterable[str]) -> None:
        """Hold a row that was inserted past the session; `generated` are the names that nobody gave a value."""
        internals, transaction = cast("Any", state), self._innermost()
        internals.session_id = self.hash_key
        self.identity_map.replace(state)
        cast("Any", transaction)._new[state] = True
        self.journals[transaction].created[state] = dict.fromkeys(generated, _ABSENT)

    def note_written(self, state: InstanceState[Any]) -> None:
        """Take what a row shows for stored: it was updated past the session."""
        internals, transaction = cast("Any", state), cast("Any", self._innermost())
        generated = self.generated(state)
        for name in state.committed_state if generated is not None else ():
            cast("Values", generated).pop(name, None)
        internals._commit_all(state.dict, self.identity_map)
        if state not in transaction._new:
            transaction._dirty[state] = True

    def _innermost(self) -> SessionTransaction:
        return self.get_nested_transaction() or self.get_transaction() or self.begin()

    def journal(self) -> Journal:
        """The journal of the innermost open transaction; one is begun when there is none."""
        return self.journals[self._innermost()]

    def _user_values(self, state: InstanceState[Any], generated: Values) -> Values:
        """What the program set on an inserted row: everything but what a flush, also a failed one, filled in."""
        shown = self.written.get(state, state.dict)
        without = queried_relations(state.mapper)
        values = {name: value for name, value in shown.items() if name in state.manager and name not in without}
        for name, before in generated.items():
            if name in state.committed_state:
                continue
            if before is _ABSENT:
                values.pop(name, None)
            else:
                values[name] = before
        return values

    def generated(self, state: InstanceState[Any]) -> Values | None:
        """What flushes filled in on a row inserted in the open transaction, with the values from before; else None."""
        return next((j.created[state] for j in self.journals.values() if state in j.created), None)

    def rewind(self, transaction: SessionTransaction, expire: Any, dirty_only: bool = False) -> None:
        """Let SQLAlchemy restore what is new, stored and deleted, then put the values back that it expired."""
        journal = self.journals.pop(transaction, None) or Journal()
        shown = {state: stored_values(state) for state in self.identity_map.all_states()}
        shown.update(journal.stored)
        unsaved = {state: self._user_values(state, generated) for state, generated in journal.created.items()}
        unsaved |= {state: self._user_values(state, {}) for state in self.written if state.key is None}
        self.written.clear()
        expire(dirty_only=dirty_only)
        for state, values in unsaved.items():
            _make_new(state, values)
            for name, member in self.added.pop(state, ()):
                impl: Any = state.manager[name].impl
                impl.append(state, state.dict, member, None, passive=PassiveFlag.PASSIVE_NO_FETCH)
        alive = [state for state in shown if state.key is not None and state.obj() is not None]
        show({state: shown[state] for state in alive if state.expired or state in journal.stored})
        self.undone = self.undone or transaction.parent is None


def _given_to_queried(state: InstanceState[Any]) -> Iterator[tuple[str, object]]:
    for name in state.committed_state.keys() & queried_relations(state.mapper):
        yield from ((name, member) for member in state.committed_state[name].added_items)


def _make_new(state: InstanceState[Any], values: Values) -> None:
    """Make an undone INSERT a new object again, its relations counted as changes so that they are flushed anew."""
    dict_ = state.dict
    for name in set(dict_) & set(state.manager) - set(values):
        del dict_[name]
    dict_.update(values)
    state.committed_state.clear()
    state.expired_attributes.clear()
    state.expired = False
    for name in values:
        if name in state.mapper.relationships and values[name] is not None:
            state.committed_state[name] = LoaderCallableStatus.NO_VALUE


@event.listens_for(RewindingSession, "after_transaction_create")
@own_listener
def _open_journal(session: RewindingSession, transaction: SessionTransaction) -> None:
    if transaction.nested or transaction.parent is None:
        session.journals[transaction] = Journal()
        # There is no event between the ROLLBACK and the expiry that also fires when the ROLLBACK itself fails.
        internals: Any = transaction
        internals._restore_snapshot = partial(session.rewind, transaction, internals._restore_snapshot)


@event.listens_for(RewindingSession, "after_transaction_end")
@own_listener
def _close_journal(session: RewindingSession, transaction: SessionTransaction) -> None:
    journal = session.journals.pop(transaction, None)
    if journal is not None and session.journals:
        session.journals[next(reversed(session.journals))].absorb(journal)
    if transaction.parent is None:
        _let_go_of_deleted(session, transaction)


def _let_go_of_deleted(session: RewindingSession, transaction: SessionTransaction) -> None:
    """Detach the rows that a commit has deleted; SQLAlchemy does so only where it expires the others."""
    internals: Any = transaction
    states: Any = InstanceState
    states._detach_states([s for s in internals._deleted if s.deleted and s.session is session], session)


@event.listens_for(RewindingSession, "before_flush")
@own_listener
def _before_flush(session: RewindingSession, _context: UOWTransaction, _objects: object) -> None:
    session.written.clear()
    session.put_back = settle_strangers(session)
    for instance in (*session.dirty, *session.deleted, *session.new):
        state: InstanceState[Any] = instance._sa_instance_state
        session.remember(state)
        generated = session.generated(state)
        if generated is not None:
            for name in state.committed_state:
                generated.pop(name, None)
        if state.key is None or generated is not None:
            session.written[state] = dict(state.dict)
            if queried_relations(state.mapper):
                session.added.setdefault(state, []).extend(_given_to_queried(state))


@event.listens_for(RewindingSession, "after_flush")
@own_listener
def _after_flush(session: RewindingSession, context: UOWTransaction) -> None:
    journal = session.journal()
    flush: Any = context
    for state in cast("list[InstanceState[Any]]", list(flush.states)):
        if state.key is not None:
            session.remember(state, in_flush=True)  # rows that the flush itself reached, by a cascade
        if in_place_columns(state.mapper):
            note_contents(state, state.committed_state if state.key is not None else None)
    for state, before in session.written.items():
        _fill_in_nulls(state)
        generated = session.generated(state)
        if generated is None:
            generated = journal.created[state] = {}
        for name in state.mapper.column_attrs.keys():  # noqa: SIM118  (not a mapping: iterating gives the attributes)
            after = state.dict.get(name, _ABSENT)
            if after is not before.get(name, _ABSENT):
                generated.setdefault(name, before.get(name, _ABSENT))
    session.written.clear()


@event.listens_for(RewindingSession, "after_flush_postexec")
@own_listener
def _after_writing(session: RewindingSession, _context: UOWTransaction) -> None:
    for put_back in session.put_back:
        put_back()
    session.put_back.clear()


def _fill_in_nulls(state: InstanceState[Any]) -> None:
    """Let an inserted row show the NULL of the columns that got no value; SQLAlchemy leaves them out."""
    for prop in state.mapper.column_attrs:
        known = prop.key in state.dict or prop.key in state.expired_attributes
        if not known and not prop.deferred and isinstance(prop.columns[0], Column):
            state.dict[prop.key] = None


@event.listens_for(RewindingSession, "do_orm_execute")
@own_listener
def _before_statement(execution: ORMExecuteState) -> None:
    """Remember the rows that a set-based write or `populate_existing` is about to overwrite in memory."""
    session = execution.session
    if not isinstance(session, RewindingSession):
        return
    options = {**execution.statement.get_execution_options(), **execution.execution_options}
    if execution.is_update or execution.is_delete or options.get("populate_existing"):
        mappers = {mapper.base_mapper for mapper in execution.all_mappers}
        for state in session.identity_map.all_states():
            if state.mapper.base_mapper in mappers:
                session.remember(state)
