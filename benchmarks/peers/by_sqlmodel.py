"""SQLModel, with the asynchronous session that it brings."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Column, DateTime, exists, func, update
from sqlalchemy.orm import selectinload
from sqlmodel import Field, Relationship, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.peer import Peer, Target
from benchmarks.peers.mapped import engine
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Account(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    email: str = Field(unique=True)
    age: int = Field(index=True)
    balance: int
    active: bool
    created_at: datetime = Field(sa_column=Column(DateTime, nullable=False))
    posts: list["Post"] = Relationship(
        back_populates="account", cascade_delete=True, sa_relationship_kwargs={"passive_deletes": True}
    )


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    title: str
    body: str
    account: Account | None = Relationship(back_populates="posts")


class AccountPublic(SQLModel):
    id: int
    name: str
    email: str
    age: int
    balance: int
    active: bool
    created_at: datetime


Out = TypeAdapter(list[AccountPublic])


class This(Peer):
    async def open(self, target: Target) -> None:
        self.engine = engine(target)

    async def close(self) -> None:
        await self.engine.dispose()

    def S(self):
        return AsyncSession(self.engine, expire_on_commit=False)

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
        async with self.S() as s:
            s.add_all([Account(**r) for r in fresh_rows(10_000)])
            await s.commit()

    async def get(self, i: int) -> object:
        async with self.S() as s:
            return await s.get(Account, an_id(i))

    async def filter_one(self, i: int) -> object:
        async with self.S() as s:
            return (await s.exec(select(Account).where(Account.email == an_email(i)))).one()

    async def filter_100(self, i: int) -> object:
        async with self.S() as s:
            return (await s.exec(select(Account).where(Account.age == an_age(i)))).all()

    async def all_rows(self, i: int) -> object:
        async with self.S() as s:
            return (await s.exec(select(Account))).all()

    async def load_save(self, i: int) -> object:
        async with self.S() as s:
            a = await s.get(Account, an_id(i))
            a.balance = a.balance + 1
            s.add(a)
            await s.commit()
            return a

    async def update_where(self, i: int) -> object:
        async with self.S() as s:
            await s.exec(update(Account).where(Account.age == an_age(i)).values(balance=i + 1))
            await s.commit()

    async def load_delete(self, i: int) -> object:
        async with self.S() as s:
            a = await s.get(Account, self.doomed.pop())
            await s.delete(a)
            await s.commit()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        async with self.S() as s:
            q = select(Account).where(Account.id.between(first, last)).options(selectinload(Account.posts))
            return (await s.exec(q)).all()

    async def count(self, i: int) -> object:
        async with self.S() as s:
            return (await s.exec(select(func.count()).select_from(Account).where(Account.age == an_age(i)))).one()

    async def exists(self, i: int) -> object:
        async with self.S() as s:
            return (await s.exec(select(exists().where(Account.email == an_email(i))))).one()

    async def to_json(self, i: int) -> object:
        objs = await self.filter_100(i)
        return Out.dump_json(Out.validate_python(objs, from_attributes=True))

    async def first_rows(self, i: int, rows: int) -> object:
        async with self.S() as s:
            return (await s.exec(select(Account).where(Account.id <= rows))).all()
