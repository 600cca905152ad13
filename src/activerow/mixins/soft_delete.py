"""Rows that are marked as deleted, and passed over from then on."""

from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import Index, event, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from activerow.errors import UsageError
from activerow.mapping import Hiding, hide, on_instance
from activerow.model.record import Writing
from activerow.partial_index import VISIBLE, unique_where
from activerow.types import UTCDateTime, utc_now

# Behind the columns of the model (0), and those of Timestamps.
_LAST: Final = 10_002


class SoftDelete(Writing):
    """Adds `deleted_at`. `delete` sets it, and every read passes over the row from then on; `restore` unsets it.

    `Query.with_deleted()` and `Query.only_deleted()` show deleted rows. In a hierarchy of models it stands on the
    first one.
    """

    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), default=None, sort_order=_LAST)

    @on_instance
    async def delete(
        self, *, hard: bool = False, session: AsyncSession | None = None, auto_commit: bool | None = None
    ) -> None:
        """Mark the row as deleted, in one UPDATE; with `hard` delete it for good.

        A row that is marked already keeps its moment.

        Raises:
            ForeignKeyViolationError: Other rows refer to it (`hard`).
            StaleRecordError: The row is gone.
            UsageError: The row was never stored.
        """
        if hard:
            await super().delete(session=session, auto_commit=auto_commit)
            return
        if inspect(self).key is None:
            raise UsageError(f"{self!r} is not stored; there is nothing to delete")
        moment = inspect(self).dict.get("deleted_at") or utc_now()
        await self.update({"deleted_at": moment}, session=session, auto_commit=auto_commit)

    @on_instance
    async def restore(self, *, session: AsyncSession | None = None, auto_commit: bool | None = None) -> Self:
        """Let a deleted row be seen again; no SQL when it is not deleted.

        Raises:
            UniqueViolationError: Another row has taken one of its values since.
            StaleRecordError: The row is gone.
        """
        await self.update({"deleted_at": None}, session=session, auto_commit=auto_commit)
        return self

    @staticmethod
    def unique(*columns: str, name: str | None = None) -> Index:
        """A unique index over the rows that are not deleted, so that what a deleted row had can be used again.

        `__table_args__ = (SoftDelete.unique("email"),)`. Names are those of columns in the table.

        Args:
            columns: The columns that are unique together.
            name: By default `uq_<table>_<columns>`.
        """
        return unique_where("deleted_at IS NULL", *columns, name=name, info={VISIBLE: True})


hide(Hiding(SoftDelete, "deleted_at", lambda model: model.deleted_at.is_(None), utc_now))


@event.listens_for(SoftDelete, "after_mapper_constructed", propagate=True)
def _refuse_half_a_hierarchy(mapper: Mapper[Any], model: type) -> None:
    """Rows of a child alone could be deleted, and reads of its parent would still show them."""
    parent = mapper.inherits
    if parent is not None and not mapper.concrete and not issubclass(parent.class_, SoftDelete):
        raise UsageError(
            f"{model.__name__} mixes in SoftDelete, and {parent.class_.__name__}, which it inherits from, does not:"
            f" mix it into {parent.base_mapper.class_.__name__}"
        )
