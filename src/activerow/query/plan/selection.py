"""What a query is made of: the model, the session, and what the links have gathered. Frozen data; nothing is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Self, TypeVar, cast

from sqlalchemy import ColumnElement, ColumnExpressionArgument, Select, false
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute, defer, load_only
from sqlalchemy.sql.base import ExecutableOption

from activerow.aggregates import Aggregate, Exists
from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import Hiding, criterion_of, entity_of, fields_of, hiding_of
from activerow.q import Q, clause, lookups_of
from activerow.query.lookups import (
    CUT,
    SHOWS_HIDDEN,
    Column,
    Key,
    among,
    check_windows,
    computed_at,
    condition_of,
    kind_name,
    name_of,
    simple_lookups,
    sorted_by,
    speaks_of_others,
    with_computed,
)
from activerow.query.plan.arguments import mapping_of, named, whole_number
from activerow.query.plan.include import Path, chosen, merged, path_of, target_of
from activerow.query.plan.joins import Join
from activerow.query.plan.plan import Lock, Plan

M = TypeVar("M")

Attribute = str | QueryableAttribute[Any]
Sort = str | ColumnExpressionArgument[Any]
Annotation = Aggregate[Any] | Exists | Q | ColumnExpressionArgument[Any]
"""What `annotate` computes for a row."""

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

    def select(self, *columns: str | ColumnExpressionArgument[Any]) -> Select[Any]:
        """The SELECT of columns of the rows, for conditions, CTEs and joins of one's own; of the rows without any.

        Its columns have the names under which `values` gives them. As the value of `in` it is a subquery:
        `User.filter_by(id__in=Post.filter_by(published=True).select("user_id"))`. A query itself stands for its
        primary key there.

        Raises:
            UnknownFieldError: A name is not a field of the model it stands on.
            UsageError: A column has no name, or one path leads to several rows.
        """
        if not columns:
            return self._apart(self.statement)
        taken = tuple(_labelled(self.column_of(column), name_of(column)) for column in columns)
        statement = self.plan.values(self.model, taken)
        criterion = criterion_of(self.model, self.plan.shown)
        return self._apart(statement if criterion is None else statement.where(criterion))

    def keys_apart(self) -> Select[Any]:
        """The SELECT of the primary keys: what a query is as the value of a lookup."""
        return self.select(*entity_of(self.model).keys)

    def _apart(self, statement: Select[Any]) -> Select[Any]:
        """A statement that may stand in another one, and what that has to know of it."""
        cut = self.plan.most is not None or self.plan.skip is not None
        return statement.execution_options(**{CUT: cut, SHOWS_HIDDEN: bool(self.plan.shown)})

    # -- links ---------------------------------------------------------------------------------------------------

    def filter_by(self, *groups: Mapping[str, object] | Q, **lookups: object) -> Self:
        """Only rows for which all lookups hold: `age__gte=18`, `posts__title__icontains="async"`.

        Args:
            groups: Lookups as a mapping, for names from outside; or groups of them, `Q(age=1) | ~Q(name="x")`.
            lookups: Names and values; see `activerow.lookups`.

        Raises:
            UnknownFieldError, UnknownLookupError: A name does not exist.
            UsageError: A value does not fit its lookup; or something is no lookup, but SQL, say.
            InvalidDataError: A value could not be in its column.
        """
        if any(isinstance(group, Q) for group in groups):
            return self._narrowed(named("filter_by", groups, lookups))
        given = [pair for group in groups for pair in lookups_of(mapping_of("filter_by", group))]
        pairs = (*given, *lookups.items())
        simple = None if self.plan.computed else simple_lookups(entity_of(self.model), pairs)
        if simple is None:
            return self._narrowed(Q(*groups, **lookups))
        return self._with(lookups=(*self.plan.lookups, *simple)) if simple else self

    def where(self, *conditions: ColumnExpressionArgument[bool] | Q, **lookups: object) -> Self:
        """Only rows for which all conditions hold: SQL such as `User.age >= 18`, groups such as `Q(age=1) | Q(age=2)`.

        Args:
            conditions: SQL of the model's columns and of tables that `join` brings in; or groups.
            lookups: As `filter_by` takes them.

        Raises:
            UnknownFieldError, UnknownLookupError, InvalidDataError: As `filter_by`.
            UsageError: A value does not fit its lookup; or something is no condition.
        """
        return self._narrowed(Q(*conditions, **lookups))

    def exclude(self, *groups: Mapping[str, object] | Q, **lookups: object) -> Self:
        """Only rows for which the lookups do not all hold: `filter_by` negated, and as SQL, unknown for NULL.

        Raises:
            UnknownFieldError, UnknownLookupError, InvalidDataError: As `filter_by`.
            UsageError: As `filter_by`; or there is no lookup.
        """
        group = named("exclude", groups, lookups)
        if not group.parts:
            raise UsageError("exclude() without a lookup would leave out every row; none() says so")
        return self._narrowed(~group)

    def none(self) -> Self:
        """No rows, whatever else is asked."""
        return self._planned(self.plan.also(false()))

    def annotate(self, /, **computed: Annotation) -> Self:
        """Compute values for each row: `annotate(comments=Count("comments"), mine=Exists("favorited_by", id=me.id))`.

        They are attributes of the rows that this query gives, set anew by each query, and no columns: a write passes
        over them. Behind this link `filter_by`, `order_by`, `values` and `into` know their names.

        Args:
            computed: Aggregates of related rows, `Exists`, groups of lookups (`Q(age__gte=18)`: whether they hold), or
                SQL of the model's columns.

        Raises:
            UsageError: A name is the model's own, or something has not one value for each row.
            UnknownFieldError, UnknownLookupError: A name in an aggregate does not exist.
        """
        return self._with(computed=with_computed(self.model, self.plan.computed, computed))

    def using(self, session: AsyncSession | None) -> Self:
        """The same query in another session; None asks the scope for one."""
        return replace(self, session=session)

    def join(self, target: Any, on: ColumnExpressionArgument[bool] | None = None, *, outer: bool = False) -> Self:
        """Join another table by hand: `join(User.posts)`, `join(Log, Log.user_id == User.id)`.

        For what lookups, which join nothing, cannot say. A row of the model still comes once, and counts once, however
        many rows are joined to it; only `values`, `pluck` and aggregates of the joined columns see each joined row.
        Order by joined columns with an aggregate: `func.max(Post.created_at)`.

        Args:
            target: A relation's attribute, a model, an alias or a table, as `Select.join` takes it.
            on: The condition; without one, the foreign key between the two.
            outer: Keep rows without a match.

        Raises:
            UsageError: `target` is a name, or `on` no SQL.
        """
        if isinstance(target, str):
            raise UsageError(f"join() takes a relation's attribute or a model, like {self.model.__name__}.{target}")
        return self._with(joins=(*self.plan.joins, Join(target, None if on is None else clause(on), outer)))

    def order_by(self, *keys: str | ColumnExpressionArgument[Any] | None) -> Self:
        """Sort by `"name"`, `"-created_at"` (descending), `"author__name"` or expressions, after the keys so far.

        None forgets the keys so far.
        """
        if len(keys) == 1 and keys[0] is None:
            return self._with(order=())
        return self._with(order=(*self.plan.order, *[sorted_by(self.model, self.plan.computed, key) for key in keys]))

    def reverse(self) -> Self:
        """The opposite order; by primary key, from the end, where no order was asked for.

        Raises:
            UsageError: The query has a limit or offset, which would cut the other end; or sorts by plain text.
        """
        return self._planned(self.plan.backwards(self.model, "reverse"))

    def limit(self, count: int | None) -> Self:
        """No more than `count` rows; relations that are included do not count."""
        return self._with(most=whole_number("limit", count))

    def offset(self, count: int | None) -> Self:
        """Pass over the first `count` rows."""
        return self._with(skip=whole_number("offset", count))

    def distinct(self) -> Self:
        """Of `values` and `pluck` each result once (SELECT DISTINCT). Rows of the model differ anyway."""
        return self._with(distinct=True)

    def include(
        self,
        *paths: Attribute,
        where: ColumnExpressionArgument[bool] | Q | None = None,
        order_by: Sort | Sequence[Sort] = (),
        limit: int | None = None,
    ) -> Self:
        """Load relations with the rows: `"posts.comments"`, `User.posts`. To-one by JOIN, to-many by a second SELECT.

        Args:
            paths: Relations of the model, or paths with a `.` between their names.
            where: Load only those rows at the end of the path, `include("posts", where=Q(published=True))`. The
                relation is then loaded in part: it can be read and appended to, but no list may replace it.
            order_by: One sort key or several, instead of the relation's own order.
            limit: Load no more than that many rows of each: `include("comments", order_by="-id", limit=3)`.

        Raises:
            UnknownFieldError: A name is not a relation of the model it stands on.
            UsageError: `where`, `order_by` or `limit` is given for a to-one relation, or twice for one path.
        """
        names = [path_of(self.model, path) for path in paths]
        several = isinstance(order_by, list | tuple)
        order: Sequence[Any] = cast("Sequence[Any]", order_by) if several else [order_by]
        if where is not None or order or limit is not None:
            if not names:
                raise UsageError("include(where=...) names no relation: include('posts', where=...)")
            most = whole_number("include(limit=...)", limit)
            found = [None if where is None else self._condition_at(name, where) for name in names]
            names = [chosen(self.model, name, one, order, most) for name, one in zip(names, found, strict=True)]
        return self._with(include=merged(self.plan.include, names))

    def only(self, *columns: Attribute) -> Self:
        """Load no other columns (and the primary key); reading one of the others raises `NotLoadedError`."""
        if not columns:
            raise UsageError("only() takes the names of the columns to load, and none is named")
        option = load_only(*[self._column("only", column) for column in columns])
        return self._with(columns=(*self.plan.columns, option))

    def defer(self, *columns: Attribute) -> Self:
        """Do not load these columns; reading one of them raises `NotLoadedError`."""
        options = [defer(self._column("defer", column)) for column in columns]
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

    def on_replica(self, *, allowed: bool = True) -> Self:
        """Let a replica answer outside any unit: rows may be those of a moment ago. In a unit, the unit answers.

        Args:
            allowed: False asks the primary, whatever the database's `replica_policy` says.
        """
        return self._with(replica=allowed)

    def options(self, *options: ExecutableOption) -> Self:
        """SQLAlchemy's own options: `joinedload(...)`, `with_loader_criteria(...)`.

        Raises:
            UsageError: Something is no option.
        """
        for option in options:
            if not isinstance(cast("object", option), ExecutableOption):
                raise UsageError(
                    f"options() takes options of SQLAlchemy, like joinedload(...), not {kind_name(option)}"
                )
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
        plan = self.plan.also(mark.is_not(None))
        return self._planned(plan.but(shown=(*plan.shown, self.model), only_hidden=True))

    # -- inside --------------------------------------------------------------------------------------------------

    def column_of(self, path: object) -> Column:
        """What a name, a path, or SQL stands for in this query."""
        return computed_at(self.model, self.plan.computed, path)

    def _with(self, **links: Any) -> Self:
        return self._planned(self.plan.but(**links))

    def _planned(self, plan: Plan) -> Self:
        return type(self)(self.model, self.session, plan)

    def _narrowed(self, group: Q) -> Self:
        condition = condition_of(self.model, group, named=self.plan.computed)
        if condition is None:
            return self
        plan = self.plan.also(condition).but(named=(*self.plan.named, *group.criteria()))
        # SQL may speak of tables that are to be joined.
        strange = any(speaks_of_others(self.model, part) for part in group.expressions())
        return self._planned(plan.but(foreign=True) if strange else plan)

    def _condition_at(self, path: Path, where: Any) -> ColumnElement[bool]:
        target = target_of(self.model, path)
        group = Q(where)
        condition = condition_of(target, group)
        if any(speaks_of_others(target, part) for part in group.expressions()):
            raise UsageError(f"include(where=...) speaks of {target.__name__} alone: ask of others by a lookup, Q(...)")
        if condition is None:
            raise UsageError(f"include(where=...) of {self.model.__name__}.{'.'.join(path)} says nothing: leave it out")
        return condition

    def _among(self, keys: Sequence[Key]) -> Self:
        check_windows(self.plan.computed, "get")
        if self.plan.most is not None or self.plan.skip is not None:
            raise UsageError("get() and get_many() find rows by their key: leave out limit() and offset()")
        return self._planned(self.plan.also(among(self.model, keys)))

    def _hiding(self, model: type, link: str) -> Hiding:
        hiding = hiding_of(model)
        if hiding is None:
            raise UsageError(f"{link}() needs a model that mixes in SoftDelete, and {model.__name__} does not")
        return hiding

    def _column(self, link: str, column: Attribute) -> QueryableAttribute[Any]:
        name: object = column if isinstance(column, str) else getattr(column, "key", None)
        owner: object = getattr(column, "class_", self.model)
        if not isinstance(name, str) or not (isinstance(owner, type) and issubclass(self.model, owner)):
            raise UsageError(
                f"{link}() takes columns of {self.model.__name__}, each by its name or as an attribute, not"
                f" {column if isinstance(name, str) else kind_name(column)}"
            )
        columns = fields_of(self.model).columns
        if name not in columns:
            raise UnknownFieldError(self.model.__name__, name, choices=columns)
        return cast("QueryableAttribute[Any]", getattr(self.model, name))


def _labelled(column: Column, name: str) -> Column:
    """The column, under a name that no column of the model has."""
    if column.key is not None or getattr(column.expression, "key", None) == name:
        return column
    return replace(column, expression=column.expression.label(name))
