"""sqlalchemy-mixins: synchronous alone, so each call blocks the loop."""

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, relationship, scoped_session, sessionmaker
from sqlalchemy_mixins import AllFeaturesMixin

from benchmarks.peer import POOL, Peer, Target
from benchmarks.peers.mapped import AccountColumns, AccountsOut, PostColumns, fair_pragmas, url
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row

DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg", "mysql": "pymysql"}


class B(DeclarativeBase):
    pass


class BaseModel(B, AllFeaturesMixin):
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
        self.engine = sa.create_engine(url(target, DRIVERS[target.dialect]), pool_size=POOL)
        if target.dialect == "sqlite":
            fair_pragmas(self.engine)
        self.session = scoped_session(sessionmaker(self.engine, expire_on_commit=False))
        BaseModel.set_session(self.session)

    async def create(self, i: int) -> object:
        a = Account.create(**fresh_row())
        self.session.commit()
        self.session.remove()
        return a.id

    async def get(self, i: int) -> object:
        a = Account.find(an_id(i))
        self.session.remove()
        return a

    async def filter_one(self, i: int) -> object:
        a = Account.where(email=an_email(i)).one()
        self.session.remove()
        return a

    async def filter_100(self, i: int) -> object:
        a = Account.where(age=an_age(i)).all()
        self.session.remove()
        return a

    async def all_rows(self, i: int) -> object:
        a = Account.all()
        self.session.remove()
        return a

    async def load_save(self, i: int) -> object:
        a = Account.find(an_id(i))
        a.update(balance=a.balance + 1)
        self.session.commit()
        self.session.remove()

    async def load_delete(self, i: int) -> object:
        Account.find(self.doomed.pop()).delete()
        self.session.commit()
        self.session.remove()

    async def include(self, i: int) -> object:
        first, last = a_span(i)
        a = Account.where(id__between=(first, last)).options(sa.orm.selectinload(Account.posts)).all()
        self.session.remove()
        return a

    async def count(self, i: int) -> object:
        n = Account.where(age=an_age(i)).count()
        self.session.remove()
        return n

    async def to_json(self, i: int) -> object:
        return AccountsOut.dump_json(AccountsOut.validate_python(await self.filter_100(i), from_attributes=True))
