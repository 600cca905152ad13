"""activerow, with its direct path and without."""

from sqlalchemy.orm import DeclarativeBase, Mapped, relationship

from activerow import ActiveRecord, Database
from benchmarks.peer import POOL, Peer, Target
from benchmarks.peers.mapped import AccountColumns, AccountOut, PostColumns, fair_pragmas, url
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row, fresh_rows


class DB(ActiveRecord, DeclarativeBase):
    pass


class Account(AccountColumns, DB):
    __tablename__ = "account"
    posts: Mapped[list["Post"]] = relationship(
        back_populates="account", cascade="all, delete-orphan", passive_deletes=True
    )


class Post(PostColumns, DB):
    __tablename__ = "post"
    account: Mapped[Account] = relationship(back_populates="posts")


class This(Peer):
    def __init__(self, direct: bool = True) -> None:
        self._direct = direct

    async def open(self, target: Target) -> None:
        self.db = Database(url(target), base=DB, pool_size=POOL, max_overflow=0, direct=self._direct)
        if target.dialect == "sqlite":
            fair_pragmas(self.db.engine.sync_engine)
        await self.db.connect()

    async def close(self) -> None:
        await self.db.dispose()

    async def create(self, i: int) -> object:
        return (await Account.create(fresh_row())).id

    async def create_100(self, i: int) -> object:
        async with self.db.transaction():
            for r in fresh_rows(100):
                await Account.create(r)

    async def bulk_create(self, i: int) -> object:
        await Account.create_many(fresh_rows(10_000))

    async def get(self, i: int) -> object:
        return await Account.get(an_id(i))

    async def filter_one(self, i: int) -> object:
        return await Account.filter_by(email=an_email(i)).one()

    async def filter_100(self, i: int) -> object:
        return await Account.filter_by(age=an_age(i)).all()

    async def all_rows(self, i: int) -> object:
        return await Account.query().all()

    async def load_save(self, i: int) -> object:
        a = await Account.get(an_id(i))
        await a.update(balance=a.balance + 1)
        return a

    async def update_where(self, i: int) -> object:
        await Account.filter_by(age=an_age(i)).update(balance=i + 1)

    async def load_delete(self, i: int) -> object:
        a = await Account.get(self.doomed.pop())
        await a.delete()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        return await Account.filter_by(id__between=(first, last)).include("posts").all()

    async def count(self, i: int) -> object:
        return await Account.filter_by(age=an_age(i)).count()

    async def exists(self, i: int) -> object:
        return await Account.filter_by(email=an_email(i)).exists()

    async def to_json(self, i: int) -> object:
        return await Account.filter_by(age=an_age(i)).json(AccountOut)

    async def first_rows(self, i: int, rows: int) -> object:
        return await Account.where(Account.id <= rows).all()
