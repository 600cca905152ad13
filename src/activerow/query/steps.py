"""Reads of several statements, as generators: each statement is yielded, and its rows are sent in return."""

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from activerow.database.direct import Command
from activerow.database.execution import Prepared, Read, Ready, Script
from activerow.mapping import entity_of, tuple_loader
from activerow.query.plan import Plan, compiled_once

T = TypeVar("T")

Cells = Collection[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of columns, and the values of its parameters."""

    statement: Select[Any]
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    load: Callable[[Any], Any] | None = None
    """Makes something of the driver's rows, where that is faster than to convert them first."""


Steps = Generator[Step, Any, T]


class StepsRead(Read[T]):
    """What a generator makes of the rows of its statements, none of which loads instances."""

    __slots__ = ("plan", "steps")

    def __init__(self, model: type, session: AsyncSession | None, plan: Plan, steps: Callable[[], Steps[T]]) -> None:
        super().__init__(model, session, plan.reads_replica())
        self.plan, self.steps = plan, steps

    def run(self, session: Session) -> T:
        """Read by a Session."""
        steps = self.steps()
        try:
            step = next(steps)
            while True:
                step = steps.send(session.execute(step.statement, step.parameters))
        except StopIteration as end:
            found: T = end.value
            return found

    def ready(self, shop: Prepared) -> Ready | None:  # noqa: ARG002
        """Nothing: it may take several statements."""
        return None

    def script(self, shop: Prepared) -> Script[T] | None:
        """The statements, where no option or listener of an entity changes them."""
        if self.plan.options or entity_of(self.model).against_reading:
            return None
        try:
            return sent(self.model, self.steps(), shop)
        except NotImplementedError:
            return None


def sent(model: type, steps: Steps[T], shop: Prepared) -> Script[T]:
    """The statements of `steps` for a driver."""
    try:
        step = next(steps)
        while True:
            load = step.load or tuple_loader([column.type for column in step.statement.selected_columns], shop.dialect)
            sql, parameters = compiled_once(step.statement, shop.dialect, shop.compiled, step.parameters)
            rows = yield Ready(Command(sql, model), parameters)
            step = steps.send(load(rows))
    except StopIteration as end:
        found: T = end.value
        return found
