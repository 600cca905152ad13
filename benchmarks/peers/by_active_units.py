"""Units of work and requests with activerow."""

from typing import Annotated

from fastapi import Depends, FastAPI, Response
from sqlalchemy.ext.asyncio import AsyncSession

from activerow.fastapi import install
from benchmarks.peer import Target
from benchmarks.peers import by_active
from benchmarks.peers.by_active import Account
from benchmarks.peers.mapped import AccountOut
from benchmarks.peers.served import NewAccount, Served
from benchmarks.rows import a_span, an_age, an_email, an_id, fresh_row


class This(Served, by_active.This):
    async def open(self, target: Target) -> None:
        await super().open(target)
        self.app = self._app()

    def transaction(self):
        return self.db.transaction()

    async def unit_create(self, i: int) -> object:
        return await Account.create(fresh_row())

    async def unit_get(self, i: int) -> object:
        return await Account.get(an_id(i))

    async def unit_first(self, i: int) -> object:
        return await Account.filter_by(email=an_email(i)).first()

    async def unit_update(self, i: int) -> object:
        account = await Account.get(an_id(i))
        await account.update(name=f"New {i}")

    async def unit_delete(self, i: int) -> object:
        account = await Account.create(fresh_row())
        await account.delete()

    async def unit_include(self, i: int) -> object:
        return await Account.filter_by(id__between=a_span(i)).include("posts").all()

    async def unit_exists(self, i: int) -> object:
        return await Account.filter_by(email=an_email(i)).exists()

    async def unit_100(self, i: int) -> object:
        return await Account.filter_by(age=an_age(i)).all()

    async def savepoint(self, i: int) -> object:
        async with self.db.transaction():
            pass

    async def whole_create(self, i: int) -> object:
        async with self.db.transaction():
            await Account.create(fresh_row())

    async def whole_get(self, i: int) -> object:
        async with self.db.transaction():
            return await Account.get(an_id(i))

    async def scoped_get(self, i: int) -> object:
        async with self.db.scoped_session():
            return await Account.get(an_id(i))

    def _app(self) -> FastAPI:
        app = FastAPI()
        install(app, self.db)

        @app.get("/session/{key}", response_model=AccountOut)
        async def read_by_session(key: int, session: Annotated[AsyncSession, Depends(self.db.session)]):
            return await Account.get(key)

        @app.get("/accounts/{key}", response_model=AccountOut)
        async def read(key: int):
            return await Account.get(key)

        @app.get("/accounts/of/{age}")
        async def read_all(age: int):
            return Response(await Account.filter_by(age=age).json(AccountOut), media_type="application/json")

        @app.post("/accounts", response_model=AccountOut, status_code=201)
        async def create(body: NewAccount):
            return await Account.create(body)

        return app
