"""A history of every row: who changed what, and when."""

from typing import Any, ClassVar

from sqlalchemy import event, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper

from activerow.database import database_of
from activerow.database.execution import Call
from activerow.errors import UsageError
from activerow.mapping import WriteRule
from activerow.mixins.audit_log import AuditLog, key_text, log_of, model_name
from activerow.mixins.recording import RecordsSetWrites, record_rows, scope_of


class Audited:
    """Records each create, update and delete of a row in the base's `AuditLog`, in the same flush.

    A rollback takes the history back with the change. Set-based updates and deletes are recorded row by row;
    `create_many` and `upsert_many` are refused.
    """

    __write_rules__: ClassVar[tuple[WriteRule, ...]] = (RecordsSetWrites(),)

    __audit_exclude__: ClassVar[tuple[str, ...]] = ()
    """Columns that are not recorded."""

    __audit_mask__: ClassVar[tuple[str, ...]] = ()
    """Columns of which only the fact is recorded that they changed: passwords, tokens."""

    async def history(self, *, limit: int | None = None, session: AsyncSession | None = None) -> list[AuditLog]:
        """What happened to this row, newest first; also after it was deleted.

        Raises:
            UsageError: The row was never stored.
        """
        model, log = type(self), log_of(type(self))
        state: InstanceState[Any] = inspect(self, raiseerr=True)
        if state.key is None:
            raise UsageError(f"{self!r} is not stored; it has no history")
        statement = (
            select(log)
            .where(log.model == model_name(model), log.row_key == key_text(state.key[1]))
            .order_by(log.id.desc())
            .limit(limit)
        )

        async def work(session: AsyncSession) -> list[AuditLog]:
            return list(await session.scalars(statement))

        return await database_of(model).execution.read(Call("select", log, self, session), work)


@event.listens_for(Audited, "after_mapper_constructed", propagate=True)
def _record(mapper: Mapper[Any], _class: type) -> None:
    record_rows(mapper)


@event.listens_for(Audited, "mapper_configured", propagate=True)
def _check(mapper: Mapper[Any], _class: type) -> None:
    scope_of(mapper)
