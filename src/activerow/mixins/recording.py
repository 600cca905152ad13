"""Writing the history of audited rows: in the flush that writes them, and around set-based writes."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Connection, Table, event, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper, Session
from sqlalchemy.orm.base import LoaderCallableStatus
from sqlalchemy.sql.base import ExecutableOption

from activerow.audit import current_actor, plain
from activerow.errors import SerializationError, UnknownFieldError, UsageError
from activerow.mapping import SetOperation, SetWrite, Target, WriteRule, mapper_of, own_listener, primary_key_names
from activerow.mixins.audit_log import key_text, log_of, model_name
from activerow.query.lookups import Key, among
from activerow.types import utc_now

State = InstanceState[Any]
Values = dict[str, Any]
"""Attribute to value, as JSON holds it."""

HIDDEN: Final = "***"
"""What is recorded of a value that is masked."""

_INFO: Final = "activerow_history"
_BATCH: Final = 500


@dataclass(slots=True)
class _Pending:
    """What a flush has to record."""

    before: dict[State, Values] = field(default_factory=dict[State, Values])
    entries: list[tuple[type, Values]] = field(default_factory=list[tuple[type, Values]])


@dataclass(frozen=True, slots=True)
class Scope:
    """What is recorded of a model: attribute to column, and the attributes whose values are masked."""

    columns: Mapping[str, Column[Any]]
    masked: frozenset[str]

    def changed(self, before: Values, after: Values) -> dict[str, list[Any]]:
        """Attribute to `[old, new]` for what differs."""
        names = [name for name in self.columns if before.get(name) != after.get(name)]
        return {name: self._pair(name, before.get(name), after.get(name)) for name in names}

    def _pair(self, name: str, old: Any, new: Any) -> list[Any]:
        pair = [old, new]
        return [None if value is None else HIDDEN for value in pair] if name in self.masked else pair


_scopes: "WeakKeyDictionary[Mapper[Any], Scope]" = WeakKeyDictionary()
_installed: Final[list[str]] = []


def scope_of(mapper: Mapper[Any]) -> Scope:
    """What is recorded of a model; answered from memory after the first time.

    Raises:
        UnknownFieldError: `__audit_exclude__` or `__audit_mask__` names no column.
    """
    scope = _scopes.get(mapper)
    if scope is None:
        scope = _scopes[mapper] = _read_scope(mapper)
    return scope


def _read_scope(mapper: Mapper[Any]) -> Scope:
    stored = {p.key: p.columns[0] for p in mapper.column_attrs if isinstance(p.columns[0], Column)}
    excluded: Iterable[str] = getattr(mapper.class_, "__audit_exclude__", ())
    masked: Iterable[str] = getattr(mapper.class_, "__audit_mask__", ())
    for name in (*excluded, *masked):
        if name not in stored:
            raise UnknownFieldError(mapper.class_.__name__, name, choices=tuple(stored))
    left_out = frozenset(excluded)
    return Scope({name: column for name, column in stored.items() if name not in left_out}, frozenset(masked))


# -- rows in a flush -------------------------------------------------------------------------------------------------


def record_rows(mapper: Mapper[Any]) -> None:
    """Record every row of an audited mapper that a flush writes, in whatever session."""
    event.listen(mapper, "before_update", _note, raw=True)
    event.listen(mapper, "before_delete", _note, raw=True)
    event.listen(mapper, "after_insert", _created, raw=True)
    event.listen(mapper, "after_update", _updated, raw=True)
    event.listen(mapper, "after_delete", _deleted, raw=True)
    if not _installed:
        _installed.append("installed")
        event.listen(Session, "before_flush", _forget)
        event.listen(Session, "after_flush", _write)


def _note(_mapper: Mapper[Any], connection: Connection, state: State) -> None:
    """Keep what is stored now."""
    _pending(state).before[state] = _stored(connection, state, state.committed_state)


def _created(_mapper: Mapper[Any], connection: Connection, state: State) -> None:
    _add(state, "create", {}, _stored(connection, state, {}))


def _updated(_mapper: Mapper[Any], connection: Connection, state: State) -> None:
    _add(state, "update", _pending(state).before.pop(state), _stored(connection, state, {}))


def _deleted(_mapper: Mapper[Any], _connection: Connection, state: State) -> None:
    _add(state, "delete", _pending(state).before.pop(state), {})


def _add(state: State, operation: str, before: Values, after: Values) -> None:
    changed = scope_of(state.mapper).changed(before, after)
    if changed or operation != "update":
        key = (
            state.key[1] if state.key is not None else state.mapper.primary_key_from_instance(cast("Any", state.obj()))
        )
        _pending(state).entries.append((state.class_, _entry(state.class_, operation, key, changed)))


def _entry(model: type, operation: str, key: Iterable[object], changed: dict[str, list[Any]]) -> Values:
    return {
        "recorded_at": utc_now(),
        "actor": current_actor(),
        "operation": operation,
        "model": model_name(model),
        "row_key": key_text(key),
        "changed": changed,
    }


def _stored(connection: Connection, state: State, committed: Mapping[str, Any]) -> Values:
    """What the database holds of a row: `committed` where that is known, else what is loaded, else what it answers."""
    columns = scope_of(state.mapper).columns
    known = {name: committed.get(name, state.dict.get(name, LoaderCallableStatus.NO_VALUE)) for name in columns}
    missing = [name for name, value in known.items() if isinstance(value, LoaderCallableStatus)]
    if missing:
        known.update(_read(connection, state, {name: columns[name] for name in missing}))
    return {name: plain(value) for name, value in known.items()}


def _read(connection: Connection, state: State, columns: Mapping[str, Column[Any]]) -> Values:
    mapper = state.mapper
    key = state.key[1] if state.key is not None else mapper.primary_key_from_instance(cast("Any", state.obj()))
    conditions = [column == value for column, value in zip(mapper.primary_key, key, strict=True)]
    row = connection.execute(
        select(*columns.values()).select_from(mapper.persist_selectable).where(*conditions)
    ).one_or_none()
    return dict(zip(columns, row if row is not None else [None] * len(columns), strict=True))


def _pending(state: State) -> _Pending:
    session = state.session
    pending: _Pending | None = session.info.get(_INFO) if session is not None else None
    if pending is None:
        pending = _Pending()
        if session is not None:
            session.info[_INFO] = pending
    return pending


@own_listener
def _forget(session: Session, _context: object, _objects: object) -> None:
    """Drop what a flush that failed has left."""
    session.info.pop(_INFO, None)


@own_listener
def _write(session: Session, _context: object) -> None:
    pending: _Pending | None = session.info.pop(_INFO, None)
    if pending is None:
        return
    for log in dict.fromkeys(log_of(model) for model, _ in pending.entries):
        rows = [entry for model, entry in pending.entries if log_of(model) is log]
        mapper = mapper_of(log)
        session.connection(bind_arguments={"mapper": mapper}).execute(insert(_table(mapper)), _by_column(mapper, rows))


def _table(mapper: Mapper[Any]) -> Table[Any]:
    return cast("Table[Any]", mapper.local_table)


def _by_column(mapper: Mapper[Any], rows: Iterable[Values]) -> list[Values]:
    """The rows by the names of their columns; a class may store an attribute under another one."""
    keys = {prop.key: prop.columns[0].key for prop in mapper.column_attrs}
    return [{keys[name]: value for name, value in row.items()} for row in rows]


# -- set-based writes ------------------------------------------------------------------------------------------------


class RecordsSetWrites(WriteRule):
    """Records each row of a set-based UPDATE or DELETE; refuses what does not tell which rows it wrote."""

    def check(self, model: type, operation: SetOperation) -> None:
        if operation in {"create_many", "upsert_many"}:
            raise UsageError(
                f"{operation}() of {model.__name__}, which is Audited, would leave its history with gaps:"
                f" create() the rows in a transaction"
            )

    @asynccontextmanager
    async def around(self, session: AsyncSession, write: SetWrite) -> AsyncGenerator[None, None]:
        """Lock the rows and write these alone, in batches; then record what became of them.

        Raises:
            SerializationError: Rows came or went meanwhile, where the server locks none.
        """
        names = _written_columns(write)
        before: dict[Key, Values] = {}
        for target in write.targets:
            before.update(await _rows(session, write, target, names, write.options, lock=True))
        keys = list(before)
        batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
        write.targets = tuple((among(write.model, batch),) for batch in batches)
        yield
        if write.count != len(keys):
            raise SerializationError(model=write.model.__name__, operation=write.operation, reason="rows have changed")
        for batch, target in zip(batches, write.targets, strict=True):
            after = await _rows(session, write, target, names) if write.operation == "update" else {}
            await _record(session, write, {key: (before[key], after.get(key, {})) for key in batch})


def _written_columns(write: SetWrite) -> list[str]:
    columns = scope_of(mapper_of(write.model)).columns
    if write.operation == "delete":
        return list(columns)
    return [name for name, column in columns.items() if name in write.values or _moves(column)]


def _moves(column: Column[Any]) -> bool:
    """The column may change with any UPDATE of its row: by an `onupdate`, or because the database computes it."""
    return column.onupdate is not None or column.server_onupdate is not None


async def _rows(
    session: AsyncSession,
    write: SetWrite,
    target: Target,
    names: list[str],
    options: Iterable[ExecutableOption] = (),
    *,
    lock: bool = False,
) -> dict[Key, Values]:
    """Primary key to values of the rows that fulfil `target`; without `options` hidden ones too."""
    keys = primary_key_names(write.model)
    attributes = [getattr(write.model, name) for name in (*keys, *names)]
    statement = select(*attributes).where(*target).options(*options)
    if lock:
        statement = statement.with_for_update(of=write.model)
    rows = await session.execute(statement)
    return {tuple(row[: len(keys)]): dict(zip(names, map(plain, row[len(keys) :]), strict=True)) for row in rows}


async def _record(session: AsyncSession, write: SetWrite, rows: Mapping[Key, tuple[Values, Values]]) -> None:
    scope = scope_of(mapper_of(write.model))
    changes = {key: scope.changed(before, after) for key, (before, after) in rows.items()}
    entries = [
        _entry(write.model, write.operation, key, changed)
        for key, changed in changes.items()
        if changed or write.operation == "delete"
    ]
    if entries:
        mapper = mapper_of(log_of(write.model))
        await session.execute(insert(_table(mapper)), _by_column(mapper, entries))
