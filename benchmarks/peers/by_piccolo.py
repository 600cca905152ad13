"""Piccolo. It loads no collections: parents and children are a query each, put together by hand."""

import orjson
from piccolo.columns import Boolean, ForeignKey, Integer, Serial, Text, Timestamp, Varchar
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from benchmarks.peer import POOL, Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Account(Table, tablename="account"):
    id = Serial(primary_key=True)
    name = Varchar(100)
    email = Varchar(200, unique=True)
    age = Integer(index=True)
    balance = Integer()
    active = Boolean()
    created_at = Timestamp()


class Post(Table, tablename="post"):
    id = Serial(primary_key=True)
    account_id = ForeignKey(Account)
    title = Varchar(200)
    body = Text()


class This(Peer):
    async def open(self, target: Target) -> None:
        if target.dialect == "sqlite":
            self.e = SQLiteEngine(path=target.name)
        else:
            self.e = PostgresEngine(
                {
                    "host": target.host,
                    "port": target.port,
                    "user": target.user,
                    "password": target.password,
                    "database": target.name,
                }
            )
            await self.e.start_connection_pool(min_size=POOL, max_size=POOL)
        for t in (Account, Post):
            t._meta._db = self.e

    async def close(self) -> None:
        if isinstance(self.e, PostgresEngine):
            await self.e.close_connection_pool()

    async def create(self, i: int) -> object:
        a = Account(**fresh_row())
        await a.save()
        return a.id

    async def create_100(self, i: int) -> object:
        async with self.e.transaction():
            for r in fresh_rows(100):
                await Account(**r).save()

    async def bulk_create(self, i: int) -> object:
        rows = fresh_rows(10_000)
        async with self.e.transaction():
            for k in range(0, len(rows), 5000):
                await Account.insert(*[Account(**r) for r in rows[k : k + 5000]])

    async def get(self, i: int) -> object:
        return await Account.objects().get(Account.id == an_id(i))

    async def filter_one(self, i: int) -> object:
        return await Account.objects().get(Account.email == an_email(i))

    async def filter_100(self, i: int) -> object:
        return await Account.objects().where(Account.age == an_age(i))

    async def all_rows(self, i: int) -> object:
        return await Account.objects()

    async def load_save(self, i: int) -> object:
        a = await Account.objects().get(Account.id == an_id(i))
        await a.update_self({Account.balance: a.balance + 1})

    async def update_where(self, i: int) -> object:
        await Account.update({Account.balance: i + 1}).where(Account.age == an_age(i))

    async def load_delete(self, i: int) -> object:
        a = await Account.objects().get(Account.id == self.doomed.pop())
        await a.remove()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        accs = await Account.objects().where(Account.id >= first, Account.id <= last)
        by = {a.id: [] for a in accs}
        for p in await Post.objects().where(Post.account_id.is_in(list(by))):
            by[p.account_id].append(p)
        return accs, by

    async def count(self, i: int) -> object:
        return await Account.count().where(Account.age == an_age(i))

    async def exists(self, i: int) -> object:
        return await Account.exists().where(Account.email == an_email(i))

    async def to_json(self, i: int) -> object:
        return orjson.dumps(await Account.select().where(Account.age == an_age(i)))

    async def first_rows(self, i: int, rows: int) -> object:
        return await Account.objects().where(Account.id <= rows)
