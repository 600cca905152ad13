"""`Store`: what a model can do, as a class with an injected session, for teams who prefer repositories."""

import sys
from collections.abc import Mapping
from typing import Any, ForwardRef, Generic, TypeVar, cast, get_args, get_origin

from sqlalchemy import ColumnExpressionArgument
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute

from activerow.errors import UsageError
from activerow.mixins import SoftDelete
from activerow.model.record import ActiveRecord
from activerow.model.rows import Values
from activerow.q import Q
from activerow.query import Query

M = TypeVar("M", bound=ActiveRecord)

_NO_KEY: Any = object()


class Store(Generic[M]):
    """The rows of a model: `class UserStore(Store[User])`, `await UserStore(session).get(1)`.

    Every method is the model's own, with the session of the store. Without one the open unit is used, as models do.
    The session of somebody else is committed by nobody but them.
    """

    def __init__(self, session: AsyncSession | None = None) -> None:
        """Take the session that all calls use.

        Raises:
            UsageError: The class does not say which model it stores.
        """
        self.session = session
        self._found: type[M] | None = None
        if not cast("Any", type(self)).__parameters__:
            self._found = cast("type[M]", _model_of(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.model.__name__}>"

    @property
    def model(self) -> type[M]:
        """The model, as the class says: `Store[User]`.

        Raises:
            UsageError: It does not say.
        """
        if self._found is None:
            self._found = cast("type[M]", _model_of(self))
        return self._found

    # -- reading -------------------------------------------------------------------------------------------------

    def query(self) -> Query[M]:
        """All rows, as a query to narrow."""
        return self.model.query(session=self.session)

    def filter_by(self, *groups: Mapping[str, object] | Q, **lookups: object) -> Query[M]:
        """The rows for which all lookups hold: `filter_by(email="a@b.c", age__gte=18)`."""
        return self.query().filter_by(*groups, **lookups)

    def where(self, *conditions: ColumnExpressionArgument[bool] | Q, **lookups: object) -> Query[M]:
        """The rows for which all conditions hold."""
        return self.query().where(*conditions, **lookups)

    def order_by(self, *keys: str | ColumnExpressionArgument[Any] | None) -> Query[M]:
        """All rows, sorted."""
        return self.query().order_by(*keys)

    async def get(self, key: object = _NO_KEY, /, *, lock: bool = False, **unique: object) -> M:
        """The row with this primary key, or unique value.

        Raises:
            RecordNotFoundError: There is none.
        """
        return await self.model.get(*_given(key), session=self.session, lock=lock, **unique)

    async def get_or_none(self, key: object = _NO_KEY, /, *, lock: bool = False, **unique: object) -> M | None:
        """As `get`; None where there is no such row."""
        return await self.model.get_or_none(*_given(key), session=self.session, lock=lock, **unique)

    async def refresh(self, row: M, *attributes: str, lock: bool = False) -> M:
        """Read a row again.

        Raises:
            RecordNotFoundError: The row is gone.
        """
        return await row.refresh(*attributes, session=self.session, lock=lock)

    async def load(self, row: M, *paths: str | QueryableAttribute[Any]) -> M:
        """Load relations of a row, together for the rows of the same result."""
        return await row.load(*paths, session=self.session)

    # -- writing -------------------------------------------------------------------------------------------------

    async def create(
        self, values: Values = None, /, *, auto_commit: bool | None = None, refresh: bool = False, **columns: object
    ) -> M:
        """Insert a row and return it.

        Raises:
            UnknownFieldError: A name is not a field of the model; nothing was sent.
            SaveError: The database refused the row.
        """
        return await self.model.create(
            values, session=self.session, auto_commit=auto_commit, refresh=refresh, **columns
        )

    async def get_or_create(
        self, unique: Mapping[str, object], /, defaults: Values = None, *, auto_commit: bool | None = None
    ) -> tuple[M, bool]:
        """The row with these values, made with `defaults` when there is none, and whether it was."""
        return await self.model.get_or_create(unique, defaults, session=self.session, auto_commit=auto_commit)

    async def update_or_create(
        self, unique: Mapping[str, object], /, defaults: Values = None, *, auto_commit: bool | None = None
    ) -> tuple[M, bool]:
        """As `get_or_create`; a row that is there is updated with `defaults`."""
        return await self.model.update_or_create(unique, defaults, session=self.session, auto_commit=auto_commit)

    async def save(self, row: M, /, *, auto_commit: bool | None = None, refresh: bool = False) -> M:
        """Insert a row, or update the columns that changed.

        Raises:
            SaveError: The database refused the row.
        """
        return await row.save(session=self.session, auto_commit=auto_commit, refresh=refresh)

    async def update(
        self,
        row: M,
        values: Values = None,
        /,
        *,
        auto_commit: bool | None = None,
        refresh: bool = False,
        **columns: object,
    ) -> M | None:
        """Set `values` on a row and save it; None, and no SQL, when nothing changed.

        Raises:
            UnknownFieldError: A name is not a field of the model; nothing was set.
            SaveError: The database refused the row.
        """
        return await row.update(values, session=self.session, auto_commit=auto_commit, refresh=refresh, **columns)

    async def delete(self, row: M, /, *, hard: bool = False, auto_commit: bool | None = None) -> None:
        """Delete a row; with `hard` for good, where the model mixes in `SoftDelete`.

        Raises:
            ForeignKeyViolationError: Other rows refer to it.
        """
        if isinstance(row, SoftDelete):
            await row.delete(hard=hard, session=self.session, auto_commit=auto_commit)
        else:
            await row.delete(session=self.session, auto_commit=auto_commit)


def _given(key: object) -> tuple[object, ...]:
    return () if key is _NO_KEY else (key,)


# --- which model ----------------------------------------------------------------------------------------------------


def _model_of(store: Store[Any]) -> type:
    # `Store[User](session)` notes its argument on the instance, a class on itself.
    alias = getattr(store, "__orig_class__", None)
    argument = _argument(get_origin(alias), get_args(alias)) if alias is not None else _argument(type(store), ())
    if isinstance(argument, ForwardRef | str):
        name = argument if isinstance(argument, str) else argument.__forward_arg__
        argument = vars(sys.modules[type(store).__module__]).get(name, argument)
    if not (isinstance(argument, type) and issubclass(argument, ActiveRecord)):
        kind = type(store).__name__
        raise UsageError(f"{kind} does not say which model it stores: write class {kind}(Store[User]), with your model")
    return argument


def _argument(cls: Any, arguments: tuple[Any, ...]) -> Any:
    """What stands for the model of `Store` in a class that is given `arguments`; None when nothing does."""
    if cls is Store:
        return arguments[0] if arguments else None
    given = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    bases = cls.__orig_bases__ if "__orig_bases__" in vars(cls) else cls.__bases__
    for base in cast("tuple[Any, ...]", bases):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, Store):
            return _argument(origin, tuple(given.get(argument, argument) for argument in get_args(base)))
    return None
