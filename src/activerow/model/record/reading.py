"""Reading rows: what starts a query, and getting rows by key."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar, cast, overload

from sqlalchemy import ColumnExpressionArgument
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.errors import RecordNotFoundError, UsageError
from activerow.mapping import on_class, primary_key_names
from activerow.q import Q
from activerow.query import Query
from activerow.query.lookups import check_unique, primary_key

M = TypeVar("M")
Q_co = TypeVar("Q_co", bound=Query[Any], covariant=True)

_NO_KEY: Final = object()


class HasQuery(Protocol[Q_co]):
    """A model with a query class of its own: `__query__ = UserQuery`."""

    @property
    def __query__(self) -> type[Q_co]:
        """The class of its queries."""
        ...


class Reading:
    """How a model finds its rows."""

    if not TYPE_CHECKING:  # checkers tell by it who has a class of queries of its own
        __query__ = Query

    @overload
    @classmethod
    def query(cls: type[HasQuery[Q_co]], *, session: AsyncSession | None = None) -> Q_co: ...
    @overload
    @classmethod
    def query(cls, *, session: AsyncSession | None = None) -> Query[Self]: ...
    @on_class
    @classmethod
    def query(cls, *, session: AsyncSession | None = None) -> Any:
        """All rows, as a query to narrow.

        Args:
            session: Use this session; by default the one of the open unit, else one of the call's own.
        """
        return _start(cls, session)

    @overload
    @classmethod
    def filter_by(
        cls: type[HasQuery[Q_co]],
        *groups: Mapping[str, object] | Q,
        session: AsyncSession | None = None,
        **lookups: object,
    ) -> Q_co: ...
    @overload
    @classmethod
    def filter_by(
        cls, *groups: Mapping[str, object] | Q, session: AsyncSession | None = None, **lookups: object
    ) -> Query[Self]: ...
    @on_class
    @classmethod
    def filter_by(
        cls, *groups: Mapping[str, object] | Q, session: AsyncSession | None = None, **lookups: object
    ) -> Any:
        """The rows for which all lookups hold: `filter_by(email="a@b.c", age__gte=18)`.

        Raises:
            UnknownFieldError, UnknownLookupError: A name does not exist.
            UsageError: A value does not fit its lookup; or something is no lookup, but SQL, say.
        """
        query = _start(cls, session)
        plan = None if groups else query.plan.looked_up(cls, lookups)
        return query.filter_by(*groups, **lookups) if plan is None else type(query)(cls, session, plan)

    @overload
    @classmethod
    def where(
        cls: type[HasQuery[Q_co]],
        *conditions: ColumnExpressionArgument[bool] | Q,
        session: AsyncSession | None = None,
        **lookups: object,
    ) -> Q_co: ...
    @overload
    @classmethod
    def where(
        cls, *conditions: ColumnExpressionArgument[bool] | Q, session: AsyncSession | None = None, **lookups: object
    ) -> Query[Self]: ...
    @on_class
    @classmethod
    def where(
        cls, *conditions: ColumnExpressionArgument[bool] | Q, session: AsyncSession | None = None, **lookups: object
    ) -> Any:
        """The rows for which all conditions hold: `where(User.age >= 18)`, `where(Q(age=1) | Q(name="x"))`."""
        return _start(cls, session).where(*conditions, **lookups)

    @overload
    @classmethod
    def order_by(
        cls: type[HasQuery[Q_co]],
        *keys: str | ColumnExpressionArgument[Any] | None,
        session: AsyncSession | None = None,
    ) -> Q_co: ...
    @overload
    @classmethod
    def order_by(
        cls, *keys: str | ColumnExpressionArgument[Any] | None, session: AsyncSession | None = None
    ) -> Query[Self]: ...
    @on_class
    @classmethod
    def order_by(cls, *keys: str | ColumnExpressionArgument[Any] | None, session: AsyncSession | None = None) -> Any:
        """All rows, sorted: `order_by("-created_at", "id")`."""
        return _start(cls, session).order_by(*keys)

    @on_class
    @classmethod
    async def get(
        cls, key: object = _NO_KEY, /, *, session: AsyncSession | None = None, lock: bool = False, **unique: object
    ) -> Self:
        """The row with this primary key (`get(1)`, composite as a tuple) or unique value (`get(email="a@b.c")`).

        A row that the open unit holds already is not read again.

        Args:
            lock: SELECT ... FOR UPDATE, and show the row's current values.

        Raises:
            RecordNotFoundError: There is none.
            UsageError: The names are not those of a unique key.
            InvalidDataError: The key could not be in its column.
        """
        row = await _find(cls, key, unique, session=session, lock=lock)
        if row is None:
            raise RecordNotFoundError(cls.__name__, _named(cls, key, unique))
        return row

    @on_class
    @classmethod
    async def get_or_none(
        cls, key: object = _NO_KEY, /, *, session: AsyncSession | None = None, lock: bool = False, **unique: object
    ) -> Self | None:
        """As `get`; None where there is no such row.

        Raises:
            UsageError: The names are not those of a unique key.
            InvalidDataError: The key could not be in its column.
        """
        return await _find(cls, key, unique, session=session, lock=lock)


def _start(model: type[M], session: AsyncSession | None) -> Query[M]:
    """Everything of a model, as a query of its own class where it has one.

    Raises:
        UsageError: `__query__` is no class of queries.
    """
    kind: object = model.__query__  # type: ignore[attr-defined]
    if kind is not Query and not (isinstance(kind, type) and issubclass(kind, Query)):
        raise UsageError(f"{model.__name__}.__query__ must be a class of queries, like class UserQuery(Query['User'])")
    return cast("type[Query[M]]", kind)(model, session)


async def _find(
    model: type[M], key: object, unique: Mapping[str, object], *, session: AsyncSession | None, lock: bool
) -> M | None:
    query = Query(model, session)
    if lock:
        query = query.for_update()
    if not unique and _is_plain(key):
        return await query.get_or_none(key)
    named = _named(model, key, unique)
    if named.keys() == set(primary_key_names(model)):
        return await query.get_or_none(named)
    check_unique(model, named)
    if None in named.values():
        # NULL singles out no row: a unique constraint allows any number of them.
        return None
    return await query.filter_by(named).one_or_none()


def _is_plain(key: object) -> bool:
    """The key is given by its values, not by names."""
    return key is not _NO_KEY and not isinstance(key, Mapping)


def _named(model: type, key: object, unique: Mapping[str, object]) -> dict[str, object]:
    """The values asked for by the names of their fields."""
    if key is _NO_KEY:
        return dict(unique)
    if unique:
        raise UsageError(f"{model.__name__}.get() takes a primary key or the fields of a unique key, not both")
    if isinstance(key, Mapping):
        return dict(cast("Mapping[str, object]", key))
    return dict(zip(primary_key_names(model), primary_key(model, key), strict=True))
