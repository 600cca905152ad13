"""Rows of a model by a statement of the program's own: `User.query().from_statement(text("SELECT ..."))`."""

from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

from sqlalchemy import Executable, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute, Session
from sqlalchemy.sql.base import ExecutableOption

from activerow.database import database_of
from activerow.database.execution import Prepared, Read, Ready
from activerow.errors import MultipleRecordsError, RecordNotFoundError, UsageError
from activerow.mapping import criteria_of
from activerow.query.plan import Plan, include_options, merged, path_of
from activerow.query.related import load_ranked, remember_result, reread

M = TypeVar("M")


@dataclass(frozen=True, slots=True, eq=False)
class OwnStatement(Generic[M]):
    """The rows of a model that a statement of the program's own finds, in its order. Frozen data, as a query is.

    Which rows there are, the statement alone says: conditions, order and limits belong into it.
    """

    model: type[M]
    session: AsyncSession | None
    statement: Any
    plan: Plan

    def __repr__(self) -> str:
        return f"<own statement of {self.model.__name__}>"

    def include(self, *paths: str | QueryableAttribute[Any]) -> Self:
        """Load relations with the rows, each by a second SELECT."""
        names = [path_of(self.model, path) for path in paths]
        return replace(self, plan=self.plan.but(include=merged(self.plan.include, names)))

    async def all(self) -> list[M]:
        """Every row, once."""
        return await database_of(self.model).execution.fetch(_OwnRead(self))

    async def first(self) -> M | None:
        """The first row; None without rows."""
        rows = await self.all()
        return rows[0] if rows else None

    async def one(self) -> M:
        """The only row.

        Raises:
            RecordNotFoundError: There is none.
            MultipleRecordsError: There are more.
        """
        row = await self.one_or_none()
        if row is None:
            raise RecordNotFoundError(self.model.__name__)
        return row

    async def one_or_none(self) -> M | None:
        """The only row; None without rows.

        Raises:
            MultipleRecordsError: There are more.
        """
        rows = await self.all()
        if len(rows) > 1:
            raise MultipleRecordsError(self.model.__name__)
        return rows[0] if rows else None


class _OwnRead(Read[list[Any]]):
    """The rows of a statement that only a Session can read."""

    __slots__ = ("asked",)

    def __init__(self, asked: OwnStatement[Any]) -> None:
        super().__init__(asked.model, asked.session, asked.plan.reads_replica())
        self.asked = asked

    def run(self, session: Session) -> list[Any]:
        """Read by a Session."""
        asked = self.asked
        plan, model = asked.plan, asked.model
        included = include_options(model, plan.include, joins=False, others=plan.options)
        options: list[ExecutableOption] = [*included, *plan.columns, *plan.options, *criteria_of(model, plan.shown)]
        statement = select(model).from_statement(asked.statement).options(*options)
        with reread(session, model, plan.include):
            rows = list(session.scalars(statement).unique())
            load_ranked(session, rows, plan.include, plan.shown)
        remember_result(rows, plan.include)
        return rows

    def ready(self, shop: Prepared) -> Ready | None:  # noqa: ARG002
        """Nothing: the columns stand in an order of the program's own."""
        return None


def own_statement(model: type[M], session: AsyncSession | None, plan: Plan, statement: Any) -> OwnStatement[M]:
    """The rows of a statement, loaded as `plan` says.

    Raises:
        UsageError: The plan says which rows, which is the statement's to say; or it is no statement.
    """
    links: dict[str, object] = {
        "conditions": plan.is_narrowed,
        "order_by": plan.order,
        "limit": plan.most is not None,
        "offset": plan.skip is not None,
        "distinct": plan.distinct,
        "join": plan.joins,
        "annotate": plan.computed,
        "for_update": plan.lock,
    }
    refused = [link for link, used in links.items() if used]
    if refused:
        raise UsageError(f"from_statement() of a {model.__name__} query with {', '.join(refused)}: the SQL says that")
    if not isinstance(statement, Executable):
        raise UsageError(f"from_statement() takes a select(...) or text(...), not a {type(statement).__name__}")
    return OwnStatement(model, session, statement, plan)
