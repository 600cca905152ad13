"""Tortoise ORM."""

from tortoise import Tortoise, fields
from tortoise.contrib.pydantic import pydantic_queryset_creator
from tortoise.models import Model
from tortoise.transactions import in_transaction

from benchmarks.peer import POOL, Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class Account(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=100)
    email = fields.CharField(max_length=200, unique=True)
    age = fields.IntField(db_index=True)
    balance = fields.IntField()
    active = fields.BooleanField()
    created_at = fields.DatetimeField()
    posts: fields.ReverseRelation["Post"]

    class Meta:
        table = "account"


class Post(Model):
    id = fields.IntField(primary_key=True)
    account = fields.ForeignKeyField("models.Account", related_name="posts")
    title = fields.CharField(max_length=200)
    body = fields.TextField()

    class Meta:
        table = "post"


class This(Peer):
    async def open(self, target: Target) -> None:
        if target.dialect == "sqlite":
            u = f"sqlite://{target.name}?synchronous=NORMAL"
        elif target.dialect == "postgresql":
            u = f"asyncpg://{target.login}/{target.name}?minsize={POOL}&maxsize={POOL}"
        else:
            u = f"mysql://{target.login}/{target.name}?minsize={POOL}&maxsize={POOL}"
        await Tortoise.init(db_url=u, modules={"models": [__name__]}, use_tz=False, _enable_global_fallback=True)
        self.Out = pydantic_queryset_creator(Account, exclude=("posts",))

    async def close(self) -> None:
        await Tortoise.close_connections()

    async def create(self, i: int) -> object:
        return (await Account.create(**fresh_row())).id

    async def create_100(self, i: int) -> object:
        async with in_transaction():
            for r in fresh_rows(100):
                await Account.create(**r)

    async def bulk_create(self, i: int) -> object:
        await Account.bulk_create([Account(**r) for r in fresh_rows(10_000)])

    async def get(self, i: int) -> object:
        return await Account.get(id=an_id(i))

    async def filter_one(self, i: int) -> object:
        return await Account.get(email=an_email(i))

    async def filter_100(self, i: int) -> object:
        return await Account.filter(age=an_age(i))

    async def all_rows(self, i: int) -> object:
        return await Account.all()

    async def load_save(self, i: int) -> object:
        a = await Account.get(id=an_id(i))
        a.balance = a.balance + 1
        await a.save(update_fields=["balance"])

    async def update_where(self, i: int) -> object:
        await Account.filter(age=an_age(i)).update(balance=i + 1)

    async def load_delete(self, i: int) -> object:
        a = await Account.get(id=self.doomed.pop())
        await a.delete()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        return await Account.filter(id__range=(first, last)).prefetch_related("posts")

    async def count(self, i: int) -> object:
        return await Account.filter(age=an_age(i)).count()

    async def exists(self, i: int) -> object:
        return await Account.filter(email=an_email(i)).exists()

    async def to_json(self, i: int) -> object:
        return (await self.Out.from_queryset(Account.filter(age=an_age(i)))).model_dump_json().encode()

    async def first_rows(self, i: int, rows: int) -> object:
        return await Account.filter(id__lte=rows)
