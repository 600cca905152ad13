"""Relations of rows that are in memory: read for the rows of one result together."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, QueryableAttribute, RelationshipProperty, Session
from sqlalchemy.orm.base import instance_state

from activerow.database import database_of
from activerow.database.execution import Call
from activerow.database.unit import Kind, UnitSession, is_settled
from activerow.errors import UsageError
from activerow.mapping import forget_conditions, is_partial, mark_partial, mark_whole
from activerow.query.plan import Chosen, Path, Tree, path_of, target_of, tree_of
from activerow.query.related.routes import fetch_related

State = InstanceState[Any]

KEYS_PER_STATEMENT: Final = 500
_BATCH: Final = "activerow_batch"


@contextmanager
def reread(session: Session, model: type, paths: Iterable[Path]) -> Generator[None, None, None]:
    """Have a statement load relations that rows of the session show already, where other rows of them are asked for.

    Collections with unsaved changes stay as they are, and so do those of rows that are not read.
    """
    held: list[tuple[State, str, bool, object]] = []
    if any(isinstance(path, Chosen) for path in paths):
        session.info[_BATCH] = True
    for path in paths if _BATCH in session.info else ():
        owner, name = target_of(model, path[:-1]), path[-1]
        for state in session.identity_map.all_states():
            shows = issubclass(state.class_, owner) and name in state.dict and name not in state.committed_state
            if shows and (isinstance(path, Chosen) or is_partial(state, name)):
                held.append((state, name, is_partial(state, name), state.dict.pop(name)))
                mark_whole(state, name)
    try:
        yield
    finally:
        for state, name, was_partial, value in held:
            if state.dict.setdefault(name, value) is value and was_partial:
                mark_partial(state, name)


# --- the rows of one result -----------------------------------------------------------------------------------------


class _Batch:
    """The rows of one result, as long as somebody holds them, and what is being loaded for them now."""

    __slots__ = ("flights", "rows")

    def __init__(self, rows: Sequence[Callable[[], object]]) -> None:
        self.rows = rows
        self.flights: dict[str, asyncio.Future[None]] = {}


def remember_result(rows: Sequence[object], paths: tuple[Path, ...] = ()) -> None:
    """Let `rows`, and what was included at the end of `paths`, be loaded together from now on."""
    states = [instance_state(row) for row in rows]
    remember_states(states)
    if paths:
        _remember_included(states, tree_of(paths))
    for path in paths:
        if isinstance(path, Chosen):
            for state in _states_at(states, path[:-1]) if path.is_part else ():
                mark_partial(state, path[-1])
            for length in range(len(path) + 1):
                for state in _states_at(states, path[:length]):
                    forget_conditions(state)


def _states_at(states: Iterable[State], path: Path) -> Iterable[State]:
    for name in path:
        states = list(_related(states, name))
    return states


def _remember_included(states: Iterable[State], tree: Tree) -> None:
    for name, branch in tree.items():
        related = list(_related(states, name))
        remember_states(related)
        _remember_included(related, branch)


def remember_states(states: Sequence[State]) -> None:
    """Let rows be loaded together from now on."""
    if len(states) < 2:
        return
    # The weak references that SQLAlchemy has already: a batch costs no object per row and keeps none alive.
    batch = _Batch([state.obj for state in states])
    for state in states:
        setattr(state, _BATCH, batch)


def _related(states: Iterable[State], name: str) -> Iterator[State]:
    """The rows that a relation leads to, each once, as far as it is loaded."""
    seen: set[State] = set()
    for state in states:
        value = state.dict.get(name)
        for row in _members(value):
            related = instance_state(row)
            if related not in seen:
                seen.add(related)
                yield related


def _members(value: Any) -> Iterable[object]:
    if value is None:
        return ()
    adapter = getattr(value, "_sa_adapter", None)
    return (value,) if adapter is None else cast("Iterable[object]", adapter)


# --- afterwards -----------------------------------------------------------------------------------------------------


async def load(row: object, *paths: str | QueryableAttribute[Any], session: AsyncSession | None = None) -> None:
    """Load relations of `row`, and of the rows of the same result, that are not loaded yet.

    Rows that were changed since, or belong to another session, are left alone. Of a row outside any unit the related
    rows are outside too.

    Raises:
        UnknownFieldError: A name is not a relation of the model it stands on.
        UsageError: The row is not stored.
    """
    model, state = type(row), instance_state(row)
    tree = tree_of(path_of(model, path) for path in paths)
    if state.key is None:
        raise UsageError(f"{row!r} is not stored: save() it before loading its relations")
    for name in tree:
        if is_partial(state, name) and name in state.committed_state:
            raise UsageError(f"{row!r}.{name} was included in part, and has unsaved changes: save() it before load()")
    if not _is_loaded(state, tree):
        call = Call("select", model, row, session)
        work = partial(_load, state, tree, state.session)
        await database_of(model).execution.read(call, work)


def _is_loaded(state: State, tree: Tree) -> bool:
    return all(
        name in state.dict
        and not is_partial(state, name)
        and all(_is_loaded(related, branch) for related in _related([state], name))
        for name, branch in tree.items()
    )


@dataclass(frozen=True, slots=True)
class _Loading:
    """One call of `load`: its session, and the rows it starts from where these are outside every unit."""

    session: AsyncSession
    known: Mapping[Any, object]

    async def branch(self, states: list[State], name: str, tree: Tree) -> None:
        """Load a relation of `states` where it is missing, and from there on what `tree` says."""
        await self._relation(states, name)
        related = list(_related(states, name))
        for further, beyond in tree.items():
            await self.branch([state for state in related if _is_free(state, self.session)], further, beyond)

    async def _relation(self, states: Iterable[State], name: str) -> None:
        missing: dict[RelationshipProperty[Any], list[State]] = {}
        for state in states:
            relation = state.mapper.relationships.get(name)
            is_missing = name not in state.dict or is_partial(state, name)
            if relation is not None and is_missing and state.key is not None:
                missing.setdefault(relation, []).append(state)
        for relation, group in missing.items():
            for start in range(0, len(group), KEYS_PER_STATEMENT):
                await fetch_related(self.session, relation, group[start : start + KEYS_PER_STATEMENT], self.known)
            remember_states(list(_related(group, name)))


async def _load(state: State, tree: Tree, owner: Session | None, session: AsyncSession) -> None:
    batch = cast("_Batch | None", getattr(state, _BATCH, None))
    states = [state, *(_siblings(state, batch, owner) if batch is not None else ())]
    is_lone = isinstance(session, UnitSession) and session.unit.kind is Kind.CALL
    # The rows of a unit are its session's; those outside every unit are put together here.
    known = {other.key: other.obj() for other in states} if is_lone and owner is None else {}
    loading = _Loading(session, cast("Mapping[Any, object]", known))
    for name, branch in tree.items():
        if is_lone and batch is not None and not session.in_transaction():
            await _alone(batch, state, name, branch, partial(loading.branch, states, name, branch))
        else:
            await loading.branch(states, name, branch)


def _is_free(state: State, session: AsyncSession) -> bool:
    """No other unit works with the row; a lone call that loaded it a moment ago does not count."""
    return state.session is session.sync_session or is_settled(state.obj())


def _siblings(state: State, batch: _Batch, owner: Session | None) -> Iterator[State]:
    """The other rows of the result that may be loaded along: unchanged, and in the same session or also in none."""
    for reference in batch.rows:
        row = reference()
        other = instance_state(row) if row is not None else None
        if other is None or other is state or other.key is None or other.modified:
            continue
        if other.session is owner and not other.deleted and not other.was_deleted:
            yield other


async def _alone(batch: _Batch, state: State, name: str, tree: Tree, load: Callable[[], Awaitable[None]]) -> None:
    """Let one task load a relation for the batch; others wait for it, and load only what it left.

    Only for calls that hold no connection: nobody waits here while another one needs what they hold.
    """
    loop = asyncio.get_running_loop()
    while (flight := batch.flights.get(name)) is not None and flight.get_loop() is loop:
        await asyncio.wait([flight])
        if _is_loaded(state, {name: tree}):
            return
    flight = batch.flights[name] = loop.create_future()
    try:
        await load()
    finally:
        if batch.flights.get(name) is flight:
            del batch.flights[name]
        flight.set_result(None)
