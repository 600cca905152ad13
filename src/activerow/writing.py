"""Writing rows: `create`, `fill`, `save`, `update`, `delete`, `refresh` and their race-safe combinations."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Self, TypeVar, cast

from sqlalchemy import Delete, event, inspect
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.mutable import MutableBase
from sqlalchemy.orm import InstanceState, Session, make_transient
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.base import LoaderCallableStatus
from sqlalchemy.orm.exc import StaleDataError

from activerow import loading
from activerow.attaching import attached, refuse_outdated
from activerow.binding import on_class, on_instance
from activerow.contents import in_place_columns
from activerow.database import database_of
from activerow.errors import (
    ActiveRowError,
    RecordNotFoundError,
    UniqueViolationError,
    UnknownFieldError,
    UsageError,
)
from activerow.execution import Call
from activerow.flushing import refuse_waiting, refused, take_back
from activerow.inspection import fields_of, has_versions, mapper_of, primary_key_names
from activerow.query import Query
from activerow.strangers import AS_FLUSHED
from activerow.unit import Kind, UnitSyncSession
from activerow.validation import check_row, check_values
from activerow.values import Values, build, check_names, check_new, collect, equal, fill, is_collection

R = TypeVar("R")


class Writing:
    """What a model can do to its rows."""

    @on_class
    @classmethod
    async def create(
        cls,
        values: Values = None,
        /,
        *,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        refresh: bool = False,
        **columns: object,
    ) -> Self:
        """Insert a row and return it, with its key and the defaults.

        Args:
            values: A mapping or a Pydantic model (its set fields), for data from outside.
            session: Use this session; it is committed only with `auto_commit=True`.
            auto_commit: True commits now, False leaves it to a later call; None commits unless someone else will.
            refresh: Read the row again after the commit, or after the INSERT where the call does not commit.

        Raises:
            UnknownFieldError: A name is not a field of the model; nothing was sent.
            SaveError: The database refused the row.
        """
        names = check_new(cls, collect(values, columns))
        return await _create(cls, names, session=session, auto_commit=auto_commit, refresh=refresh)

    def fill(self, values: Values = None, /, **columns: object) -> bool:
        """Set many attributes at once; says whether anything changed. Nothing is sent to the database.

        One object for a to-many relation is appended, a list replaces the relation.

        Raises:
            UnknownFieldError: A name is not a field of the model; nothing was set.
            ReadOnlyFieldError: A name may not be set: the primary key, `created_at`, a viewonly relation.
            NotLoadedError: A list was given for a relation that is not loaded.
        """
        return fill(self, collect(values, columns))

    @on_instance
    async def save(
        self, *, session: AsyncSession | None = None, auto_commit: bool | None = None, refresh: bool = False
    ) -> Self:
        """Insert the row, or update the columns that changed.

        Raises:
            SaveError: The database refused the row.
            SessionConflictError: The row belongs to another unit.
        """
        return await _save(self, session=session, auto_commit=auto_commit, refresh=refresh)

    @on_instance
    async def update(
        self,
        values: Values = None,
        /,
        *,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        refresh: bool = False,
        **columns: object,
    ) -> Self | None:
        """Set `values` and save the row; None, and no SQL, when nothing changed.

        Raises:
            UnknownFieldError: A name is not a field of the model; nothing was set.
            SaveError: The database refused the row.
        """
        given = check_names(self, collect(values, columns))

        written: list[bool] = []

        async def work(session: AsyncSession) -> None:
            await _flush_others(session, self)
            sync = session.sync_session
            _refuse(sync, self)
            with _taking_back(sync), attached(sync, self) as row, _showing_again(sync, row):
                await _load_replaced(session, row, given)
                check_values(inspect(row).mapper, given, operation="update", backend=_backend(session))
                fill(row, given)
                if _is_changed(row):
                    _flag_untracked(row)
                    await session.flush()
                    written.append(True)

        async def after(session: AsyncSession) -> None:
            if written:
                await _read_again(session, self)

        call = Call("update", type(self), self, session, lambda: _values_of(self))
        await database_of(type(self)).execution.write(
            call, work, auto_commit=auto_commit, after=after if refresh else None
        )
        return self if written else None

    @on_instance
    async def delete(self, *, session: AsyncSession | None = None, auto_commit: bool | None = None) -> None:
        """Delete the row.

        Raises:
            ForeignKeyViolationError: Other rows refer to it.
            UsageError: The row was never stored.
        """
        if inspect(self).key is None:
            raise UsageError(f"{self!r} is not stored; there is nothing to delete")

        async def work(session: AsyncSession) -> None:
            await _flush_others(session, self)
            _refuse(session.sync_session, self)
            with _taking_back(session.sync_session), attached(session.sync_session, self) as row:
                await session.run_sync(_delete, row)

        call = Call("delete", type(self), self, session)
        await database_of(type(self)).execution.write(call, work, auto_commit=auto_commit)

    @on_instance
    async def refresh(self, *attributes: str, session: AsyncSession | None = None, lock: bool = False) -> Self:
        """Read the row again, or only `attributes` (relations too); unsaved changes of these are dropped.

        Args:
            lock: SELECT ... FOR UPDATE, for a read-modify-write inside a transaction.

        Raises:
            RecordNotFoundError: The row is gone.
            UnknownFieldError: The model has no such attribute.
            UsageError: `lock` was asked for a row with unsaved changes.
        """
        _check_attributes(self, attributes)
        if lock and _is_changed(self):
            raise UsageError(f"{self!r} has unsaved changes, which the locked values would overwrite: save() it first")

        async def work(session: AsyncSession) -> None:
            await _read_again(session, self, attributes, lock=lock)

        call = Call("select", type(self), self, session)
        await database_of(type(self)).execution.read(call, work)
        return self

    @on_instance
    async def load(self, *paths: Any, session: AsyncSession | None = None) -> Self:
        """Load relations, such as `"posts.comments"` or `User.posts`, together for the rows of the same result.

        Raises:
            UnknownFieldError: The model has no such relation.
        """
        await loading.load(self, *paths, session=session)
        return self

    def changes(self) -> dict[str, tuple[object, object]]:
        """The columns that differ from what is stored, each as `(old, new)`."""
        state: InstanceState[Any] = inspect(self)
        if state.key is None:
            return {name: (None, state.dict[name]) for name in fields_of(type(self)).columns if name in state.dict}
        changed: dict[str, tuple[object, object]] = {}
        for name in fields_of(type(self)).columns:
            if name in state.committed_state:
                old, new = state.committed_state[name], state.dict.get(name)
                old = None if isinstance(old, LoaderCallableStatus) else old
                if not equal(state, name, old, new):
                    changed[name] = (old, new)
        return changed

    def to_dict(self, *, only: Iterable[str] | None = None, exclude: Iterable[str] = ()) -> dict[str, Any]:
        """The loaded columns, or what `only` names (loaded relations too, as dicts); no I/O.

        Raises:
            UnknownFieldError: `only` or `exclude` names no field.
            NotLoadedError: `only` names something that is not loaded.
        """
        fields = fields_of(type(self))
        wanted = tuple(only) if only is not None else tuple(n for n in fields.columns if n in inspect(self).dict)
        left_out = frozenset(exclude)
        for name in (*wanted, *left_out):
            if name not in fields.columns + fields.relations + fields.hybrids:
                raise UnknownFieldError(type(self).__name__, name, choices=fields.columns + fields.relations)
        return {name: _plain(getattr(self, name)) for name in wanted if name not in left_out}

    @on_class
    @classmethod
    async def get_or_create(
        cls,
        unique: Mapping[str, object],
        /,
        defaults: Values = None,
        *,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
    ) -> tuple[Self, bool]:
        """The row with these values, made with `defaults` when there is none; the second value says whether it was.

        Safe against others doing the same: the unique constraint decides, and it does not break an open unit.

        Raises:
            UniqueViolationError: Another unique constraint than that of `unique` stands against the new row.
        """
        row, made = await _get_or_create(cls, unique, defaults, session=session, auto_commit=auto_commit)
        await _commit_where_due(cls, session, auto_commit)
        return row, made

    @on_class
    @classmethod
    async def update_or_create(
        cls,
        unique: Mapping[str, object],
        /,
        defaults: Values = None,
        *,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
    ) -> tuple[Self, bool]:
        """As `get_or_create`; a row that is there is updated with `defaults`."""
        row, made = await _get_or_create(cls, unique, defaults, session=session, auto_commit=auto_commit)
        if made:
            await _commit_where_due(cls, session, auto_commit)
        else:
            await row.update(defaults, session=session, auto_commit=auto_commit)
        return row, made


async def _create(
    model: type[R],
    names: Mapping[str, object],
    *,
    session: AsyncSession | None,
    auto_commit: bool | None,
    refresh: bool = False,
) -> R:
    made: list[R] = []

    async def work(session: AsyncSession) -> None:
        await _flush_others(session, None)
        check_values(mapper_of(model), names, operation="insert", backend=_backend(session))
        # Made here, where no other task is writing: referring to rows of the unit changes their collections.
        made.append(build(model, names))
        await _flush(session, made[0])

    async def after(session: AsyncSession) -> None:
        await _read_again(session, made[0])

    call = Call("insert", model, None, session, lambda: _values_of(made[0]) if made else names)
    await database_of(model).execution.write(call, work, auto_commit=auto_commit, after=after if refresh else None)
    return made[0]


async def _save(row: R, *, session: AsyncSession | None, auto_commit: bool | None, refresh: bool) -> R:
    async def work(session: AsyncSession) -> None:
        await _flush_others(session, row)
        await _flush(session, row)

    async def after(session: AsyncSession) -> None:
        await _read_again(session, row)

    state: InstanceState[Any] = inspect(row)
    if state.was_deleted and state.session is None:
        make_transient(row)
    operation = "insert" if state.key is None else "update"
    call = Call(operation, type(row), row, session, lambda: _values_of(row))
    await database_of(type(row)).execution.write(call, work, auto_commit=auto_commit, after=after if refresh else None)
    return row


def _refuse(session: Session, row: object) -> None:
    """Refuse to write a row in the middle of its own `before_` hook, or through an outdated object."""
    refuse_waiting(session, row)
    refuse_outdated(session, row)


def _backend(session: AsyncSession) -> str | None:
    return session.bind.dialect.name if session.bind is not None else None


async def _flush(session: AsyncSession, row: object) -> None:
    _refuse(session.sync_session, row)
    check_row(inspect(row), backend=_backend(session))  # before it is in the session, where it would stay
    with _taking_back(session.sync_session), attached(session.sync_session, row) as target:
        _flag_untracked(target)
        await session.flush()


@contextmanager
def _taking_back(session: Session) -> Generator[None, None, None]:
    """Take out what the block put into the session when it is refused before anything was sent."""
    before, deleted = set(session.new), set(session.deleted)
    try:
        yield
    except BaseException as error:
        if refused(session, error):
            take_back(session, before | deleted)
        elif isinstance(error, ActiveRowError):
            for instance in set(session.new) - before:
                session.expunge(instance)
        raise


@contextmanager
def _showing_again(session: Session, row: object) -> Generator[None, None, None]:
    """Let the columns of `row` show what they did when the block is refused before anything was sent."""
    state: InstanceState[Any] = inspect(row)
    shown, changed = dict(state.dict), dict(state.committed_state)
    try:
        yield
    except BaseException as error:
        if not (isinstance(error, ActiveRowError) or refused(session, error)):
            raise
        for name in state.mapper.column_attrs.keys():  # noqa: SIM118
            for values, before in ((state.dict, shown), (state.committed_state, changed)):
                values.pop(name, None)
                values.update({name: before[name]} if name in before else {})
        raise


async def _flush_others(session: AsyncSession, row: object) -> None:
    """Write what the program left in the session first, so that its errors are not taken for those of `row`."""
    sync = session.sync_session
    if sync.new or sync.deleted or any(other is not row for other in sync.dirty):
        await session.flush()


async def _load_replaced(session: AsyncSession, row: object, given: Mapping[str, object]) -> None:
    """Load the to-many relations that a list in `given` replaces."""
    state: InstanceState[Any] = inspect(row)
    relations = state.mapper.relationships
    names = [n for n, value in given.items() if n in relations and relations[n].uselist and is_collection(value)]
    missing = [name for name in names if name not in state.dict]
    if missing and state.key is not None:
        await session.refresh(row, attribute_names=missing)


async def _read_again(
    session: AsyncSession, row: object, attributes: tuple[str, ...] = (), *, lock: bool = False
) -> None:
    state: InstanceState[Any] = inspect(row)
    if state.key is None:
        raise UsageError(f"{row!r} is not stored; there is nothing to read")
    columns = (p.key for p in state.mapper.column_attrs if not p.deferred or p.key in state.dict)
    names = attributes or tuple(columns)
    with attached(session.sync_session, row) as target:
        try:
            await session.run_sync(_refresh, target, names, lock=lock)
        except InvalidRequestError as error:
            # Of a persistent row refresh() says this only when the SELECT found nothing.
            criteria = dict(zip(primary_key_names(type(row)), state.key[1], strict=True))
            raise RecordNotFoundError(type(row).__name__, criteria) from error


def _refresh(session: Session, row: object, names: tuple[str, ...], *, lock: bool) -> None:
    # A lone read must not write: what is unsaved stays so. In a unit it is flushed first, as before every query.
    lone = isinstance(session, UnitSyncSession) and session.unit.kind is Kind.CALL
    with session.no_autoflush if lone else nullcontext():
        session.refresh(row, attribute_names=names, with_for_update=True if lock else None)


def _delete(session: Session, row: object) -> None:
    _forget_deleted_members(inspect(row))
    session.delete(row)
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


def _forget_deleted_members(state: InstanceState[Any]) -> None:
    """Have collections that still hold deleted rows read again: what the database holds decides what goes along."""
    for name in state.dict.keys() & state.mapper.relationships.keys() - state.committed_state.keys():
        members = state.dict[name]
        if state.mapper.relationships[name].uselist and any(inspect(m).was_deleted for m in members._sa_adapter):
            del state.dict[name]


def _refuse_stale(statement: Any, result: Any) -> None:
    """Raise where SQLAlchemy only warns: a DELETE that found no row. Rows with versions are compared elsewhere."""
    if isinstance(statement, Delete) and result.rowcount == 0 and not has_versions(statement.table):
        raise StaleDataError(f"DELETE statement on table '{statement.table}' found no row")


def _is_changed(row: object) -> bool:
    state: InstanceState[Any] = inspect(row)
    if not state.modified and state.key is not None:
        return False
    return state.key is None or any(
        state.get_history(name, AS_FLUSHED).has_changes() for name in tuple(state.committed_state)
    )


def _flag_untracked(row: object) -> None:
    """Mark values that may have been changed in place, unseen by SQLAlchemy, so that they are always written."""
    state: InstanceState[Any] = inspect(row)
    if state.key is None:
        return
    for name in in_place_columns(state.mapper):
        value = state.dict.get(name)
        if value is not None and not isinstance(value, MutableBase):
            flag_modified(row, name)


def _check_attributes(row: object, names: Iterable[str]) -> None:
    fields = fields_of(type(row))
    known = fields.columns + fields.relations
    for name in names:
        if name not in known:
            raise UnknownFieldError(type(row).__name__, name, choices=known)


def _values_of(row: object) -> dict[str, object]:
    state: InstanceState[Any] = inspect(row)
    return {name: value for name, value in state.dict.items() if name in state.mapper.column_attrs}


async def _get_or_create(
    model: type[R],
    unique: Mapping[str, object],
    defaults: Values,
    *,
    session: AsyncSession | None,
    auto_commit: bool | None,
) -> tuple[R, bool]:
    database = database_of(model)
    names = check_new(model, {**collect(defaults, {}), **unique})
    if auto_commit:
        await database.execution.refuse_nested_commit(Call("commit", model, session=session))
    found = await Query(model, session=session).filter_by(unique).first()
    made = found is None
    if found is None:
        try:
            async with database.protected(session, auto_commit) as within:
                inner = auto_commit if within is None else None
                found = await _create(model, names, session=within, auto_commit=inner)
        except UniqueViolationError:
            found = await _find_winner(model, unique, session)
            made = False
            if found is None:
                raise
    return found, made


async def _commit_where_due(model: type, session: AsyncSession | None, auto_commit: bool | None) -> None:
    """Commit what a call of several steps did, where one of a single step would have done so."""
    database = database_of(model)
    if auto_commit or database.scopes.here() is not None:
        await database.execution.write(Call("commit", model, session=session), _nothing, auto_commit=auto_commit)


async def _find_winner(model: type[R], unique: Mapping[str, object], session: AsyncSession | None) -> R | None:
    """The row of whoever was first."""
    database = database_of(model)
    statement = Query(model).filter_by(unique).statement.limit(1)
    if database.dialect == "mysql":
        # Only a locking read sees it in an older snapshot. FOR UPDATE would be a deadlock: everybody whose INSERT
        # failed holds a shared lock on that row already.
        statement = statement.with_for_update(read=True)

    async def work(session: AsyncSession) -> R | None:
        return (await session.scalars(statement)).first()

    return await database.execution.read(Call("select", model, session=session), work)


async def _nothing(session: AsyncSession) -> None:
    """Send nothing: the call only commits."""


def _plain(value: Any) -> Any:
    if isinstance(value, Writing):
        return value.to_dict()
    if isinstance(value, list | tuple | set):
        return [_plain(member) for member in cast("Iterable[object]", value)]
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return {key: _plain(member) for key, member in members.items()}
    return value
