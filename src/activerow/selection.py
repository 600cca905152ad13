"""What a query is made of: the model, the session, and what the links have gathered. Frozen data; nothing is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Self, TypeVar, cast

from sqlalchemy import ColumnElement, ColumnExpressionArgument, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute, defer, load_only
from sqlalchemy.sql.base import ExecutableOption

from activerow.criteria import Hiding, criterion_of, hiding_of
from activerow.errors import UnknownFieldError, UsageError
from activerow.inspection import fields_of
from activerow.keys import Key, among
from activerow.loading import path_of
from activerow.lookups import Q, all_of, condition_of
from activerow.ordering import sort_key
from activerow.plan import Lock, Plan

M = TypeVar("M")

Attribute = str | QueryableAttribute[Any]

EVERYTHING: Final = Plan()


@dataclass(frozen=True, slots=True, eq=False)
class Selection(Generic[M]):
    """A selection of rows of a model; every link returns a new one.

    Attributes:
        model: The model whose rows are meant.
        session: The session to use; None asks the scope for one.
        plan: What the links have gathered.
    """

    model: type[M]
    session: AsyncSession | None = None
    plan: Plan = EVERYTHING

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.model.__name__}>"

    @property
    def statement(self) -> Select[M]:
        """The SELECT that `all` runs."""
        statement = self.plan.rows(self.model)
        criterion = criterion_of(self.model, self.plan.shown)
        # Spelt out, as the statement's options are lost where it becomes part of another one.
        return statement if criterion is None else statement.where(criterion)

    # -- links ---------------------------------------------------------------------------------------------------

    def filter_by(self, values: Mapping[str, object] | None = None, /, **lookups: object) -> Self:
        """Only rows for which all lookups hold: `age__gte=18`, `posts__title__icontains="async"`.

        Args:
            values: Lookups as a mapping, for names from outside.
            lookups: Names and values; see `activerow.lookups`.

        Raises:
            UnknownFieldError, UnknownLookupError: A name does not exist.
            UsageError: A value does not fit its lookup.
            InvalidDataError: A value could not be in its column.
        """
        return self._narrowed(Q(values, **lookups), (*(values or {}).items(), *lookups.items()))

    def where(self, *conditions: ColumnExpressionArgument[bool] | Q) -> Self:
        """Only rows for which all conditions hold: `User.age >= 18`, or groups such as `Q(age=1) | ~Q(name="x")`."""
        members = cast("tuple[ColumnElement[bool] | Q, ...]", conditions)
        named = [pair for member in members if isinstance(member, Q) for pair in member.criteria()]
        return self._narrowed(all_of(members), tuple(named))

    def order_by(self, *keys: str | ColumnExpressionArgument[Any] | None) -> Self:
        """Sort by `"name"`, `"-created_at"` (descending), `"author__name"` or expressions, after the keys so far.

        None forgets the keys so far.
        """
        if len(keys) == 1 and keys[0] is None:
            return self._with(order=())
        return self._with(order=(*self.plan.order, *[sort_key(self.model, key) for key in keys]))

    def limit(self, count: int | None) -> Self:
        """No more than `count` rows; relations that are included do not count."""
        return self._with(most=_checked("limit", count))

    def offset(self, count: int | None) -> Self:
        """Pass over the first `count` rows."""
        return self._with(skip=_checked("offset", count))

    def distinct(self) -> Self:
        """Each row once (SELECT DISTINCT)."""
        return self._with(distinct=True)

    def include(self, *paths: Attribute) -> Self:
        """Load relations with the rows: `"posts.comments"`, `User.posts`. To-one by JOIN, to-many by a second SELECT.

        Raises:
            UnknownFieldError: A name is not a relation of the model it stands on.
        """
        names = [path_of(self.model, path) for path in paths]
        return self._with(include=tuple(dict.fromkeys((*self.plan.include, *names))))

    def only(self, *columns: Attribute) -> Self:
        """Load no other columns (and the primary key); reading one of the others raises `NotLoadedError`."""
        option = load_only(*[self._column(column) for column in columns])
        return self._with(columns=(*self.plan.columns, option))

    def defer(self, *columns: Attribute) -> Self:
        """Do not load these columns; reading one of them raises `NotLoadedError`."""
        options = [defer(self._column(column)) for column in columns]
        return self._with(columns=(*self.plan.columns, *options))

    def for_update(self, *, nowait: bool = False, skip_locked: bool = False) -> Self:
        """Lock the rows until the transaction ends, and show their current values, also in rows loaded before.

        Rows with unsaved changes are refused (`UsageError`) when they are read. SQLite has no row locks: there a
        transaction that writes excludes others as a whole.

        Args:
            nowait: Raise `LockTimeoutError` where another transaction holds a lock, rather than wait.
            skip_locked: Leave out rows that another transaction has locked.
        """
        return self._with(lock=Lock(nowait=nowait, skip_locked=skip_locked))

    def options(self, *options: ExecutableOption) -> Self:
        """SQLAlchemy's own options: `joinedload(...)`, `with_loader_criteria(...)`."""
        return self._with(options=(*self.plan.options, *options))

    def with_deleted(self, *models: type) -> Self:
        """Deleted rows too: of the query's model, or, where models are named, of those.

        `Post.query().with_deleted(User).include("author")` shows the deleted authors of posts that are not.

        Raises:
            UsageError: A model does not mix in `SoftDelete`.
        """
        for model in models or (self.model,):
            self._hiding(model, "with_deleted")
        return self._with(shown=(*self.plan.shown, *(models or (self.model,))))

    def only_deleted(self) -> Self:
        """Only rows of the model that are deleted.

        Raises:
            UsageError: The model does not mix in `SoftDelete`.
        """
        mark = getattr(self.model, self._hiding(self.model, "only_deleted").mark)
        conditions = (*self.plan.conditions, mark.is_not(None))
        return self._with(shown=(*self.plan.shown, self.model), conditions=conditions, only_hidden=True)

    # -- inside --------------------------------------------------------------------------------------------------

    def _with(self, **links: Any) -> Self:
        return replace(self, plan=replace(self.plan, **links))

    def _narrowed(self, group: Q, criteria: Sequence[tuple[str, object]]) -> Self:
        condition = condition_of(self.model, group)
        if condition is None:
            return self
        plan = self.plan
        return self._with(conditions=(*plan.conditions, condition), criteria=(*plan.criteria, *criteria))

    def _among(self, keys: Sequence[Key]) -> Self:
        return self._with(conditions=(*self.plan.conditions, among(self.model, keys)))

    def _hiding(self, model: type, link: str) -> Hiding:
        hiding = hiding_of(model)
        if hiding is None:
            raise UsageError(f"{link}() needs a model that mixes in SoftDelete, and {model.__name__} does not")
        return hiding

    def _column(self, column: Attribute) -> QueryableAttribute[Any]:
        name = column if isinstance(column, str) else column.key
        columns = fields_of(self.model).columns
        if name not in columns:
            raise UnknownFieldError(self.model.__name__, name, choices=columns)
        return cast("QueryableAttribute[Any]", getattr(self.model, name))


def _checked(link: str, count: Any) -> int | None:
    if count is not None and (not isinstance(count, int) or count < 0):
        raise UsageError(f"{link}() takes a whole number from 0 on, or None")
    return count
