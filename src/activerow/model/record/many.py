"""`create_many` and `upsert_many`: any number of rows, all of them or none."""

from sqlalchemy.ext.asyncio import AsyncSession

from activerow.mapping import check, on_class
from activerow.model.bulk import BulkCall, Names, Progress, Rows, refuse_several_tables

BATCH = 5_000
"""Rows that are taken and sent together, unless the caller says otherwise."""


class BulkWriting:
    """What a model can do to many rows at once."""

    @on_class
    @classmethod
    async def create_many(
        cls,
        rows: Rows,
        /,
        *,
        session: AsyncSession | None = None,
        auto_commit: bool | None = None,
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> int:
        """Insert rows, all or none of them, and return how many there were.

        By COPY where PostgreSQL takes it, else by INSERTs of many rows. Defaults and checks of values are those of
        `create`; what a class does when one of its rows is flushed (events, validators) is not done.

        Args:
            rows: Mappings, Pydantic models or new instances: a list, a generator, an asynchronous generator. Not more
                than `batch` of them are held at a time. Instances stay as they are: they get no key.
            session: Use this session; it is committed only with `auto_commit=True`.
            auto_commit: True commits now, False leaves it to a later call; None commits unless someone else will.
            batch: How many rows are taken and sent together.
            progress: Called, awaited where it is asynchronous, with the number of rows written so far.

        Raises:
            UnknownFieldError, ReadOnlyFieldError: A row gives something that is no column; `position` says which.
            SaveError: The database, or a check before it, refused a row; `position` says which, where it is known.
        """
        check(cls, "create_many")
        refuse_several_tables(cls, "create_many")
        call = BulkCall(cls, "create_many", batch, progress)
        return await call.run(rows, session, auto_commit)

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

        As if the rows came one after the other: of two with the same key, the later one wins. Rows that the unit has
        loaded show the new values.

        Args:
            rows: As for `create_many`; stored instances too.
            by: The unique key that says whether a row is there. Left out: the primary key, or the only other unique key
                where the database makes the primary key.
            update: The columns to set on a row that is there; an empty tuple leaves it as it is. Left out: all that the
                row gives, but `by`, the primary key and `created_at`. `updated_at` moves by itself.
            session, auto_commit, batch, progress: As for `create_many`.

        Raises:
            UsageError: `by` is no unique key; or, on MySQL, there is another one, by which it would overwrite rows too.
            UnknownFieldError, ReadOnlyFieldError, SaveError: As for `create_many`.
        """
        check(cls, "upsert_many")
        refuse_several_tables(cls, "upsert_many")
        call = BulkCall(cls, "upsert_many", batch, progress)
        return await call.run(rows, session, auto_commit, upsert=(by, update))
