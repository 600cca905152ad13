"""Units of work and requests with SQLAlchemy alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from benchmarks.peer import Target
from benchmarks.peers import by_hand
from benchmarks.peers.mapped import Account, AccountOut
from benchmarks.peers.served import NewAccount, Served
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row


class This(Served, by_hand.This):
    async def open(self, target: Target) -> None:
        await super().open(target)
        self.app = self._app()

    @asynccontextmanager
    async def transaction(self):
        async with self.S() as self.session, self.session.begin():
            yield

    async def unit_create(self, i: int) -> object:
        account = Account(**fresh_row())
        self.session.add(account)
        await self.session.flush()
        return account

    async def unit_get(self, i: int) -> object:
        return await self.session.get_one(Account, an_id(i))

    async def unit_first(self, i: int) -> object:
        query = select(Account).filter_by(email=an_email(i)).order_by(Account.id).limit(1)
        return (await self.session.scalars(query)).first()

    async def unit_update(self, i: int) -> object:
        account = await self.session.get_one(Account, an_id(i))
        account.name = f"New {i}"
        await self.session.flush()

    async def unit_delete(self, i: int) -> object:
        account = await self.unit_create(i)
        await self.session.delete(account)
        await self.session.flush()

    async def unit_include(self, i: int) -> object:
        query = select(Account).where(Account.id.between(*a_span(i))).options(selectinload(Account.posts))
        return (await self.session.scalars(query)).all()

    async def unit_exists(self, i: int) -> object:
        return await self.session.scalar(select(select(Account.id).where(Account.email == an_email(i)).exists()))

    async def unit_100(self, i: int) -> object:
        return (await self.session.scalars(select(Account).where(Account.age == an_age(i)))).all()

    async def savepoint(self, i: int) -> object:
        async with self.session.begin_nested():
            pass

    async def whole_create(self, i: int) -> object:
        async with self.S() as session, session.begin():
            session.add(Account(**fresh_row()))

    async def whole_get(self, i: int) -> object:
        async with self.S() as session, session.begin():
            return await session.get_one(Account, an_id(i))

    async def scoped_get(self, i: int) -> object:
        async with self.S() as session:
            return await session.get_one(Account, an_id(i))

    def _app(self) -> FastAPI:
        app = FastAPI()

        async def opened() -> AsyncIterator[AsyncSession]:
            async with self.S() as session, session.begin():
                yield session

        Opened = Annotated[AsyncSession, Depends(opened)]

        @app.get("/session/{key}", response_model=AccountOut)
        @app.get("/accounts/{key}", response_model=AccountOut)
        async def read(key: int, session: Opened):
            if (account := await session.get(Account, key)) is None:
                raise HTTPException(404)
            return account

        @app.get("/accounts/of/{age}", response_model=list[AccountOut])
        async def read_all(age: int, session: Opened):
            return (await session.scalars(select(Account).where(Account.age == age))).all()

        @app.post("/accounts", response_model=AccountOut, status_code=201)
        async def create(body: NewAccount, session: Opened):
            account = Account(**body.model_dump())
            session.add(account)
            await session.flush()
            return account

        return app
