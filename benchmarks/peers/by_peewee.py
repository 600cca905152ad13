"""Peewee and its bridge to asyncio."""

import orjson
from peewee import BooleanField, CharField, DateTimeField, ForeignKeyField, IntegerField, TextField
from playhouse.pwasyncio import AsyncModel, AsyncPostgresqlDatabase, AsyncSqliteDatabase

from benchmarks.peer import POOL, Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Account(AsyncModel):
    name = CharField(100)
    email = CharField(200, unique=True)
    age = IntegerField(index=True)
    balance = IntegerField()
    active = BooleanField()
    created_at = DateTimeField()

    class Meta:
        table_name = "account"


class Post(AsyncModel):
    account = ForeignKeyField(Account, backref="posts")
    title = CharField(200)
    body = TextField()

    class Meta:
        table_name = "post"


class This(Peer):
    async def open(self, target: Target) -> None:
        if target.dialect == "sqlite":
            self.d = AsyncSqliteDatabase(target.name, pragmas={"synchronous": "normal"})
        else:
            self.d = AsyncPostgresqlDatabase(
                target.name,
                host=target.host,
                port=target.port,
                user=target.user,
                password=target.password or None,
                pool_size=POOL,
            )
        self.d.bind([Account, Post])

    async def close(self) -> None:
        await self.d.close_pool()

    async def create(self, i: int) -> object:
        async with self.d:
            return (await Account.acreate(**fresh_row())).id

    async def create_100(self, i: int) -> object:
        async with self.d, self.d.atomic():
            for r in fresh_rows(100):
                await Account.acreate(**r)

    async def bulk_create(self, i: int) -> object:
        async with self.d, self.d.atomic():
            await Account.abulk_create([Account(**r) for r in fresh_rows(10_000)], batch_size=1000)

    async def get(self, i: int) -> object:
        async with self.d:
            return await Account.aget_by_id(an_id(i))

    async def filter_one(self, i: int) -> object:
        async with self.d:
            return await Account.aget(Account.email == an_email(i))

    async def filter_100(self, i: int) -> object:
        async with self.d:
            return await self.d.list(Account.select().where(Account.age == an_age(i)))

    async def all_rows(self, i: int) -> object:
        async with self.d:
            return await self.d.list(Account.select())

    async def load_save(self, i: int) -> object:
        async with self.d:
            a = await Account.aget_by_id(an_id(i))
            a.balance = a.balance + 1
            await a.asave(only=[Account.balance])

    async def update_where(self, i: int) -> object:
        async with self.d:
            await Account.update(balance=i + 1).where(Account.age == an_age(i)).aexecute()

    async def load_delete(self, i: int) -> object:
        async with self.d:
            a = await Account.aget_by_id(self.doomed.pop())
            await a.adelete_instance()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        async with self.d:
            return await self.d.aprefetch(Account.select().where(Account.id.between(first, last)), Post.select())

    async def count(self, i: int) -> object:
        async with self.d:
            return await self.d.count(Account.select().where(Account.age == an_age(i)))

    async def exists(self, i: int) -> object:
        async with self.d:
            return await self.d.exists(Account.select().where(Account.email == an_email(i)))

    async def to_json(self, i: int) -> object:
        async with self.d:
            return orjson.dumps(list(await self.d.list(Account.select().where(Account.age == an_age(i)).dicts())))
