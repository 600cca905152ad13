"""What a query asks for, as data, and the statements it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import Any, Final, Self, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    SelectBase,
    Subquery,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import LoaderCriteriaOption
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.sql.visitors import iterate

from activerow.backends import Backend
from activerow.errors import UsageError
from activerow.mapping import ENTITY, criteria_of, entity_of, primary_key_names
from activerow.query.lookups import Column, Named, Simple, applied, by_primary_key, joined, reverse
from activerow.query.plan.include import Path, include_options
from activerow.query.plan.joins import Join, are_own, check_sources, once, with_joins

_KEY: Final = attrgetter("key")
_LOOKUP: Final = itemgetter(0)
_VALUE: Final = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Lock:
    """`FOR UPDATE`, and what to do about rows that others have locked."""

    nowait: bool = False
    skip_locked: bool = False


# Without slots: what was not asked for stands in the class, and a variation is one dict.
@dataclass(frozen=True, eq=False)
class Plan:
    """The links of a query.

    Attributes:
        lookups: Comparisons of the model's own columns with plain values, still as data.
        conditions: All other conditions, as SQL.
        named: Their names and values, for messages.
        computed: What is computed for each row, by name.
    """

    lookups: tuple[tuple[Simple, object], ...] = ()
    conditions: tuple[ColumnElement[bool], ...] = ()
    named: tuple[tuple[str, object], ...] = ()
    order: tuple[Column, ...] = ()
    most: int | None = None
    skip: int | None = None
    distinct: bool = False
    include: tuple[Path, ...] = ()
    columns: tuple[ORMOption, ...] = ()
    options: tuple[ExecutableOption, ...] = ()
    lock: Lock | None = None
    replica: bool | None = None
    joins: tuple[Join, ...] = ()
    shown: tuple[type, ...] = ()
    computed: Named = ()
    only_hidden: bool = False
    foreign: bool = False
    """A condition has columns of other tables, joined or brought in by it."""

    # -- conditions ----------------------------------------------------------------------------------------------

    @property
    def criteria(self) -> dict[str, object]:
        """What was asked for by name, for messages."""
        return dict((*((lookup.path, value) for lookup, value in self.lookups), *self.named))

    @property
    def is_narrowed(self) -> bool:
        """Whether there is a condition."""
        return bool(self.lookups or self.conditions)

    def where(self, model: type) -> tuple[ColumnElement[bool], ...]:
        """The conditions as SQL."""
        if not self.lookups:
            return self.conditions
        return (*[lookup.condition(model, value) for lookup, value in self.lookups], *self.conditions)

    def looked_up(self, model: type, lookups: Mapping[str, object]) -> Self | None:
        """The same, with more lookups, if each of them is known to be simple and its value evidently fits."""
        entity = model.__dict__.get(ENTITY) or entity_of(model)
        known, found = entity.lookups, list(self.lookups)
        for path, value in lookups.items():
            lookup: Simple | None = known.get(path)
            if lookup is None or type(value) is not lookup.exact or not lookup.fits(value):
                return None
            found.append((lookup, value))
        return self.but(lookups=tuple(found))

    def keyed(self, model: type, key: object) -> Self | None:
        """The row with a primary key of one column, if its value evidently could be there."""
        entity = model.__dict__.get(ENTITY) or entity_of(model)
        lookup: Simple | None = entity.memory.get(Simple)
        if lookup is None or type(key) is not lookup.exact or not lookup.fits(key):
            return None
        return self.but(lookups=((lookup, key),))

    def also(self, *conditions: ColumnElement[bool]) -> Self:
        """The same, with more conditions."""
        return self.but(conditions=(*self.conditions, *conditions))

    # -- its shape -----------------------------------------------------------------------------------------------

    @property
    def is_plain(self) -> bool:
        """Whether it only says which rows, in which order and how many."""
        return not (
            self.distinct
            or self.include
            or self.columns
            or self.options
            or self.joins
            or self.computed
            or self.lock is not None
        )

    def shape(self) -> tuple[object, ...] | None:
        """What its statement depends on, without the values; None where only SQL says it."""
        order = tuple(map(_KEY, self.order))
        if self.conditions or None in order:
            return None
        return tuple(map(_LOOKUP, self.lookups)), order, self.most is None, self.skip is None, self.shown

    def with_places(self, model: type) -> tuple[Self, list[str]]:
        """The same with parameters in the place of its values, and their names, as `parameters` orders them."""
        names = [f"p{number}" for number in range(len(self.lookups))]
        conditions = [lookup.place(model, name) for name, (lookup, _) in zip(names, self.lookups, strict=True)]
        links: dict[str, Any] = {"lookups": (), "conditions": (*conditions, *self.conditions)}
        for link in ("most", "skip"):
            if getattr(self, link) is not None:
                names.append(link)
                links[link] = bindparam(link, type_=BigInteger())
        return self.but(**links), names

    def parameters(self) -> list[object]:
        """The values for the parameters of `with_places`."""
        values = list(map(_VALUE, self.lookups))
        if self.most is not None:
            values.append(self.most)
        if self.skip is not None:
            values.append(self.skip)
        return values

    # -- variations ----------------------------------------------------------------------------------------------

    def but(self, **links: Any) -> Self:
        """The same with other links."""
        plan = object.__new__(type(self))
        plan.__dict__.update(self.__dict__, **links)
        return plan

    def ordered(self, model: type) -> Self:
        """The same, by primary key where no order was asked for."""
        return self if self.order else self.but(order=by_primary_key(model))

    def first(self, model: type) -> Self:
        """The same, for the first row alone."""
        order = self.order
        if not order:
            entity = model.__dict__.get(ENTITY) or entity_of(model)
            order = entity.memory.get(by_primary_key) or by_primary_key(model)
        return self.but(order=order, most=1 if self.most is None else min(1, self.most))

    def backwards(self, model: type, call: str = "last") -> Self:
        """The same in the opposite order.

        Raises:
            UsageError: A limit or offset would cut the other end.
        """
        if self.most is not None or self.skip is not None:
            raise UsageError(
                f"{call}() of a query with limit or offset would be about other rows; reverse its order_by instead"
            )
        return self.but(order=reverse(self.ordered(model).order))

    def at_most(self, count: int) -> Self:
        """The same, for no more than `count` rows."""
        return self.but(most=count if self.most is None else min(count, self.most))

    def reads_replica(self) -> bool | None:
        """Whether the rows may come from a replica; None leaves it to the database's policy.

        Raises:
            UsageError: They are to be locked, which a replica cannot do.
        """
        if self.lock is None:
            return self.replica
        if self.replica:
            raise UsageError("for_update() locks rows of the primary; leave out on_replica()")
        return False

    def loading_links(self) -> list[str]:
        """The links that say how rows are loaded, by name; options that only say which rows there are do not count."""
        links = {
            "include": self.include,
            "only/defer": self.columns,
            "for_update": self.lock,
            "options": not all(isinstance(option, LoaderCriteriaOption) for option in self.options),
        }
        return [link for link, used in links.items() if used]

    # -- statements ----------------------------------------------------------------------------------------------

    def rows(self, model: type) -> Select[Any]:
        """SELECT of the model's rows, with everything the query asks for."""
        hidden = criteria_of(model, self.shown)
        options = (*self._include_options(model), *self.columns, *self.options, *hidden)
        computed = [column.expression for _, column in self.computed]
        statement = cast("Select[Any]", select(cast("type[Any]", model), *computed))
        if options:
            statement = statement.options(*options)
        # Rows of a model differ; and not every type that they may have can be compared (json on PostgreSQL).
        statement = self.but(distinct=False)._read(statement, model)
        return statement.execution_options(populate_existing=True) if self.lock is not None else statement

    def values(self, model: type, columns: tuple[Column, ...]) -> Select[Any]:
        """SELECT of single columns of the rows."""
        return self.onto(cast("Select[Any]", select(*[column.expression for column in columns])), model, columns)

    def onto(self, selected: Select[Any], model: type, columns: tuple[Column, ...]) -> Select[Any]:
        """A SELECT of `columns` that reads them of the rows."""
        return self._read(selected.select_from(model).options(*self.criteria_options(model)), model, columns)

    def keys(self, model: type) -> Select[Any]:
        """SELECT of the primary keys of the rows."""
        return self.values(model, by_primary_key(model))

    def count(self, model: type) -> Select[int]:
        """SELECT of the number of rows."""
        if self._is_cut():
            plan = self._without_lock("count()").but(order=())
            # SQLAlchemy asks the outermost statement alone for the options of all.
            outer = select(func.count()).options(*self.criteria_options(model))
            return outer.select_from(plan.keys(model).subquery())
        statement = select(func.count()).select_from(model).options(*self.criteria_options(model))
        return self._without_lock("count()").but(order=())._read(statement, model)

    def exists(self, model: type) -> Select[int]:
        """SELECT of a row of one constant for each row."""
        statement = select(literal_column("1", Integer())).select_from(model).options(*self.criteria_options(model))
        return self.but(order=(), distinct=False)._read(statement, model)

    def aggregate(self, model: type, function: str, column: Column) -> Select[Any]:
        """SELECT of an aggregate of one column over the rows."""
        plan = self._without_lock(f"{function}()")
        if are_own((column,)):
            plan = plan.but(distinct=False)  # rows differ, whatever their values
        if not plan._is_cut():
            value = applied(function, column.expression)
            return plan.but(order=()).values(model, (replace(column, expression=value),))
        name = replace(column, expression=column.expression.label("value"))
        outer = select(applied(function, plan.values(model, (name,)).subquery().c.value))
        return outer.options(*self.criteria_options(model))

    def target(self, model: type, backend: Backend) -> tuple[ColumnElement[bool], ...]:
        """The conditions of an UPDATE or DELETE of the rows: those of the query, or that the key is one of its keys."""
        if (
            self.most is None
            and self.skip is None
            and not (self.joins or self.foreign)
            and (backend.reads_own_table or not self._has_subquery())
        ):
            return self.where(model)
        # Twice nested: MySQL neither reads the table it writes, nor takes LIMIT, in a subquery of its own.
        plan = self if self.most is not None or self.skip is not None else self.but(order=(), distinct=True)
        found: Subquery = plan.keys(model).subquery()
        columns: list[Any] = [getattr(model, name) for name in primary_key_names(model)]
        left = columns[0] if len(columns) == 1 else tuple_(*columns)
        return (cast("ColumnElement[bool]", left.in_(select(*found.c))),)

    # -- pieces --------------------------------------------------------------------------------------------------

    def _read(self, statement: Select[Any], model: type, columns: tuple[Column, ...] = ()) -> Select[Any]:
        """`statement` for the rows; a row that joins repeat comes once, where its own columns alone are asked for."""
        order, ties = self.order, tuple[ColumnElement[bool], ...]()
        if (self.joins or self.foreign) and are_own(columns):
            found = self._filtered(select(literal_column("1", Integer())).select_from(model), model)
            statement, order = once(statement, model, found, order, self.conditions)
        else:
            statement, ties = self._filtered(statement, model), self.conditions
        statement = joined(statement, model, (*columns, *order))
        statement = statement.order_by(*[key.expression for key in order]) if order else statement
        if (self.joins and self.options) or not are_own((*columns, *order)):
            check_sources(statement, model, ties, (*columns, *order))
        return self._cut(statement, model)

    def _filtered(self, statement: Select[Any], model: type) -> Select[Any]:
        statement = with_joins(statement, self.joins) if self.joins else statement
        return statement.where(*self.where(model)) if self.is_narrowed else statement

    def _cut(self, statement: Select[Any], model: type) -> Select[Any]:
        if self.distinct:
            statement = statement.distinct()
        if self.most is not None:
            statement = statement.limit(_number(self.most))
        if self.skip is not None:
            statement = statement.offset(_number(self.skip))
        if self.lock is not None and self.joins:
            raise UsageError("rows that join() repeats cannot be locked; ask by lookups across relations, or by key")
        if self.lock is not None:
            # Of the model's rows alone: what is joined for their order stays free.
            lock = self.lock
            statement = statement.with_for_update(of=model, nowait=lock.nowait, skip_locked=lock.skip_locked)
        return statement

    def _is_cut(self) -> bool:
        return self.distinct or self.most is not None or self.skip is not None or bool(self.joins) or self.foreign

    def _include_options(self, model: type) -> tuple[ORMOption, ...]:
        # PostgreSQL cannot lock the nullable side of an outer join, and MariaDB would lock the joined rows as well.
        joins = self.lock is None
        return include_options(model, self.include, joins=joins, others=self.options) if self.include else ()

    def criteria_options(self, model: type) -> list[ExecutableOption]:
        """The options that change which rows there are, for statements that load none."""
        given = [option for option in self.options if isinstance(option, LoaderCriteriaOption)]
        return [*given, *criteria_of(model, self.shown)]

    def _without_lock(self, terminal: str) -> Self:
        if self.lock is not None:
            raise UsageError(f"{terminal} cannot lock rows; leave out for_update()")
        return self

    def _has_subquery(self) -> bool:
        return any(isinstance(part, SelectBase) for condition in self.conditions for part in iterate(condition))


def _number(count: Any) -> Any:
    # Not every driver counts beyond 31 bits by itself.
    return literal(count, BigInteger()) if isinstance(count, int) else count
