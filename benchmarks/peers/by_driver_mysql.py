"""asyncmy alone: one connection that is held, and a pool where many tasks ask."""

import asyncio

import asyncmy
import orjson

from benchmarks.peer import POOL, Peer, Target
from benchmarks.rows import COLUMNS, a_span, an_age, an_email, an_id, fresh_row, fresh_rows
from benchmarks.tasks import GETS

INSERT = "insert into account (name, email, age, balance, active, created_at) values (%s, %s, %s, %s, %s, %s)"


class This(Peer):
    async def open(self, target: Target) -> None:
        login = {"host": target.host, "port": target.port, "user": target.user, "password": target.password}
        self.c = await asyncmy.connect(db=target.name, autocommit=True, **login)
        self.pool = await asyncmy.create_pool(minsize=POOL, maxsize=POOL, db=target.name, autocommit=True, **login)

    async def close(self) -> None:
        await self.c.ensure_closed()
        self.pool.close()
        await self.pool.wait_closed()

    async def _run(self, sql, *values):
        async with self.c.cursor() as cursor:
            await cursor.execute(sql, values)
            return cursor.lastrowid

    async def _all(self, sql, *values):
        async with self.c.cursor() as cursor:
            await cursor.execute(sql, values)
            return await cursor.fetchall()

    async def _one(self, sql, *values):
        return (await self._all(sql, *values))[0]

    async def create(self, i: int) -> object:
        return await self._run(INSERT, *fresh_row().values())

    async def create_100(self, i: int) -> object:
        await self.c.begin()
        for row in fresh_rows(100):
            await self._run(INSERT, *row.values())
        await self.c.commit()

    async def bulk_create(self, i: int) -> object:
        await self.c.begin()
        async with self.c.cursor() as cursor:
            await cursor.executemany(INSERT, [tuple(row.values()) for row in fresh_rows(10_000)])
        await self.c.commit()

    async def get(self, i: int) -> object:
        return await self._one("select * from account where id = %s", an_id(i))

    async def filter_one(self, i: int) -> object:
        return await self._one("select * from account where email = %s", an_email(i))

    async def filter_100(self, i: int) -> object:
        return await self._all("select * from account where age = %s", an_age(i))

    async def all_rows(self, i: int) -> object:
        return await self._all("select * from account")

    async def first_rows(self, i: int, rows: int) -> object:
        return await self._all("select * from account where id <= %s", rows)

    async def load_save(self, i: int) -> object:
        await self.c.begin()
        row = await self.get(i)
        await self._run("update account set balance = %s where id = %s", row[4] + 1, row[0])
        await self.c.commit()

    async def update_where(self, i: int) -> object:
        await self._run("update account set balance = %s where age = %s", i + 1, an_age(i))

    async def load_delete(self, i: int) -> object:
        await self.c.begin()
        row = await self._one("select * from account where id = %s", self.doomed.pop())
        await self._run("delete from account where id = %s", row[0])
        await self.c.commit()

    async def include(self, i: int) -> object:
        parents = await self._all("select * from account where id between %s and %s", *a_span(i))
        by = {row[0]: [] for row in parents}
        marks = ", ".join(["%s"] * len(by))
        for post in await self._all(f"select * from post where account_id in ({marks})", *by):
            by[post[1]].append(post)
        return parents, by

    async def count(self, i: int) -> object:
        return (await self._one("select count(*) from account where age = %s", an_age(i)))[0]

    async def exists(self, i: int) -> object:
        return (await self._one("select exists (select 1 from account where email = %s)", an_email(i)))[0]

    async def gets_by(self, i: int, tasks: int) -> object:
        share = GETS // tasks

        async def some(first: int) -> None:
            for number in range(first, first + share):
                async with self.pool.acquire() as connection, connection.cursor() as cursor:
                    await cursor.execute("select * from account where id = %s", (an_id(number),))
                    await cursor.fetchone()

        await asyncio.gather(*(some(i + task * share) for task in range(tasks)))

    async def to_json(self, i: int) -> object:
        return orjson.dumps([dict(zip(("id", *COLUMNS), row, strict=True)) for row in await self.filter_100(i)])
