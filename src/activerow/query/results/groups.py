"""Groups of rows, and what is computed of each: `User.query().group_by("country").values(users=Count())`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar, TypeVarTuple, cast, overload

from sqlalchemy import ColumnElement, ColumnExpressionArgument, Label, Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.aggregates import Aggregate
from activerow.database import database_of
from activerow.database.execution import Call
from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import primary_key_names
from activerow.q import Condition, Q, clause
from activerow.query.lookups import Column, column_at, name_of, on_computed, over_group
from activerow.query.plan import Plan, whole_number

Keys = TypeVarTuple("Keys")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

Key = str | ColumnExpressionArgument[Any]
Computed = Aggregate[Any] | ColumnExpressionArgument[Any]
"""What is computed of a group: an aggregate, or SQL like `func.max(User.age)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups(Generic[*Keys]):
    """The rows of a query, put together where they agree in some columns. Frozen data, as a query is.

    Attributes:
        model: The model whose rows are grouped.
        session: The session to use; None asks the scope for one.
        plan: Which rows; and of the groups, how many.
        keys: What the rows of a group agree in.
        conditions: Which groups.
        order: In which order.
    """

    model: type
    session: AsyncSession | None
    plan: Plan
    keys: tuple[Key, ...]
    conditions: tuple[Condition | tuple[str, object], ...] = ()
    order: tuple[Key, ...] = ()

    def __repr__(self) -> str:
        return f"<groups of {self.model.__name__}>"

    # -- links ---------------------------------------------------------------------------------------------------

    def having(self, *conditions: ColumnExpressionArgument[bool], **lookups: object) -> Self:
        """Only groups for which all hold: `having(users__gte=2)` of what `values` calls `users`, or SQL.

        Raises:
            UsageError: Something is neither.
        """
        if any(isinstance(condition, Q) for condition in conditions):
            raise UsageError("having() takes lookups on what is computed, having(users__gte=2), or SQL, and no Q")
        return replace(self, conditions=(*self.conditions, *map(clause, conditions), *lookups.items()))

    def order_by(self, *keys: Key) -> Self:
        """Sort the groups by names of keys and of what `values` computes (`"-users"` is descending), or by SQL."""
        return replace(self, order=(*self.order, *keys))

    def limit(self, count: int | None) -> Self:
        """No more than `count` groups."""
        return replace(self, plan=replace(self.plan, most=whole_number("limit", count)))

    def offset(self, count: int | None) -> Self:
        """Pass over the first `count` groups."""
        return replace(self, plan=replace(self.plan, skip=whole_number("offset", count)))

    # -- terminals -----------------------------------------------------------------------------------------------

    async def values(self, /, **computed: Computed) -> list[dict[str, Any]]:
        """A dict of each group: its keys, and what is computed of it, by name. Without keys it is one, of all rows.

        Raises:
            UnknownFieldError, UnknownLookupError: A name does not exist.
            UsageError: A key has no name, or one name is given twice.
        """
        names = [*[name_of(key) for key in self.keys], *computed]
        twice = {name for name in computed if names.count(name) > 1}
        if twice:
            raise UsageError(f"{', '.join(twice)} is a key of the groups: give what is computed another name")
        rows = await self._rows(self.statement(**computed))
        return [dict(zip(names, row, strict=True)) for row in rows]

    @overload
    async def tuples(self) -> list[tuple[*Keys]]: ...
    @overload
    async def tuples(self, a: "_Typed[A]", /) -> list[tuple[*Keys, A]]: ...
    @overload
    async def tuples(self, a: "_Typed[A]", b: "_Typed[B]", /) -> list[tuple[*Keys, A, B]]: ...
    @overload
    async def tuples(self, a: "_Typed[A]", b: "_Typed[B]", c: "_Typed[C]", /) -> list[tuple[*Keys, A, B, C]]: ...
    @overload
    async def tuples(self, *computed: Computed) -> list[tuple[Any, ...]]: ...
    async def tuples(self, *computed: Computed) -> list[Any]:
        """A tuple of each group: its keys, and what is computed of it.

        Raises:
            UnknownFieldError, UnknownLookupError, UsageError: As `values`.
        """
        statement = self._statement([(getattr(each, "name", None), each) for each in computed])
        return [tuple(row) for row in await self._rows(statement)]

    def statement(self, /, **computed: Computed) -> Select[Any]:
        """The SELECT that `values` runs."""
        return self._statement(list(computed.items()))

    # -- inside --------------------------------------------------------------------------------------------------

    async def _rows(self, statement: Select[Any]) -> list[Any]:
        async def work(session: AsyncSession) -> list[Any]:
            result = await session.execute(statement)
            return list(result)

        call = Call("select", self.model, None, self.session)
        return await database_of(self.model).execution.read(call, work)

    def _statement(self, computed: Sequence[tuple[str | None, Computed]]) -> Select[Any]:
        keys = [column_at(self.model, key) for key in self.keys]
        taken = [(name, self._column(each)) for name, each in computed]
        columns = (*keys, *[column for _, column in taken])
        if not columns:
            raise UsageError("group_by() without keys needs something to compute: values(rows=Count())")
        selected = [_labelled(column, _name(key)) for key, column in zip(self.keys, keys, strict=True)]
        selected += [_labelled(column, name) for name, column in taken]
        further = [column_at(self.model, each) for each in (*self.conditions, *self.order) if _is_sql(each)]
        statement = self.plan.onto(cast("Select[Any]", select(*selected)), self.model, (*columns, *further))
        if keys:
            # By position: no server has to find out that an expression, which may hold a subquery, is the same one.
            statement = statement.group_by(*[text(str(number)) for number in range(1, len(keys) + 1)])
        named = _Named(self.model, {each.name: each for each in selected[: len(keys)] if isinstance(each, Label)})
        results = {name: column.expression for name, column in taken if name is not None}
        conditions = [named.condition(each, results) for each in self.conditions]
        named.labels.update({each.name: each for each in selected[len(keys) :] if isinstance(each, Label)})
        order = [named.sort_key(key) for key in self.order]
        statement = statement.having(*conditions) if conditions else statement
        return statement.order_by(*order) if order else statement

    def _column(self, computed: Computed) -> Column:
        if isinstance(computed, Aggregate):
            return over_group(self.model, cast("Any", computed), is_single=self._are_rows())
        return column_at(self.model, computed)

    def _are_rows(self) -> bool:
        """The primary key is among the keys: every group is one row."""
        names = {key for key in self.keys if isinstance(key, str)}
        attributes = {id(key) for key in self.keys}
        return all(
            name in names or id(getattr(self.model, name)) in attributes for name in primary_key_names(self.model)
        )


_Typed = Aggregate[A] | ColumnElement[A]


def groups_of(model: type, session: AsyncSession | None, plan: Plan, keys: tuple[Key, ...]) -> Groups[Any]:
    """The groups of a query's rows.

    Raises:
        UnknownFieldError: A key is not a field of the model it stands on.
        UsageError: A key is no column; or the query sorts, cuts, loads or locks its rows.
    """
    _check_rows(model, plan)
    for key in keys:
        _labelled(column_at(model, key), None)
    return Groups(model, session, plan, keys)


def _check_rows(model: type, plan: Plan) -> None:
    name = f"group_by() of a {model.__name__} query with"
    cuts = {"order_by": plan.order, "limit": plan.most is not None, "offset": plan.skip is not None}
    misplaced = [link for link, used in cuts.items() if used]
    if misplaced:
        raise UsageError(f"{name} {', '.join(misplaced)}: write it after group_by(), where it is about the groups")
    refused = [*plan.loading_links(), *(["distinct"] if plan.distinct else [])]
    if refused:
        raise UsageError(f"{name} {', '.join(refused)}: leave that out, no rows are loaded")


def _is_sql(given: object) -> bool:
    """Rather than a name, or a name and a value."""
    return not isinstance(given, str | tuple)


def _name(key: Key) -> str | None:
    name: object = key if isinstance(key, str) else getattr(key, "key", None)
    return name if isinstance(name, str) else None


def _labelled(column: Column, name: str | None) -> ColumnElement[Any]:
    expression = column.expression
    element: object = expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression
    if not isinstance(element, ColumnElement):
        raise UsageError(f"{expression} is more than one column, or text: name the columns it is made of")
    is_named = isinstance(element, Label)
    found: ColumnElement[Any] = cast("Any", element)
    return found if name is None or is_named else found.label(name)


@dataclass(frozen=True, slots=True)
class _Named:
    """What names stand for, behind the groups."""

    model: type
    labels: dict[str, ColumnElement[Any]]

    def condition(self, given: Condition | tuple[str, object], results: dict[str, Any]) -> Condition:
        """A condition on what is computed of a group."""
        if not isinstance(given, tuple):
            return given
        path, value = given
        name = next((name for name in sorted(results, key=len, reverse=True) if _begins(path, name)), None)
        if name is None:
            if any(_begins(path, key) for key in self.labels):
                raise UsageError(f"{path} is about a key of the groups: write filter_by({path}=...) before group_by()")
            raise UnknownFieldError(f"what is computed of {self.model.__name__}", path, choices=tuple(results))
        comparison, source = on_computed(self.model, path, name, results[name])
        return comparison.condition(source, comparison.given(value))

    def sort_key(self, key: Key) -> Any:
        """A name as the column that is given back under it."""
        if not isinstance(key, str):
            return key
        name = key.removeprefix("-")
        if name not in self.labels:
            raise UnknownFieldError(f"a group of {self.model.__name__}", name, choices=tuple(self.labels))
        return self.labels[name].desc() if key.startswith("-") else self.labels[name]


def _begins(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}__")
