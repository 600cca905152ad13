"""UPDATE and DELETE of the rows that a query selects, and what the session's own rows then show."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from sqlalchemy import CursorResult, Delete, Table, Update, bindparam, delete, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import LoaderCriteriaOption
from sqlalchemy.orm.base import instance_state

from activerow.backends import backend_of
from activerow.database.direct import Command
from activerow.database.execution import Prepared, Ready, Write
from activerow.errors import UsageError
from activerow.mapping import (
    PlainTable,
    SetWrite,
    applied,
    are_evident,
    check,
    check_values,
    entity_of,
    fields_of,
    hiding_of,
    is_expression,
    mapper_of,
    next_version,
    refused_name,
    rules_for,
    tables_of,
)
from activerow.query.lookups import among
from activerow.query.plan import Plan, PreparedStatement, compiled_once

KEYS_PER_STATEMENT = 500

Values = Mapping[str, object]


def check_plan(model: type, plan: Plan, terminal: Literal["update", "delete"], *, all_rows: bool) -> None:
    """Accept a query whose rows can be changed in one statement.

    Raises:
        UsageError: It has no condition, or links that mean nothing here.
    """
    name = f"{model.__name__} query"
    if not plan.is_plain or plan.replica:
        links = {
            "distinct": plan.distinct,
            "include": plan.include,
            "only/defer": plan.columns,
            "for_update": plan.lock,
            "on_replica": plan.replica,
            "options": [option for option in plan.options if not isinstance(option, LoaderCriteriaOption)],
        }
        refused = [link for link, used in links.items() if used]
        if refused:
            raise UsageError(f"{terminal}() of a {name} with {', '.join(refused)}: leave that out, no rows are loaded")
    if not plan.is_narrowed and plan.most is None and not all_rows:
        raise UsageError(f"{terminal}() of a {name} without conditions would change every row; say so: all_rows=True")
    if not isinstance(mapper_of(model).local_table, Table):
        raise UsageError(
            f"{model.__name__} is mapped to a SELECT, whose rows cannot be changed: {terminal} those it reads"
        )
    if len(tables_of(mapper_of(model))) > 1:
        raise UsageError(f"{model.__name__} is stored in several tables, {terminal} its rows one by one")
    check(model, terminal)


def check_columns(model: type, values: Values) -> None:
    """Accept names and values that an UPDATE can set.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name is none of the model's columns, or may not be set.
        InvalidDataError: A value does not fit its column.
        UsageError: There is no value.
    """
    if not values:
        raise UsageError(f"update() of a {model.__name__} query needs values to set")
    if are_evident(values, entity_of(model).setting):
        return
    fields = fields_of(model)
    for name in values:
        if name not in fields.settable_columns:
            raise refused_name(model, name, fields.settable_columns, columns_only="an UPDATE sets")
    check_values(mapper_of(model), {name: value for name, value in values.items() if not is_expression(value)})


def check_delete(model: type, plan: Plan, *, hard: bool) -> None:
    """Accept a query whose rows can be deleted.

    Raises:
        UsageError: They are already, and `hard` is not given.
    """
    if plan.only_hidden and not hard:
        raise UsageError(
            f"the rows of this {model.__name__} query are deleted already: delete(hard=True) removes them for good"
        )


class SetCall(Write[int]):
    """UPDATE or DELETE of the rows of a plan, as data.

    Args:
        run: Does it by a Session.
    """

    __slots__ = ("_count", "given", "operation", "plan", "run")

    def __init__(
        self,
        operation: Literal["update", "delete"],
        model: type,
        plan: Plan,
        given: Values,
        session: AsyncSession | None,
        auto_commit: bool | None,
        run: Callable[[AsyncSession], Awaitable[int]],
    ) -> None:
        super().__init__(model, None, session, auto_commit, refresh=False)
        self.operation, self.plan, self.given, self.run, self._count = operation, plan, given, run, 0

    def values(self) -> Values:
        """What is set."""
        return self.given

    def ready(self, shop: Prepared) -> Ready | None:
        """The statement, where no mixin, option or session has a say in it."""
        entity, plan = entity_of(self.model), self.plan
        plain = PlainTable.of(entity)
        if entity.against_writing or plain.against or rules_for(self.model) or plan.criteria_options(self.model):
            return None
        values = dict(self.given)
        for column in plain.moving if values else ():
            if column.on_update is not None and column.name not in values:
                values[column.name] = column.on_update({})
        form = plan.shape() if plan.is_plain and plan.most is None and plan.skip is None else None
        if form is None or any(map(is_expression, values.values())):
            return self._unshaped(plain, values, shop)
        shape = (entity, self.operation, form, tuple(values))
        statement: PreparedStatement | None = shop.statements.get(shape) or self._made(plain, values, shop, shape)
        if statement is None:
            return None
        return Ready(statement.command, statement.parameters([*values.values(), *plan.parameters()]))

    def _made(self, plain: PlainTable, values: Values, shop: Prepared, shape: Any) -> PreparedStatement | None:
        plan, places = self.plan.with_places(self.model)
        columns: list[Any] = [plain.by_name[name].column for name in values]
        binds = {column: bindparam(f"v{n}", type_=column.type) for n, column in enumerate(columns)}
        names = [*[bind.key for bind in binds.values()], *places]
        statement = self._statement(plain, binds).where(*plan.where(self.model))
        try:
            prepared = PreparedStatement(
                statement, names, shop.dialect, None, model=self.model, writes=True, returns=False
            )
        except NotImplementedError:
            return None
        return shop.keep(shape, prepared)

    def _unshaped(self, plain: PlainTable, values: Values, shop: Prepared) -> Ready:
        target = self.plan.target(self.model, backend_of(shop.dialect))
        found = {plain.by_name[name].column: _settable(self.model, name, value) for name, value in values.items()}
        statement = self._statement(plain, found).where(*target)
        sql, parameters = compiled_once(statement, shop.dialect, shop.compiled)
        return Ready(Command(sql, self.model, writes=True, returns=False), parameters)

    def _statement(self, plain: PlainTable, values: Mapping[Any, Any]) -> Any:
        table: Any = plain.table
        return delete(table) if self.operation == "delete" else update(table).values(values)

    def written(self, rows: Collection[Sequence[Any]], count: int, key: object) -> int:  # noqa: ARG002
        """How many rows there were."""
        return count

    async def work(self, session: AsyncSession) -> None:
        """Do it by a Session."""
        self._count = await self.run(session)

    async def read_back(self, session: AsyncSession) -> None:
        """There is no row to read."""

    def worked(self) -> int:
        """How many rows there were."""
        return self._count


async def update_rows(
    session: AsyncSession, model: type, plan: Plan, values: Values, returned: list[Any] | None = None
) -> int:
    """UPDATE the rows; those that the session holds show the new values. Returns how many there were.

    `returned` is given the rows themselves.
    """
    columns = {name: _settable(model, name, value) for name, value in values.items()}
    write = SetWrite("update", model, {**next_version(model), **columns})
    await _run(session, plan, write, update(model).values(write.values), returned)
    await read_expired(session, model)
    return write.count


async def delete_rows(
    session: AsyncSession, model: type, plan: Plan, *, hard: bool, returned: list[Any] | None = None
) -> int:
    """DELETE the rows, which leave the session; or hide them where the model does so. Returns how many there were.

    `returned` is given the rows themselves, as they were.
    """
    hiding = hiding_of(model)
    if hiding is not None and not hard:
        return await update_rows(session, model, replace(plan, shown=()), {hiding.mark: hiding.value()}, returned)
    write = SetWrite("delete", model, {})
    await _run(session, plan, write, delete(model), returned)
    for row in returned or ():
        session.expunge(row)
    return write.count


async def _run(
    session: AsyncSession, plan: Plan, write: SetWrite, statement: Update | Delete, returned: list[Any] | None
) -> None:
    dialect = session.get_bind().dialect
    if returned is not None and not (dialect.update_returning if statement.is_update else dialect.delete_returning):
        word = "UPDATE" if statement.is_update else "DELETE"
        title = backend_of(dialect).title
        raise UsageError(
            f"{title} does not return the rows of {word}: in a transaction, read them with for_update() before"
        )
    write.targets = (plan.target(write.model, backend_of(dialect)),)
    write.options = tuple(plan.criteria_options(write.model))
    async with applied(session, write):
        for target in write.targets:
            one = statement.where(*target).options(*write.options)
            write.count += await _execute(session, write.model, one, returned)


def _settable(model: type, name: str, value: object) -> Any:
    # SQLAlchemy would compute a plain expression from the values in memory, which may be older than the server's.
    return type_coerce(cast("Any", value), getattr(model, name).type) if is_expression(value) else value


async def _execute(session: AsyncSession, model: type, statement: Update | Delete, returned: list[Any] | None) -> int:
    # Python does not compare as every collation does: which of the loaded rows are meant, the server says ("fetch").
    held = any(isinstance(row, model) for row in session.sync_session.identity_map.values())
    options = {"synchronize_session": "fetch" if held else False}
    if returned is not None:
        result: Any = await session.scalars(statement.returning(model), execution_options=options)
        rows = list(result.unique())
        returned.extend(rows)
        return len(rows)
    written = await session.execute(statement, execution_options=options)
    return cast("CursorResult[Any]", written).rowcount


async def read_expired(session: AsyncSession, model: type) -> None:
    """Read what the UPDATE has computed on the server into the rows that the session holds."""
    states = [instance_state(row) for row in session.sync_session.identity_map.values() if isinstance(row, model)]
    keys = [state.key[1] for state in states if state.expired_attributes and state.key is not None]
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        chunk = among(model, keys[start : start + KEYS_PER_STATEMENT])
        await session.execute(select(cast("type[Any]", model)).where(chunk))
