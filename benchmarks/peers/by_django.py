"""Django's asynchronous methods: synchronous underneath, a hop to a thread for each query."""

import django
import orjson
from asgiref.sync import sync_to_async
from django.conf import settings

from benchmarks.peer import Peer, Target
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class This(Peer):
    async def open(self, target: Target) -> None:
        if target.dialect == "sqlite":
            d = {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": target.name,
                "OPTIONS": {"init_command": "pragma synchronous=normal"},
            }
        else:
            d = {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": target.name,
                "USER": target.user,
                "PASSWORD": target.password,
                "HOST": target.host,
                "PORT": target.port,
            }
        settings.configure(DATABASES={"default": d}, USE_TZ=False, INSTALLED_APPS=[])
        django.setup()
        from django.db import models, transaction

        class Account(models.Model):
            id = models.AutoField(primary_key=True)
            name = models.CharField(max_length=100)
            email = models.CharField(max_length=200, unique=True)
            age = models.IntegerField(db_index=True)
            balance = models.IntegerField()
            active = models.BooleanField()
            created_at = models.DateTimeField()

            class Meta:
                app_label = "b"
                db_table = "account"

        class Post(models.Model):
            account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="posts")
            title = models.CharField(max_length=200)
            body = models.TextField()

            class Meta:
                app_label = "b"
                db_table = "post"

        self.A, self.tx = Account, transaction

    def posts(self, account):
        return account.posts.all()

    async def create(self, i: int) -> object:
        return (await self.A.objects.acreate(**fresh_row())).id

    async def create_100(self, i: int) -> object:
        def go():  # atomic() is sync-only: the documented way
            with self.tx.atomic():
                for r in fresh_rows(100):
                    self.A.objects.create(**r)

        await sync_to_async(go)()

    async def bulk_create(self, i: int) -> object:
        await self.A.objects.abulk_create([self.A(**r) for r in fresh_rows(10_000)])

    async def get(self, i: int) -> object:
        return await self.A.objects.aget(pk=an_id(i))

    async def filter_one(self, i: int) -> object:
        return await self.A.objects.aget(email=an_email(i))

    async def filter_100(self, i: int) -> object:
        return [a async for a in self.A.objects.filter(age=an_age(i))]

    async def all_rows(self, i: int) -> object:
        return [a async for a in self.A.objects.all()]

    async def load_save(self, i: int) -> object:
        a = await self.A.objects.aget(pk=an_id(i))
        a.balance = a.balance + 1
        await a.asave(update_fields=["balance"])

    async def update_where(self, i: int) -> object:
        await self.A.objects.filter(age=an_age(i)).aupdate(balance=i + 1)

    async def load_delete(self, i: int) -> object:
        a = await self.A.objects.aget(pk=self.doomed.pop())
        await a.adelete()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        return [a async for a in self.A.objects.filter(id__range=(first, last)).prefetch_related("posts")]

    async def count(self, i: int) -> object:
        return await self.A.objects.filter(age=an_age(i)).acount()

    async def exists(self, i: int) -> object:
        return await self.A.objects.filter(email=an_email(i)).aexists()

    async def to_json(self, i: int) -> object:
        return orjson.dumps([r async for r in self.A.objects.filter(age=an_age(i)).values()])

    async def first_rows(self, i: int, rows: int) -> object:
        return [a async for a in self.A.objects.filter(id__lte=rows)]
