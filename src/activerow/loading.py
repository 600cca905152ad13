"""Loading relations: eagerly with a query (`include`), or afterwards for all rows of its result (`load`).

The rows of one result share a batch, so that a relation loaded for one of them is loaded for all: one statement for 500
rows, instead of one for each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, cast

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, QueryableAttribute, RelationshipProperty, Session, joinedload, selectinload
from sqlalchemy.orm.base import instance_state
from sqlalchemy.orm.interfaces import ORMOption

from activerow.attaching import is_settled
from activerow.criteria import hiding_of
from activerow.database import database_of
from activerow.errors import UnknownFieldError, UsageError
from activerow.execution import Call
from activerow.inspection import fields_of, mapper_of
from activerow.partial import forget_conditions, is_partial, mark_partial, mark_whole
from activerow.relations import fetch_related
from activerow.unit import Kind, UnitSession

Path = tuple[str, ...]
Tree = Mapping[str, "Tree"]
State = InstanceState[Any]

KEYS_PER_STATEMENT: Final = 500
_BATCH: Final = "activerow_batch"


# --- paths ----------------------------------------------------------------------------------------------------------


def path_of(model: type, path: str | QueryableAttribute[Any]) -> Path:
    """The names of the relations to cross: of `"posts.comments"`, or of the attribute `User.posts`.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
        UsageError: It is no relation, or one that cannot be loaded.
    """
    names = path.split(".") if isinstance(path, str) else [_name_of(model, path)]
    owner = model
    for name in names:
        owner = _relation_at(owner, name).mapper.class_
    return tuple(names)


def _name_of(model: type, attribute: QueryableAttribute[Any]) -> str:
    owner = cast("type | None", getattr(attribute, "class_", None))
    if owner is None:
        raise UsageError(f"a relation is named by a string or by an attribute like {model.__name__}.posts")
    if getattr(owner, attribute.key, None) is not attribute:
        named = f"include({attribute.key!r}, where=...)"
        raise UsageError(f"{attribute} is more than a relation: write {named} or options(selectinload(...))")
    if not issubclass(model, owner):
        raise UsageError(
            f"{attribute} is not a relation of {model.__name__}; write the whole path, like 'lines.product'"
        )
    return str(attribute.key)


def _relation_at(model: type, name: str) -> RelationshipProperty[Any]:
    relation = mapper_of(model).relationships.get(name)
    if relation is None:
        fields = fields_of(model)
        if name in fields.columns:
            raise UsageError(
                f"{model.__name__}.{name} is a column, not a relation; await row.refresh({name!r}) reads it"
            )
        raise UnknownFieldError(model.__name__, name, choices=fields.relations)
    if relation.lazy in {"dynamic", "write_only"}:
        raise UsageError(f"{model.__name__}.{name} is {relation.lazy}: it is queried, and cannot be loaded")
    return relation


class Chosen(Path):
    """A path whose last relation is loaded in part: the rows for which `where` holds."""

    where: ColumnElement[bool]


def chosen(model: type, path: Path, where: ColumnElement[bool]) -> Chosen:
    """The path, with the condition on the rows at its end.

    Raises:
        UsageError: Its end is one row: leaving that out would say there is none.
    """
    name, owner = path[-1], target_of(model, path[:-1])
    if not _relation_at(owner, name).uselist:
        raise UsageError(
            f"{owner.__name__}.{name} leads to one row, which cannot be left out; where= is for to-many relations"
        )
    found = Chosen(path)
    found.where = where
    return found


def target_of(model: type, path: Path) -> type:
    """The model at the end of a path."""
    for name in path:
        model = _relation_at(model, name).mapper.class_
    return model


def merged(before: Iterable[Path], more: Iterable[Path]) -> tuple[Path, ...]:
    """Paths, each once.

    Raises:
        UsageError: A path is asked for in two ways.
    """
    paths: dict[Path, Path] = {}
    for path in (*before, *more):
        other = paths.setdefault(path, path)
        if getattr(other, "where", None) is not getattr(path, "where", None):
            raise UsageError(
                f"include() of {'.'.join(path)} is asked for twice, with another condition; combine them with &"
            )
    return tuple(paths)


def _tree(paths: Iterable[Path]) -> Tree:
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
    return tree


# --- with the query -------------------------------------------------------------------------------------------------


def include_options(model: type, paths: tuple[Path, ...], *, joins: bool) -> tuple[ORMOption, ...]:
    """Loader options for `paths`: to-many by a second SELECT, to-one by JOIN where `joins` allows it."""
    # Conditions are compared by what they are, and no cache could tell them apart.
    wheres: dict[Path, ColumnElement[bool]] = {path: path.where for path in paths if isinstance(path, Chosen)}
    return tuple(_options(model, _tree(paths), joins, (), wheres)) if wheres else _plain_options(model, paths, joins)


@lru_cache(maxsize=512)
def _plain_options(model: type, paths: tuple[Path, ...], joins: bool) -> tuple[ORMOption, ...]:
    return tuple(_options(model, _tree(paths), joins, (), {}))


def _options(
    model: type, tree: Tree, joins: bool, before: Path, wheres: Mapping[Path, ColumnElement[bool]]
) -> Iterator[Any]:
    for name, branch in tree.items():
        relation, path = _relation_at(model, name), (*before, name)
        load = joinedload if joins and not relation.uselist else selectinload
        attribute = getattr(model, name)
        # A hidden row must not take along the rows that refer to it, whatever kind of JOIN is mapped.
        inner = {"innerjoin": False} if load is joinedload and hiding_of(relation.mapper.class_) else {}
        option = load(attribute.and_(wheres[path]) if path in wheres else attribute, **inner)
        yield option.options(*_options(relation.mapper.class_, branch, joins, path, wheres)) if branch else option


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
    _remember(states)
    if paths:
        _remember_included(states, _tree(paths))
    for path in paths:
        if isinstance(path, Chosen):
            for state in _states_at(states, path[:-1]):
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
        _remember(related)
        _remember_included(related, branch)


def _remember(states: Sequence[State]) -> None:
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
    tree = _tree(path_of(model, path) for path in paths)
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
            _remember(list(_related(group, name)))


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
