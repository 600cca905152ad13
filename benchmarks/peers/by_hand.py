"""Hand-written SQLAlchemy 2.1 async ORM: one session per operation, expire_on_commit=False."""

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import selectinload

from benchmarks.peer import Peer, Target
from benchmarks.peers.mapped import Account, AccountsOut, engine
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class This(Peer):
    async def open(self, target: Target) -> None:
        self.engine = engine(target)
        self.S = async_sessionmaker(self.engine, expire_on_commit=False)

    async def close(self) -> None:
        await self.engine.dispose()

    async def create(self, i: int) -> object:
        async with self.S() as s:
            a = Account(**fresh_row())
            s.add(a)
            await s.commit()
            return a.id

    async def create_100(self, i: int) -> object:
        async with self.S() as s, s.begin():
            for r in fresh_rows(100):
                s.add(Account(**r))
                await s.flush()

    async def bulk_create(self, i: int) -> object:
        async with self.S() as s, s.begin():
            await s.execute(insert(Account), fresh_rows(10_000))

    async def get(self, i: int) -> object:
        async with self.S() as s:
            return await s.get(Account, an_id(i))

    async def filter_one(self, i: int) -> object:
        async with self.S() as s:
            return (await s.execute(select(Account).where(Account.email == an_email(i)))).scalar_one()

    async def filter_100(self, i: int) -> object:
        async with self.S() as s:
            return (await s.execute(select(Account).where(Account.age == an_age(i)))).scalars().all()

    async def all_rows(self, i: int) -> object:
        async with self.S() as s:
            return (await s.execute(select(Account))).scalars().all()

    async def load_save(self, i: int) -> object:
        async with self.S() as s:
            a = await s.get(Account, an_id(i))
            a.balance = a.balance + 1
            await s.commit()
            return a

    async def update_where(self, i: int) -> object:
        async with self.S() as s, s.begin():
            await s.execute(update(Account).where(Account.age == an_age(i)).values(balance=i + 1))

    async def load_delete(self, i: int) -> object:
        async with self.S() as s:
            a = await s.get(Account, self.doomed.pop())
            await s.delete(a)
            await s.commit()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        async with self.S() as s:
            q = select(Account).where(Account.id.between(first, last)).options(selectinload(Account.posts))
            return (await s.execute(q)).scalars().all()

    async def count(self, i: int) -> object:
        async with self.S() as s:
            return await s.scalar(select(func.count()).select_from(Account).where(Account.age == an_age(i)))

    async def exists(self, i: int) -> object:
        async with self.S() as s:
            return await s.scalar(select(select(Account.id).where(Account.email == an_email(i)).exists()))

    async def to_json(self, i: int) -> object:
        objs = await self.filter_100(i)
        return AccountsOut.dump_json(AccountsOut.validate_python(objs, from_attributes=True))

    async def first_rows(self, i: int, rows: int) -> object:
        async with self.S() as s:
            return (await s.scalars(select(Account).where(Account.id <= rows))).all()
