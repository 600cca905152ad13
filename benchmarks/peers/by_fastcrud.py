"""FastCRUD: dicts unless a schema is asked for; a session for each call."""

from datetime import datetime

from fastcrud import FastCRUD
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import async_sessionmaker

from benchmarks.peer import Peer, Target
from benchmarks.peers.mapped import Account, AccountOut, AccountsOut, engine
from benchmarks.rows import an_age, an_email, an_id, fresh_row


class AccountCreate(BaseModel):
    name: str
    email: str
    age: int
    balance: int
    active: bool
    created_at: datetime


crud = FastCRUD(Account)


class This(Peer):
    async def open(self, target: Target) -> None:
        self.engine = engine(target)
        self.S = async_sessionmaker(self.engine, expire_on_commit=False)

    async def close(self) -> None:
        await self.engine.dispose()

    async def create(self, i: int) -> object:
        async with self.S() as s:
            return await crud.create(s, AccountCreate(**fresh_row()))

    async def get(self, i: int) -> object:
        async with self.S() as s:
            return await crud.get(s, id=an_id(i), schema_to_select=AccountOut, return_as_model=True)

    async def filter_one(self, i: int) -> object:
        async with self.S() as s:
            return await crud.get(s, email=an_email(i), schema_to_select=AccountOut, return_as_model=True)

    async def filter_100(self, i: int) -> object:
        async with self.S() as s:
            r = await crud.get_multi(
                s, age=an_age(i), limit=100, schema_to_select=AccountOut, return_as_model=True, return_total_count=False
            )
            return r["data"]

    async def all_rows(self, i: int) -> object:
        async with self.S() as s:
            r = await crud.get_multi(
                s, limit=None, schema_to_select=AccountOut, return_as_model=True, return_total_count=False
            )
            return r["data"]

    async def load_save(self, i: int) -> object:
        async with self.S() as s:
            a = await crud.get(s, id=an_id(i), schema_to_select=AccountOut, return_as_model=True)
            await crud.update(s, {"balance": a.balance + 1}, id=a.id)

    async def update_where(self, i: int) -> object:
        async with self.S() as s:
            await crud.update(s, {"balance": i + 1}, allow_multiple=True, age=an_age(i))

    async def load_delete(self, i: int) -> object:
        async with self.S() as s:
            await crud.db_delete(s, id=self.doomed.pop())

    async def count(self, i: int) -> object:
        async with self.S() as s:
            return await crud.count(s, age=an_age(i))

    async def exists(self, i: int) -> object:
        async with self.S() as s:
            return await crud.exists(s, email=an_email(i))

    async def to_json(self, i: int) -> object:
        return AccountsOut.dump_json(await self.filter_100(i))
