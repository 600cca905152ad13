"""aiosqlite alone: one connection that is held."""

import aiosqlite
import orjson

from benchmarks.peer import Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows

INSERT = "insert into account (name, email, age, balance, active, created_at) values (?, ?, ?, ?, ?, ?)"


def values(row):
    return (*list(row.values())[:5], row["created_at"].isoformat(" "))


class This(Peer):
    async def open(self, target: Target) -> None:
        self.c = await aiosqlite.connect(target.name, timeout=30)
        await self.c.execute("pragma synchronous=normal")

    async def close(self) -> None:
        await self.c.close()

    async def create(self, i: int) -> object:
        cur = await self.c.execute(INSERT, values(fresh_row()))
        await self.c.commit()
        return cur.lastrowid

    async def create_100(self, i: int) -> object:
        for r in fresh_rows(100):
            await self.c.execute(INSERT, values(r))
        await self.c.commit()

    async def bulk_create(self, i: int) -> object:
        await self.c.executemany(INSERT, [values(r) for r in fresh_rows(10_000)])
        await self.c.commit()

    async def _one(self, q, p):
        async with self.c.execute(q, p) as cur:
            return await cur.fetchone()

    async def _all(self, q, p=()):
        async with self.c.execute(q, p) as cur:
            return await cur.fetchall()

    async def get(self, i: int) -> object:
        return await self._one("select * from account where id=?", (an_id(i),))

    async def filter_one(self, i: int) -> object:
        return await self._one("select * from account where email=?", (an_email(i),))

    async def filter_100(self, i: int) -> object:
        return await self._all("select * from account where age=?", (an_age(i),))

    async def all_rows(self, i: int) -> object:
        return await self._all("select * from account")

    async def load_save(self, i: int) -> object:
        r = await self.get(i)
        await self.c.execute("update account set balance=? where id=?", (r[4] + 1, r[0]))
        await self.c.commit()

    async def update_where(self, i: int) -> object:
        await self.c.execute("update account set balance=? where age=?", (i + 1, an_age(i)))
        await self.c.commit()

    async def load_delete(self, i: int) -> object:
        r = await self._one("select * from account where id=?", (self.doomed.pop(),))
        await self.c.execute("delete from account where id=?", (r[0],))
        await self.c.commit()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        accs = await self._all("select * from account where id between ? and ?", (first, last))
        by = {a[0]: [] for a in accs}
        for p in await self._all(f"select * from post where account_id in ({','.join('?' * len(by))})", list(by)):
            by[p[1]].append(p)
        return accs, by

    async def count(self, i: int) -> object:
        return (await self._one("select count(*) from account where age=?", (an_age(i),)))[0]

    async def exists(self, i: int) -> object:
        return (await self._one("select exists(select 1 from account where email=?)", (an_email(i),)))[0]

    async def to_json(self, i: int) -> object:
        async with self.c.execute("select * from account where age=?", (an_age(i),)) as cur:
            names = [d[0] for d in cur.description]
            return orjson.dumps([dict(zip(names, r, strict=True)) for r in await cur.fetchall()])

    async def first_rows(self, i: int, rows: int) -> object:
        return await self._all("select * from account where id <= ?", (rows,))
