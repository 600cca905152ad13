"""SQLAlchemy Core by hand: rows, no objects."""

import orjson
from sqlalchemy import delete, exists, func, insert, select, update

from benchmarks.peer import Peer, Target
from benchmarks.peers.mapped import Account, Post, engine
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows

A, P = Account.__table__, Post.__table__


class This(Peer):
    async def open(self, target: Target) -> None:
        self.engine = engine(target)

    async def close(self) -> None:
        await self.engine.dispose()

    async def create(self, i: int) -> object:
        async with self.engine.begin() as c:
            return (await c.execute(insert(A).values(**fresh_row()))).inserted_primary_key[0]

    async def create_100(self, i: int) -> object:
        async with self.engine.begin() as c:
            for r in fresh_rows(100):
                (await c.execute(insert(A).values(**r))).inserted_primary_key[0]

    async def bulk_create(self, i: int) -> object:
        async with self.engine.begin() as c:
            await c.execute(insert(A), fresh_rows(10_000))

    async def get(self, i: int) -> object:
        async with self.engine.connect() as c:
            return (await c.execute(select(A).where(A.c.id == an_id(i)))).one()

    async def filter_one(self, i: int) -> object:
        async with self.engine.connect() as c:
            return (await c.execute(select(A).where(A.c.email == an_email(i)))).one()

    async def filter_100(self, i: int) -> object:
        async with self.engine.connect() as c:
            return (await c.execute(select(A).where(A.c.age == an_age(i)))).all()

    async def all_rows(self, i: int) -> object:
        async with self.engine.connect() as c:
            return (await c.execute(select(A))).all()

    async def load_save(self, i: int) -> object:
        async with self.engine.begin() as c:
            r = (await c.execute(select(A).where(A.c.id == an_id(i)))).one()
            await c.execute(update(A).where(A.c.id == r.id).values(balance=r.balance + 1))

    async def update_where(self, i: int) -> object:
        async with self.engine.begin() as c:
            await c.execute(update(A).where(A.c.age == an_age(i)).values(balance=i + 1))

    async def load_delete(self, i: int) -> object:
        async with self.engine.begin() as c:
            r = (await c.execute(select(A).where(A.c.id == self.doomed.pop()))).one()
            await c.execute(delete(A).where(A.c.id == r.id))

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        async with self.engine.connect() as c:
            accs = (await c.execute(select(A).where(A.c.id.between(first, last)))).all()
            by = {a.id: [] for a in accs}
            for p in (await c.execute(select(P).where(P.c.account_id.in_(list(by))))).all():
                by[p.account_id].append(p)
            return accs, by

    async def count(self, i: int) -> object:
        async with self.engine.connect() as c:
            return await c.scalar(select(func.count()).select_from(A).where(A.c.age == an_age(i)))

    async def exists(self, i: int) -> object:
        async with self.engine.connect() as c:
            return await c.scalar(select(exists().where(A.c.email == an_email(i))))

    async def to_json(self, i: int) -> object:
        async with self.engine.connect() as c:
            return orjson.dumps([dict(m) for m in (await c.execute(select(A).where(A.c.age == an_age(i)))).mappings()])

    async def first_rows(self, i: int, rows: int) -> object:
        async with self.engine.connect() as c:
            return (await c.execute(select(A).where(A.c.id <= rows))).all()
