"""ferro-orm: an engine in Rust, Pydantic models. It loads no collections: they are put together by hand."""

from datetime import datetime

from ferro import Field, Model, connect, engines, transaction
from pydantic import TypeAdapter

from benchmarks.peer import Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Account(Model):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    email: str = Field(unique=True)
    age: int = Field(index=True)
    balance: int
    active: bool
    created_at: datetime


class Post(Model):
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(index=True)
    title: str
    body: str


class This(Peer):
    async def open(self, target: Target) -> None:
        u = (
            f"sqlite:{target.name}?mode=rw"
            if target.dialect == "sqlite"
            else f"postgresql://{target.login}/{target.name}"
        )
        await connect(u)
        self.Out = TypeAdapter(list[Account])

    async def create(self, i: int) -> object:
        async with engines.session():
            return (await Account.create(**fresh_row())).id

    async def create_100(self, i: int) -> object:
        async with engines.session(), transaction():
            for r in fresh_rows(100):
                await Account.create(**r)

    async def bulk_create(self, i: int) -> object:
        async with engines.session():
            await Account.bulk_create([Account(**r) for r in fresh_rows(10_000)])

    async def get(self, i: int) -> object:
        async with engines.session():
            return await Account.get(an_id(i))

    async def filter_one(self, i: int) -> object:
        e = an_email(i)
        async with engines.session():
            return await Account.where(lambda a: a.email == e).first()

    async def filter_100(self, i: int) -> object:
        async with engines.session():
            return await Account.where(lambda a: a.age == an_age(i)).all()

    async def all_rows(self, i: int) -> object:
        async with engines.session():
            return await Account.all()

    async def load_save(self, i: int) -> object:
        async with engines.session():
            a = await Account.get(an_id(i))
            a.balance = a.balance + 1
            await a.save()

    async def update_where(self, i: int) -> object:
        async with engines.session():
            await Account.where(lambda a: a.age == an_age(i)).update(balance=i + 1)

    async def load_delete(self, i: int) -> object:
        async with engines.session():
            a = await Account.get(self.doomed.pop())
            await a.delete()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        async with engines.session():
            accs = await Account.where(lambda a: (a.id >= first) & (a.id <= last)).all()
            by = {a.id: [] for a in accs}
            for p in await Post.where(lambda p: p.account_id.in_(list(by))).all():
                by[p.account_id].append(p)
            return accs, by

    async def count(self, i: int) -> object:
        async with engines.session():
            return await Account.where(lambda a: a.age == an_age(i)).count()

    async def exists(self, i: int) -> object:
        e = an_email(i)
        async with engines.session():
            return await Account.where(lambda a: a.email == e).exists()

    async def to_json(self, i: int) -> object:
        return self.Out.dump_json(await self.filter_100(i))

    async def first_rows(self, i: int, rows: int) -> object:
        async with engines.session():
            return await Account.where(lambda a: a.id <= rows).all()
