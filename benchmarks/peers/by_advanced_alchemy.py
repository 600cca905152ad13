"""advanced-alchemy: a repository and a session for each call."""

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import SQLAlchemyAsyncRepositoryService
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import selectinload

from benchmarks.peer import Peer, Target
from benchmarks.peers.mapped import Account, AccountOut, AccountsOut, engine
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Repo(SQLAlchemyAsyncRepository[Account]):
    model_type = Account


class Service(SQLAlchemyAsyncRepositoryService[Account, Repo]):
    repository_type = Repo


class This(Peer):
    async def open(self, target: Target) -> None:
        self.engine = engine(target)
        self.S = async_sessionmaker(self.engine, expire_on_commit=False)

    async def close(self) -> None:
        await self.engine.dispose()

    async def create(self, i: int) -> object:
        async with self.S() as s:
            return (await Repo(session=s).add(Account(**fresh_row()), auto_commit=True)).id

    async def create_100(self, i: int) -> object:
        async with self.S() as s:
            repo = Repo(session=s)
            for r in fresh_rows(100):
                await repo.add(Account(**r))
            await s.commit()

    async def bulk_create(self, i: int) -> object:
        async with self.S() as s:
            await Repo(session=s).add_many([Account(**r) for r in fresh_rows(10_000)], auto_commit=True)

    async def get(self, i: int) -> object:
        async with self.S() as s:
            return await Repo(session=s).get(an_id(i))

    async def filter_one(self, i: int) -> object:
        async with self.S() as s:
            return await Repo(session=s).get_one(email=an_email(i))

    async def filter_100(self, i: int) -> object:
        async with self.S() as s:
            return await Repo(session=s).list(age=an_age(i))

    async def all_rows(self, i: int) -> object:
        async with self.S() as s:
            return await Repo(session=s).list()

    async def load_save(self, i: int) -> object:
        async with self.S() as s:
            repo = Repo(session=s)
            a = await repo.get(an_id(i))
            a.balance = a.balance + 1
            return await repo.update(a, auto_commit=True)

    async def load_delete(self, i: int) -> object:
        async with self.S() as s:
            await Repo(session=s).delete(self.doomed.pop(), auto_commit=True)

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        async with self.S() as s:
            return await Repo(session=s).list(Account.id.between(first, last), load=[selectinload(Account.posts)])

    async def count(self, i: int) -> object:
        async with self.S() as s:
            return await Repo(session=s).count(age=an_age(i))

    async def exists(self, i: int) -> object:
        async with self.S() as s:
            return await Repo(session=s).exists(email=an_email(i))

    async def to_json(self, i: int) -> object:
        async with self.S() as s:
            svc = Service(session=s)
            page = svc.to_schema(await svc.list(age=an_age(i)), schema_type=AccountOut)
            return AccountsOut.dump_json(page.items)
