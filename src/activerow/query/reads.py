"""What terminals read, as data: rows of the model, or cells of some columns."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.orm.base import instance_state
from sqlalchemy.types import TypeEngine

from activerow.database.direct import Command
from activerow.database.execution import Prepared, Read, Ready, Script
from activerow.errors import UsageError
from activerow.mapping import ENTITY, criteria_of, entity_of, held_loader, is_hidden, row_loader, tuple_loader
from activerow.query.lookups import Column, Key, by_instance, put_on
from activerow.query.plan import Plan, PreparedStatement, compiled_once
from activerow.query.related import can_include, included, load_ranked, remember_result, reread

M = TypeVar("M")
Cells = list[tuple[Any, ...]]


class RowsRead(Read[list[Any]]):
    """The rows of a plan."""

    __slots__ = ("load", "load_held", "plan")

    def __init__(self, model: type, session: AsyncSession | None, plan: Plan) -> None:
        self.model, self.session, self.plan = model, session, plan
        self.replica = plan.replica if plan.lock is None else plan.reads_replica()

    def run(self, session: Session) -> list[Any]:
        """Read by a Session."""
        rows: list[Any] = rows_of(session, self.model, self.plan)
        remember_result(rows, self.plan.include)
        return rows

    def ready(self, shop: Prepared) -> Ready | None:
        """The statement for rows that need no Session."""
        plan, entity = self.plan, self.model.__dict__.get(ENTITY) or entity_of(self.model)
        heard = entity.load_listeners
        if entity.against_reading or not ((heard.unchanged() and heard.ours) or heard.are_ours()):
            return None
        if not plan.is_plain:
            return None
        form = plan.shape()
        if form is None:
            return self._unshaped(shop)
        shape = (entity, RowsRead, form)
        statement: PreparedStatement | None = shop.statements.get(shape) or self._made(shop, shape)
        if statement is None:
            return None
        self.load, self.load_held = statement.load
        values, tail = plan.parameters(), statement.tail
        return Ready(statement.command, statement.parameters(values) if tail is None else (*values, *tail))

    def script(self, shop: Prepared) -> Script[list[Any]] | None:
        """The statements for rows and lists of related ones, where none of them needs a Session."""
        plan = self.plan
        if not plan.include or not plan.but(include=()).is_plain or not can_include(self.model, plan.include):
            return None
        return self._with_included(shop)

    def _with_included(self, shop: Prepared) -> Script[list[Any]]:
        owners = RowsRead(self.model, self.session, self.plan.but(include=()))
        ready = owners.ready(shop)
        if ready is None:
            raise NotImplementedError("the rows need a Session")
        rows = owners.made_of((yield ready))
        steps = included([instance_state(row) for row in rows], self.plan.include, shop.dialect)
        try:
            statement, parameters, load = next(steps)
            while True:
                sql, values = compiled_once(statement, shop.dialect, shop.compiled, parameters)
                answer = yield Ready(Command(sql, self.model), values)
                statement, parameters, load = steps.send(load(answer))
        except StopIteration:
            return rows

    def inside(self, shop: Prepared) -> Ready | None:
        """The statement, where nobody has to be told of each row that a session gets."""
        entity = self.model.__dict__.get(ENTITY) or entity_of(self.model)
        return None if entity.manager.dispatch.load else self.ready(shop)

    def held(self, rows: Collection[Sequence[Any]], session: Session) -> list[Any]:
        """Instances of the session; those that it holds stay."""
        found: list[Any] = self.load_held(rows, session)
        if len(found) > 1:
            if self.plan.conditions:
                found = list({id(row): row for row in found}.values())
            remember_result(found)
        return found

    def made_of(self, rows: Collection[Sequence[Any]]) -> list[Any]:
        """Instances that belong to no session."""
        found: list[Any] = self.load(rows)
        if self.plan.conditions:
            # A condition that brings in another table repeats rows.
            found = list({instance_state(row).key: row for row in found}.values())
        if len(found) > 1:
            remember_result(found)
        return found

    def _made(self, shop: Prepared, shape: Any) -> PreparedStatement | None:
        entity = entity_of(self.model)
        names = tuple(entity.columns)
        try:
            load = row_loader(entity, names, shop.dialect), held_loader(entity, names, shop.dialect)
            selected = tuple(Column(getattr(self.model, name)) for name in names)
            plan, places = self.plan.with_places(self.model)
            statement = PreparedStatement(
                plan.values(self.model, selected), places, shop.dialect, load, model=self.model
            )
        except NotImplementedError:
            return None
        return shop.keep(shape, statement)

    def _unshaped(self, shop: Prepared) -> Ready | None:
        entity = entity_of(self.model)
        names = tuple(entity.columns)
        try:
            loaders = shop.statements.get((entity, "loaders")) or shop.keep(
                (entity, "loaders"), (row_loader(entity, names, shop.dialect), held_loader(entity, names, shop.dialect))
            )
        except NotImplementedError:
            return None
        self.load, self.load_held = loaders
        selected = tuple(Column(getattr(self.model, name)) for name in names)
        sql, parameters = compiled_once(self.plan.values(self.model, selected), shop.dialect, shop.compiled)
        return Ready(Command(sql, self.model), parameters)


class KeyRead(RowsRead):
    """The row with a primary key, from the memory of a unit where it holds it.

    Args:
        key: The values of the primary key.
    """

    __slots__ = ("key",)

    looks_at_hand = True

    def __init__(self, model: type, session: AsyncSession | None, plan: Plan, key: Key) -> None:
        super().__init__(model, session, plan)
        self.key = key

    def at_hand(self, session: Session) -> list[Any] | None:
        """The row, if the session holds it."""
        known: Any = session.identity_map
        state = known._dict.get((entity_of(self.model).identity, self.key, None))
        row = None if state is None or state.expired else state.obj()
        hidden = row is not None and is_hidden(row)
        return None if row is None or hidden is None else [] if hidden else [row]

    def run(self, session: Session) -> list[Any]:
        """Read by a Session."""
        row = cast("object", session.get(self.model, self.key, options=criteria_of(self.model)))
        hidden = row is not None and is_hidden(row)
        if hidden is None:
            return super().run(session)
        return [] if hidden or row is None else [row]


class CellsRead(Read[Cells]):
    """The rows of a SELECT of columns, as tuples.

    Args:
        select: Makes the SELECT of a plan.
        kind: With the shape of the plan, what is selected; None where that is said by no name.
    """

    __slots__ = ("kind", "load", "plan", "select")

    def __init__(
        self,
        model: type,
        session: AsyncSession | None,
        plan: Plan,
        select: Callable[[Plan], Select[Any]],
        kind: object = None,
    ) -> None:
        super().__init__(model, session, plan.reads_replica())
        self.plan, self.select, self.kind = plan, select, kind

    def run(self, session: Session) -> Cells:
        """Read by a Session."""
        return [tuple(row) for row in session.execute(self.select(self.plan))]

    def ready(self, shop: Prepared) -> Ready | None:
        """The statement, where no option or listener of an entity changes it."""
        plan, entity = self.plan, entity_of(self.model)
        if plan.options or plan.lock is not None or entity.against_reading:
            return None
        form = plan.shape() if self.kind is not None and plan.is_plain else None
        if form is None:
            return self._unshaped(shop)
        shape = (entity, self.kind, form)
        statement: PreparedStatement | None = shop.statements.get(shape) or self._made(shop, shape)
        if statement is None:
            return None
        self.load = statement.load
        return Ready(statement.command, statement.parameters(plan.parameters()))

    def made_of(self, rows: Collection[Sequence[Any]]) -> Cells:
        """The cells as the types of their columns say."""
        found: Cells = self.load(rows)
        return found

    def _made(self, shop: Prepared, shape: Any) -> PreparedStatement | None:
        plan, places = self.plan.with_places(self.model)
        statement = self.select(plan)
        try:
            load = tuple_loader(_types(statement), shop.dialect)
            return shop.keep(shape, PreparedStatement(statement, places, shop.dialect, load, model=self.model))
        except NotImplementedError:
            return None

    def _unshaped(self, shop: Prepared) -> Ready | None:
        statement = self.select(self.plan)
        try:
            self.load = tuple_loader(_types(statement), shop.dialect)
        except NotImplementedError:
            return None
        sql, parameters = compiled_once(statement, shop.dialect, shop.compiled)
        return Ready(Command(sql, self.model), parameters)


def rows_of(session: Session, model: type[M], plan: Plan) -> list[M]:
    """The rows of a plan, read by a Session."""
    if plan.lock is not None:
        refuse_unsaved(session, model, plan)
    with reread(session, model, plan.include):
        # unique(): joinedload of a to-many relation, which any option or mapping may bring, repeats the parent.
        if plan.computed:
            rows: list[M] = put_on(session.execute(plan.rows(model)).unique(by_instance), plan.computed)
        else:
            rows = list(session.scalars(cast("Select[M]", plan.rows(model))).unique())
        load_ranked(session, rows, plan.include, plan.shown)
        return rows


async def fetch_rows(session: AsyncSession, model: type[M], plan: Plan) -> list[M]:
    """`rows_of`, of an `AsyncSession`."""
    return await session.run_sync(rows_of, model, plan)


def refuse_unsaved(session: Session, model: type, plan: Plan) -> None:
    """Refuse to lock rows with unsaved changes: a change computed from older values would overwrite the locked ones.

    Raises:
        UsageError: One of the rows has some.
    """
    changed = {
        session.identity_key(instance=row)[1]: row
        for row in session.dirty
        if isinstance(row, model) and session.is_modified(row)
    }
    if not changed:
        return
    with session.no_autoflush:
        keys = [tuple(key) for key in session.execute(plan.keys(model))]
    for key in keys:
        if key in changed:
            row = changed[key]
            raise UsageError(f"{row!r} has unsaved changes, which the locked values would overwrite: save() it first")


def _types(statement: Select[Any]) -> list[TypeEngine[Any]]:
    return [column.type for column in statement.selected_columns]
