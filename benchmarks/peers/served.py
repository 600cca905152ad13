"""The tasks that are requests: an application with four routes, and the peer that asks it."""

from datetime import datetime

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.asgi import request
from benchmarks.rows import an_age, an_id, fresh_row


class NewAccount(BaseModel):
    """What is posted."""

    name: str
    email: str
    age: int
    balance: int
    active: bool
    created_at: datetime


class Served:
    """The requests, for a peer that makes its application in `open`."""

    app: FastAPI

    async def http_session(self, i: int) -> bytes:
        return await request(self.app, "GET", f"/session/{an_id(i)}")

    async def http_get(self, i: int) -> bytes:
        return await request(self.app, "GET", f"/accounts/{an_id(i)}")

    async def http_list(self, i: int) -> bytes:
        return await request(self.app, "GET", f"/accounts/of/{an_age(i)}")

    async def http_create(self, i: int) -> bytes:
        return await request(self.app, "POST", "/accounts", fresh_row())
