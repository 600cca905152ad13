"""`create_many`, `upsert_many` and `update_many`: any number of rows, all of them or none."""

from functools import partial
from typing import Literal, Self, overload

from sqlalchemy.ext.asyncio import AsyncSession

from activerow.mapping import on_class
from activerow.model.bulk import BulkCall, Creation, Names, Progress, Rows, Updating, Upsertion
from activerow.query.related import remember_result

BATCH = 5_000
"""Rows that are taken and sent together, unless the caller says otherwise."""


class BulkWriting:
    """What a model can do to many rows at once."""

    @overload
    @classmethod
    async def create_many(
        cls,
        rows: Rows,
        /,
        *,
        returning: Literal[False] = False,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> int: ...
    @overload
    @classmethod
    async def create_many(
        cls,
        rows: Rows,
        /,
        *,
        returning: Literal[True],
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> list[Self]: ...
    @on_class
    @classmethod
    async def create_many(
        cls,
        rows: Rows,
        /,
        *,
        returning: bool = False,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> int | list[Self]:
        """Insert rows, all or none of them, and return how many there were.

        By COPY where PostgreSQL takes it, else by INSERTs of many rows. Defaults and checks of values are those of
        `create`; what a class does when one of its rows is flushed (events, validators) is not done.

        Args:
            rows: Mappings, Pydantic models or new instances: a list, a generator, an asynchronous generator. Not more
                than `batch` of them are held at a time.
            returning: Return the rows instead, in their order, with keys and defaults, as a list of instances: those
                that were given among them. Else these stay as they are, and get no key.
            session: Use this session; it is committed only with `auto_commit=True`.
            auto_commit: True commits now, False leaves it to a later call; None commits unless someone else will.
            batch: How many rows are taken and sent together.
            progress: Called, awaited where it is asynchronous, with the number of rows written so far.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: A row gives something that is no column; `position` says which.
            SaveError: The database, or a check before it, refused a row; `position` says which, where it is known.
            UsageError: Nobody can tell the keys that the database makes (`returning`).
        """
        call = BulkCall(cls, "create_many", batch, progress)
        made: list[Self] = []
        kept = made if returning else None
        written = await call.run(rows, session, auto_commit, partial(Creation, cls, made=kept))
        if not returning:
            return written
        remember_result(made, ())
        return made

    @on_class
    @classmethod
    async def upsert_many(
        cls,
        rows: Rows,
        /,
        *,
        by: Names | None = None,
        update: Names | None = None,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> int:
        """Insert rows, or update those that are there; return how many were inserted or updated.

        As if the rows came one after the other: of two with the same key, the later one wins. They are written in the
        order of their keys, so that two calls with the same rows do not wait for each other. Rows that the unit has
        loaded show the new values.

        Args:
            rows: As for `create_many`; stored instances too.
            by: The unique key that says whether a row is there; it may be one of a part of the rows. Left out: the
                primary key, or the only other unique key where the database makes the primary key.
            update: The columns to set on a row that is there; an empty tuple leaves it as it is. Left out: all that the
                row gives, but `by`, the primary key and `created_at`. `updated_at` moves by itself.
            session, auto_commit, batch, progress: As for `create_many`.

        Raises:
            UsageError: `by` is no unique key, or a deferrable one; or, on MySQL, there is another one, by which it
                would overwrite rows too.
            UniqueViolationError: A deleted row, which no read shows, has the key.
            UnknownFieldError, ReadOnlyFieldError, SaveError: As for `create_many`.
        """
        call = BulkCall(cls, "upsert_many", batch, progress)
        return await call.run(rows, session, auto_commit, partial(Upsertion, cls, by=by, update=update))

    @on_class
    @classmethod
    async def update_many(
        cls,
        rows: Rows,
        /,
        *,
        by: Names | None = None,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> int:
        """Set other values on each of many rows, all or none of them; return how many there were.

        An UPDATE brings up to a thousand rows along. Rows that the unit has loaded show the new values.

        Args:
            rows: Mappings or Pydantic models with the key and the values to set, or changed instances, of which the
                changed columns are written; those without a change are passed over.
            by: The unique key by which rows are found; the primary key when left out.
            session, auto_commit, batch, progress: As for `create_many`.

        Raises:
            RecordNotFoundError: There is no row for some of them; `missing` names their keys.
            StaleRecordError: An instance is of another version than the row.
            UsageError: `by` is no unique key, a row does not give it, or gives nothing to set.
            UnknownFieldError, ReadOnlyFieldError: A name may not be set; `position` says which row gives it.
            SaveError: The database, or a check before it, refused a row; `position` says which, where it is known.
        """
        call = BulkCall(cls, "update_many", batch, progress)
        return await call.run(rows, session, auto_commit, partial(Updating, cls, by=by))
