"""A call is a short walk: how many files, borders of files and functions of the library a warm call goes through."""

import asyncio
from typing import Annotated

from fastapi import Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.fastapi import install
from activerow.mixins import AutoTableName
from tests.tools.fresh import fresh
from tests.tools.tracing import Trace, Walk

_ROWS = 100
# Beside each: the budget of the design, where it is not reached yet. Figures go down, never up.
_MOST = {
    "lone read": Walk(8, 20, 40),
    "read in a transaction": Walk(19, 36, 47),  # 10, 30, 60
    "update in a transaction": Walk(22, 45, 63),  # 10, 35, 70
    "nested transaction": Walk(15, 40, 63),  # 6, 18, 35
    "include, 100 rows": Walk(17, 49, 80),  # 10, 35, 190
    "create in a request": Walk(37, 125, 182),  # 15, 60, 110
}


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this module."""


class User(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str | None] = mapped_column(String(100))
    posts: Mapped[list["Post"]] = relationship(back_populates="user")


class Post(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    user: Mapped["User | None"] = relationship(back_populates="posts")


async def _walks(db: Database) -> dict[str, Walk]:
    """Each kind of call, as it is when it was made before."""
    traces: dict[str, Trace] = {}
    for turn in range(3):
        with (trace := Trace()):
            await User.filter_by(email="u1").first()
        traces["lone read"] = trace
        with (trace := Trace()):
            await User.query().include("posts").all()
        traces["include, 100 rows"] = trace
        async with db.transaction():
            with (trace := Trace()):
                user = await User.filter_by(email="u1").first()
            traces["read in a transaction"] = trace
            assert user is not None
            with (trace := Trace()):
                await user.update(name=f"name {turn}")
            traces["update in a transaction"] = trace
            with (trace := Trace()):
                async with db.transaction():
                    pass
            traces["nested transaction"] = trace
    traces["create in a request"] = await _in_a_request(db)
    return {name: trace.walk for name, trace in traces.items()}


async def _in_a_request(db: Database) -> Trace:
    app = FastAPI()
    install(app, db)
    trace = Trace()

    @app.post("/posts/{title}")
    async def create(title: str, session: Annotated[AsyncSession, Depends(db.session)]) -> int:
        return (await Post.create(title=title)).id

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        for number in range(3):
            with (trace := Trace()):
                answer = await client.post(f"/posts/{number}")
            assert answer.status_code == 200, answer.text
    return trace


def measured() -> dict[str, Walk]:
    """The walks, in a database of their own."""

    async def measure() -> dict[str, Walk]:
        async with Database("sqlite://", base=Base) as db:
            await db.create_all()
            await User.create_many([{"email": f"u{number}"} for number in range(_ROWS)])
            await Post.create(title="first", user_id=1)
            return await _walks(db)

    return asyncio.run(measure())


def test_a_warm_call_is_a_short_walk() -> None:
    """No call goes through more files, borders and functions than it may; in a program whose models have no hooks."""
    found = fresh(__name__, measured.__name__)

    too_far = {
        name: (walk, _MOST[name])
        for name, walk in found.items()
        if any(figure > most for figure, most in zip(walk, _MOST[name], strict=True))
    }
    assert not too_far
