"""sqlactive: every call commits, so that many creates in one transaction cannot be said."""

from sqlactive import ActiveRecordMixin, DBConnection, SerializationMixin
from sqlalchemy.orm import Mapped, relationship

from benchmarks.peer import POOL, Peer, Target
from benchmarks.peers.mapped import AccountColumns, AccountsOut, PostColumns, fair_pragmas, url
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class BaseModel(ActiveRecordMixin, SerializationMixin):
    __abstract__ = True


class Account(AccountColumns, BaseModel):
    __tablename__ = "account"
    posts: Mapped[list["Post"]] = relationship(
        back_populates="account", cascade="all, delete-orphan", passive_deletes=True
    )


class Post(PostColumns, BaseModel):
    __tablename__ = "post"
    account: Mapped[Account] = relationship(back_populates="posts")


class This(Peer):
    async def open(self, target: Target) -> None:
        self.conn = DBConnection(url(target), pool_size=POOL, max_overflow=0)
        if target.dialect == "sqlite":
            fair_pragmas(self.conn.async_engine.sync_engine)
        await self.conn.init_db(BaseModel)

    async def close(self) -> None:
        await self.conn.close()

    async def create(self, i: int) -> object:
        return (await Account.create(**fresh_row())).id

    async def bulk_create(self, i: int) -> object:
        await Account.insert_all([Account(**r) for r in fresh_rows(10_000)])

    async def get(self, i: int) -> object:
        return await Account.get(an_id(i))

    async def filter_one(self, i: int) -> object:
        return await Account.where(email=an_email(i)).one()

    async def filter_100(self, i: int) -> object:
        return await Account.where(age=an_age(i)).all()

    async def all_rows(self, i: int) -> object:
        return await Account.all()

    async def load_save(self, i: int) -> object:
        a = await Account.get(an_id(i))
        await a.update(balance=a.balance + 1)
        return a

    async def load_delete(self, i: int) -> object:
        a = await Account.get(self.doomed.pop())
        await a.delete()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        return await Account.where(id__between=(first, last)).with_subquery((Account.posts, True)).all()

    async def count(self, i: int) -> object:
        return await Account.where(age=an_age(i)).count()

    async def to_json(self, i: int) -> object:
        return AccountsOut.dump_json(AccountsOut.validate_python(await self.filter_100(i), from_attributes=True))
