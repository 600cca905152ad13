"""Oxyde: an engine in Rust, Pydantic models."""

from datetime import datetime

from oxyde import Field, Model
from oxyde import db as odb
from oxyde.db import PoolSettings, transaction
from pydantic import TypeAdapter

from benchmarks.peer import POOL, Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Account(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str
    email: str = Field(db_unique=True)
    age: int = Field(db_index=True)
    balance: int
    active: bool
    created_at: datetime
    posts: list["Post"] = Field(db_reverse_fk="account")

    class Meta:
        is_table = True
        table_name = "account"


class Post(Model):
    id: int | None = Field(default=None, db_pk=True)
    account: Account | None = Field(default=None)
    title: str
    body: str

    class Meta:
        is_table = True
        table_name = "post"


class This(Peer):
    async def open(self, target: Target) -> None:
        u = f"sqlite://{target.name}" if target.dialect == "sqlite" else f"postgresql://{target.login}/{target.name}"
        await odb.init(default=u, settings=PoolSettings(max_connections=POOL, min_connections=1))
        self.Out = TypeAdapter(list[Account])

    async def close(self) -> None:
        await odb.close()

    async def create(self, i: int) -> object:
        return (await Account.objects.create(**fresh_row())).id

    async def create_100(self, i: int) -> object:
        async with transaction.atomic():
            for r in fresh_rows(100):
                await Account.objects.create(**r)

    async def bulk_create(self, i: int) -> object:
        await Account.objects.bulk_create([Account(**r) for r in fresh_rows(10_000)], batch_size=4000)

    async def get(self, i: int) -> object:
        return await Account.objects.get(id=an_id(i))

    async def filter_one(self, i: int) -> object:
        return await Account.objects.get(email=an_email(i))

    async def filter_100(self, i: int) -> object:
        return await Account.objects.filter(age=an_age(i)).all()

    async def all_rows(self, i: int) -> object:
        return await Account.objects.all()

    async def load_save(self, i: int) -> object:
        a = await Account.objects.get(id=an_id(i))
        a.balance = a.balance + 1
        await a.save(update_fields=["balance"])

    async def update_where(self, i: int) -> object:
        await Account.objects.filter(age=an_age(i)).update(balance=i + 1)

    async def load_delete(self, i: int) -> object:
        a = await Account.objects.get(id=self.doomed.pop())
        await a.delete()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        return await Account.objects.filter(id__between=(first, last)).prefetch("posts").all()

    async def count(self, i: int) -> object:
        return await Account.objects.filter(age=an_age(i)).count()

    async def exists(self, i: int) -> object:
        return await Account.objects.filter(email=an_email(i)).exists()

    async def to_json(self, i: int) -> object:
        return self.Out.dump_json(await self.filter_100(i), exclude={"__all__": {"posts"}})

    async def first_rows(self, i: int, rows: int) -> object:
        return await Account.objects.filter(id__lte=rows).all()
