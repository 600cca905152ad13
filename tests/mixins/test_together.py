"""Every pair, triple and the whole of the mixins: each does what it does alone."""

from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import StaleRecordError, UsageError
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete, Timestamps, Versioned, owned_by
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Change(AuditLog, Base):
    """What was changed."""


class Owner(Base):
    id: Mapped[int] = mapped_column(primary_key=True)


Owned: Any = owned_by(Owner)
MIXINS: tuple[Any, ...] = (SoftDelete, Timestamps, Versioned, Audited, Owned)
TOGETHER = [mixins for count in (1, 2, 3, 5) for mixins in combinations(MIXINS, count)]


def _model(mixins: tuple[Any, ...], *, backwards: bool) -> Any:
    order = tuple(reversed(mixins)) if backwards else mixins
    name = "".join(mixin.__name__ for mixin in order)
    body = {"__annotations__": {"id": Mapped[int], "number": Mapped[int]}, "id": mapped_column(primary_key=True)}
    return type(name, (*order, Base), body)


MODELS: dict[str, tuple[Any, tuple[Any, ...]]] = {}
for _mixins in TOGETHER:
    for _backwards in (False, True)[: len(_mixins)]:
        _made = _model(_mixins, backwards=_backwards)
        MODELS[_made.__name__] = _made, _mixins


class _Life:
    """What happens to rows of a model, from the first to the last."""

    def __init__(self, model: Any, mixins: tuple[Any, ...]) -> None:
        self.model, self.mixins = model, mixins
        self.given = {"owner_id": 1} if Owned in mixins else {}
        self.before = 0

    async def many(self, *numbers: int) -> None:
        rows = [{"number": number, **self.given} for number in numbers]
        if Audited in self.mixins:
            with pytest.raises(UsageError, match="history"):
                await self.model.create_many(rows)
            for row in rows:
                await self.model.create(row)
        else:
            assert await self.model.create_many(rows) == len(rows)

    async def row(self) -> Any:
        """Written by all calls for one row; whoever read it before is stale where there are versions."""
        row = await self.model.create(number=1, **self.given)
        other = await self.model.get(row.id)
        await row.update(number=2)
        assert await self.model.filter_by(number=2).update(number=3) == 1
        row = await self.model.get(row.id)
        row.number = 4
        await row.save()
        if Versioned in self.mixins:
            assert row.version == 4
        if Timestamps in self.mixins:
            assert row.updated_at > row.created_at
        return row, other

    async def end(self, row: Any) -> None:
        """Deleted, restored where that can be, and deleted for good."""
        await row.delete()
        assert await self.model.get_or_none(row.id) is None
        if SoftDelete in self.mixins:
            assert await self.model.query().only_deleted().count() == 1
            await row.restore()
            assert (await self.model.get(row.id)).number == 4
            await row.delete(hard=True)
            assert await self.model.query().with_deleted().count() == 2
        assert await self.model.filter_by(number__gte=5).delete() == 2
        assert await self.model.query().count() == 0
        if SoftDelete in self.mixins:
            assert await self.model.query().with_deleted().delete(all_rows=True, hard=True) == 2

    async def history(self, id_: int) -> list[str]:
        key = {"model": self.model.__name__, "row_key": f"[{id_}]"}
        return await Change.filter_by(key).order_by("id").pluck("operation")


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    db = await make_database(Base)
    await Owner.create(id=1)
    return db


@pytest.mark.parametrize("name", MODELS)
async def test_mixins_do_together_what_each_does_alone(db: Database, name: str) -> None:
    """Rows are written one by one and as sets, read, deleted and restored, alone and in a unit."""
    life = _Life(*MODELS[name])

    await life.many(5, 6)
    row, other = await life.row()
    if Versioned in life.mixins:
        with pytest.raises(StaleRecordError):
            await other.update(number=9)
    async with db.transaction() as session:
        await life.end(row)
        stored = await session.scalar(select(func.count()).select_from(life.model.__table__))

    assert stored == 0
    if Audited in life.mixins:
        deleted = ["update", "update", "delete"] if SoftDelete in life.mixins else ["delete"]
        assert await life.history(row.id) == ["create", "update", "update", "update", *deleted]
