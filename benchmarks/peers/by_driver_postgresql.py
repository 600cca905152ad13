"""asyncpg alone: one connection that is held, and a pool where many tasks ask."""

import asyncio

import asyncpg
import orjson

from benchmarks.peer import POOL, Peer, Target
from benchmarks.rows import COLUMNS, a_span, an_age, an_email, an_id, fresh_row, fresh_rows
from benchmarks.tasks import GETS

INSERT = "insert into account (name, email, age, balance, active, created_at) values ($1, $2, $3, $4, $5, $6)"


async def no_reset(connection):
    """As it was is how the next one gets it."""


class This(Peer):
    async def open(self, target: Target) -> None:
        login = {"host": target.host, "port": target.port, "user": target.user, "password": target.password or None}
        self.c = await asyncpg.connect(database=target.name, **login)
        self.pool = await asyncpg.create_pool(
            min_size=POOL, max_size=POOL, reset=no_reset, database=target.name, **login
        )

    async def close(self) -> None:
        await self.c.close()
        await self.pool.close()

    async def create(self, i: int) -> object:
        return await self.c.fetchval(INSERT + " returning id", *fresh_row().values())

    async def create_100(self, i: int) -> object:
        async with self.c.transaction():
            for r in fresh_rows(100):
                await self.c.fetchval(INSERT + " returning id", *r.values())

    async def bulk_create(self, i: int) -> object:
        await self.c.copy_records_to_table(
            "account", columns=COLUMNS, records=[tuple(r.values()) for r in fresh_rows(10_000)]
        )

    async def get(self, i: int) -> object:
        return await self.c.fetchrow("select * from account where id=$1", an_id(i))

    async def filter_one(self, i: int) -> object:
        return await self.c.fetchrow("select * from account where email=$1", an_email(i))

    async def filter_100(self, i: int) -> object:
        return await self.c.fetch("select * from account where age=$1", an_age(i))

    async def all_rows(self, i: int) -> object:
        return await self.c.fetch("select * from account")

    async def load_save(self, i: int) -> object:
        async with self.c.transaction():
            r = await self.c.fetchrow("select * from account where id=$1", an_id(i))
            await self.c.execute("update account set balance=$1 where id=$2", r["balance"] + 1, r["id"])

    async def update_where(self, i: int) -> object:
        await self.c.execute("update account set balance=$1 where age=$2", i + 1, an_age(i))

    async def load_delete(self, i: int) -> object:
        async with self.c.transaction():
            r = await self.c.fetchrow("select * from account where id=$1", self.doomed.pop())
            await self.c.execute("delete from account where id=$1", r["id"])

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        accs = await self.c.fetch("select * from account where id between $1 and $2", first, last)
        by = {a["id"]: [] for a in accs}
        for p in await self.c.fetch("select * from post where account_id = any($1)", list(by)):
            by[p["account_id"]].append(p)
        return accs, by

    async def count(self, i: int) -> object:
        return await self.c.fetchval("select count(*) from account where age=$1", an_age(i))

    async def exists(self, i: int) -> object:
        return await self.c.fetchval("select exists(select 1 from account where email=$1)", an_email(i))

    async def gets_by(self, i: int, tasks: int) -> object:
        share = GETS // tasks

        async def some(first: int) -> None:
            for number in range(first, first + share):
                async with self.pool.acquire() as connection:
                    await connection.fetchrow("select * from account where id=$1", an_id(number))

        await asyncio.gather(*(some(i + task * share) for task in range(tasks)))

    async def first_rows(self, i: int, rows: int) -> object:
        return await self.c.fetch("select * from account where id <= $1", rows)

    async def to_json(self, i: int) -> object:
        return orjson.dumps([dict(r) for r in await self.filter_100(i)])
