"""What a model can do to its rows: `create`, `fill`, `save`, `update`, `delete`, `refresh` and the rest."""

from collections.abc import Iterable, Mapping
from typing import Any, Self, cast

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, make_transient
from sqlalchemy.orm.base import LoaderCallableStatus

from activerow.database import database_of
from activerow.database.execution import Call
from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import ENTITY, are_evident, entity_of, fields_of, on_class, on_instance
from activerow.model.record.get_or_create import commit_where_due, differing, get_or_create
from activerow.model.rows import (
    Deletion,
    Insertion,
    Saving,
    Update,
    Values,
    check_names,
    check_new,
    collect,
    equal,
    fill,
    is_changed,
    read_again,
    telling_places,
)
from activerow.query.related import loading


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
        entity = cls.__dict__.get(ENTITY) or entity_of(cls)
        given = columns if values is None else collect(values, columns)
        checked = are_evident(given, entity.creating)
        names = given if checked else check_new(cls, given)
        insertion = Insertion(cls, names, session, auto_commit, refresh=refresh, checked=checked)
        made = database_of(cls).execution.carry_out(insertion)
        return cast("Self", await (made if type(names) is dict else telling_places(cls, names, made)))

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
        if inspect(self).was_deleted and inspect(self).session is None:
            make_transient(self)
        saving = Saving(self, session, auto_commit, refresh=refresh)
        return cast("Self", await database_of(type(self)).execution.carry_out(saving))

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
        given = columns if values is None else collect(values, columns)
        checked = are_evident(given, entity_of(type(self)).setting)
        names = given if checked else check_names(self, given)
        update = Update(self, names, session, auto_commit, refresh=refresh, checked=checked)
        done = database_of(type(self)).execution.carry_out(update)
        return self if await (done if type(names) is dict else telling_places(type(self), names, done)) else None

    @on_instance
    async def delete(self, *, session: AsyncSession | None = None, auto_commit: bool | None = None) -> None:
        """Delete the row.

        Raises:
            ForeignKeyViolationError: Other rows refer to it.
            UsageError: The row was never stored.
        """
        if inspect(self).key is None:
            raise UsageError(f"{self!r} is not stored; there is nothing to delete")

        deletion = Deletion(self, session, auto_commit)
        await database_of(type(self)).execution.carry_out(deletion)

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
        if lock and is_changed(self):
            raise UsageError(f"{self!r} has unsaved changes, which the locked values would overwrite: save() it first")

        async def work(session: AsyncSession) -> None:
            await read_again(session, self, attributes, lock=lock)

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
        """The loaded columns, or what `only` names (loaded relations as dicts, what a query computed); no I/O.

        Raises:
            UnknownFieldError: `only` or `exclude` names no field.
            NotLoadedError: `only` names something that is not loaded.
        """
        fields = fields_of(type(self))
        wanted = tuple(only) if only is not None else tuple(n for n in fields.columns if n in inspect(self).dict)
        left_out = frozenset(exclude)
        computed = {name for name in vars(self) if not name.startswith("_")}
        for name in (*wanted, *left_out):
            if name not in fields.columns + fields.relations + fields.hybrids and name not in computed:
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
            UsageError: No unique key of the model stops a second row with these values.
            UniqueViolationError: Another unique constraint than that of `unique` stands against the new row.
        """
        row, made = await get_or_create(cls, unique, defaults, session=session, auto_commit=auto_commit)
        await commit_where_due(cls, session, auto_commit)
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
        """As `get_or_create`; a row that is there is updated with `defaults`, its unique values included."""
        row, made = await get_or_create(cls, unique, defaults, session=session, auto_commit=auto_commit, renames=True)
        if made:
            await commit_where_due(cls, session, auto_commit)
        else:
            await row.update(differing(unique, defaults), session=session, auto_commit=auto_commit)
        return row, made


def _check_attributes(row: object, names: Iterable[str]) -> None:
    fields = fields_of(type(row))
    known = fields.columns + fields.relations
    for name in names:
        if name not in known:
            raise UnknownFieldError(type(row).__name__, name, choices=known)


def _plain(value: Any) -> Any:
    if isinstance(value, Writing):
        return value.to_dict()
    if isinstance(value, list | tuple | set):
        return [_plain(member) for member in cast("Iterable[object]", value)]
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return {key: _plain(member) for key, member in members.items()}
    return value
