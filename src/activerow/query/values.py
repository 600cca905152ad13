"""What a query reads without making instances: numbers, columns, objects of a schema, JSON."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast, overload

from sqlalchemy import ColumnExpressionArgument, Select

from activerow.aggregates import Exists
from activerow.database import BINDING, database_of
from activerow.mapping import entity_of, fields_of
from activerow.query.changing import Changing
from activerow.query.lookups import (
    name_of,
    over_related,
)
from activerow.query.plan import Plan
from activerow.query.reads import Cells, CellsRead
from activerow.query.results import (
    Computed,
    Layout,
    Projected,
    Schema,
    Shape,
    check_projection,
    json_objects,
    json_rows,
    projected,
    shape_of,
    single_layout,
)
from activerow.query.steps import StepsRead

M = TypeVar("M")
T = TypeVar("T")
S = TypeVar("S", bound=Schema)


class Values(Changing[M]):
    """The terminals of a query that give no rows of the model."""

    __slots__ = ()

    # -- numbers and columns -------------------------------------------------------------------------------------

    async def exists(self) -> bool:
        """Whether there is a row."""
        return bool(await self._cells(self.plan.at_most(1), self._exists, "exists"))

    async def count(self) -> int:
        """How many rows there are; `limit` and `offset` count."""
        rows = await self._cells(self.plan, self._count, "count")
        return cast("int", rows[0][0])

    async def sum(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The sum of a column; None without values."""
        return await self._aggregate("sum", column)

    async def avg(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The average of a column: a float, of a `Numeric` column a Decimal; None without values."""
        return await self._aggregate("avg", column)

    @overload
    async def min(self, column: str) -> Any: ...
    @overload
    async def min(self, column: ColumnExpressionArgument[T]) -> T | None: ...
    async def min(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The smallest value of a column; None without values."""
        return await self._aggregate("min", column)

    @overload
    async def max(self, column: str) -> Any: ...
    @overload
    async def max(self, column: ColumnExpressionArgument[T]) -> T | None: ...
    async def max(self, column: str | ColumnExpressionArgument[Any]) -> Any:
        """The largest value of a column; None without values."""
        return await self._aggregate("max", column)

    async def values(
        self, /, *columns: str | ColumnExpressionArgument[Any], **computed: Computed | Exists
    ) -> list[dict[str, Any]]:
        """Dicts of single columns, `"author__name"` included; of all columns where nothing is named or computed.

        Args:
            columns: Names, paths across to-one relations, attributes, or labelled SQL.
            computed: What else is read under a name: SQL, or aggregates of related rows like `posts=Count("posts")`.
        """
        if not columns and not computed:
            # With its key among the columns every row is another one anyway.
            names = [*fields_of(self.model).columns, *[name for name, _ in self.plan.computed]]
            return await self._planned(self.plan.but(distinct=False)).values(*names)
        names = [*[name_of(column) for column in columns], *computed]
        rows = await self._columns([*columns, *[over_related(self.model, each) for each in computed.values()]])
        return [dict(zip(names, row, strict=True)) for row in rows]

    @overload
    async def pluck(self, column: str) -> list[Any]: ...
    @overload
    async def pluck(self, column: ColumnExpressionArgument[T]) -> list[T]: ...
    async def pluck(self, column: str | ColumnExpressionArgument[Any]) -> list[Any]:
        """The values of one column."""
        return [row[0] for row in await self._columns([column])]

    async def into(self, schema: type[S]) -> list[S]:
        """Objects of a Pydantic model class, from what it names alone; no instance of the model is made.

        To-one relations are joined, every to-many relation is one more statement per 500 rows.

        Raises:
            UnknownFieldError: The schema needs a name that the model does not have.
            UsageError: It names something that has no SQL, or the query has links that load or lock.
            pydantic.ValidationError: A row does not fit.
        """
        check_projection(self.model, self.plan, "into")
        shape = self._shape(schema)
        layout = single_layout(self.plan, shape)
        rows = await self._projected(shape) if layout is None else layout.built(await self._laid_out(layout))
        return [schema.model_validate(row, from_attributes=True) for row in rows]

    async def json(self, schema: type[Schema] | None = None, *, by_alias: bool | None = None) -> bytes:
        """The rows as a JSON array of objects: of all columns, or in the form of a schema as `into` reads it.

        Args:
            schema: The bytes are those of `TypeAdapter(list[Schema]).dump_json(...)`.
            by_alias: Name the schema's fields by their aliases; None leaves it to the schema's configuration.

        Raises:
            UsageError: As `into`; or a value has no JSON form.
        """
        if schema is None:
            check_projection(self.model, self.plan, "json")
            return json_rows(await self.values())
        check_projection(self.model, self.plan, "into")
        shape = self._shape(schema)
        layout = single_layout(self.plan, shape)
        if layout is None:
            rows = await self._projected(shape)
        else:
            cells = await self._laid_out(layout)
            text = layout.plain_json(schema, cells, once=not (self.plan.conditions or self.plan.joins))
            if text is not None:
                return text
            rows = layout.built(cells)
        objects = [schema.model_validate(row, from_attributes=True) for row in rows]
        return json_objects(objects, schema, by_alias=by_alias)

    # -- inside --------------------------------------------------------------------------------------------------

    async def _cells(self, plan: Plan, select: Callable[[Plan], Select[Any]], kind: object = None) -> Cells:
        database = getattr(self.model, BINDING, None) or database_of(self.model)
        return await database.execution.fetch(CellsRead(self.model, self.session, plan, select, kind))

    def _shape(self, schema: object) -> Shape:
        return shape_of(self.model, schema, tuple(name for name, _ in self.plan.computed))

    async def _projected(self, shape: Shape) -> list[Projected]:
        read = StepsRead(self.model, self.session, self.plan, lambda: projected(self.model, self.plan, shape))
        return await database_of(self.model).execution.fetch(read)

    async def _laid_out(self, layout: Layout) -> Cells:
        return await self._cells(self.plan, lambda plan: layout.narrowed(self.model, plan), layout)

    async def _aggregate(self, function: str, column: object) -> Any:
        taken = self.column_of(column)
        kind = (function, column) if self._are_own((column,)) else None
        rows = await self._cells(self.plan, lambda plan: plan.aggregate(self.model, function, taken), kind)
        return rows[0][0]

    async def _columns(self, columns: Iterable[object]) -> Cells:
        named = tuple(columns)
        taken = tuple(map(self.column_of, named))
        kind = ("values", named) if self._are_own(named) else None
        return await self._cells(self.plan, lambda plan: plan.values(self.model, taken), kind)

    def _are_own(self, columns: Iterable[object]) -> bool:
        """They are names of the model's own columns, whose SQL is always the same."""
        own = entity_of(self.model).columns
        return all(isinstance(column, str) and column in own for column in columns)

    def _exists(self, plan: Plan) -> Select[Any]:
        return plan.exists(self.model)

    def _count(self, plan: Plan) -> Select[Any]:
        return plan.count(self.model)
