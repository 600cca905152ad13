"""The same work written twice: by hand with SQLAlchemy, and with activerow."""

from itertools import count
from typing import Protocol

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from activerow import Database
from benchmarks.models import User

_numbers = count(1_000_000)
ROWS = 1_000


class Way(Protocol):
    """One way to do each piece of work; every method is one call of a handler."""

    name: str

    async def create(self) -> None:
        """One row, committed."""
        ...

    async def get(self) -> None:
        """One row by its key."""
        ...

    async def update(self) -> None:
        """One row read and changed, committed."""
        ...

    async def exists(self) -> None:
        """Is there such a row?"""
        ...

    async def list_100(self) -> None:
        """A hundred rows."""
        ...

    async def transaction_of_10(self) -> None:
        """Ten rows in one transaction."""
        ...


def new_values() -> dict[str, object]:
    """Values of a row that is not there yet."""
    number = next(_numbers)
    return {"email": f"user{number}@example.com", "name": "Ada", "age": number % 100}


class ByHand:
    """What a careful author writes: a session per call, committed and closed."""

    name = "SQLAlchemy by hand"

    def __init__(self, db: Database) -> None:
        self._session = async_sessionmaker(db.engine, class_=AsyncSession, expire_on_commit=False)

    async def create(self) -> None:
        async with self._session.begin() as session:
            session.add(User(**new_values()))

    async def get(self) -> None:
        async with self._session() as session:
            await session.get_one(User, 1 + next(_numbers) % ROWS)

    async def update(self) -> None:
        async with self._session.begin() as session:
            user = await session.get_one(User, 1 + next(_numbers) % ROWS)
            user.age = next(_numbers)

    async def exists(self) -> None:
        async with self._session() as session:
            await session.scalar(select(exists().where(User.email == "user7@example.com")))

    async def list_100(self) -> None:
        async with self._session() as session:
            (await session.scalars(select(User).where(User.id <= 100).order_by(User.id))).all()

    async def transaction_of_10(self) -> None:
        async with self._session.begin() as session:
            for _ in range(10):
                session.add(User(**new_values()))
                await session.flush()


class ByActiveRow:
    """The same with activerow."""

    name = "activerow"

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self) -> None:
        await User.create(new_values())

    async def get(self) -> None:
        await User.get(1 + next(_numbers) % ROWS)

    async def update(self) -> None:
        async with self._db.transaction():
            user = await User.get(1 + next(_numbers) % ROWS)
            await user.update(age=next(_numbers))

    async def exists(self) -> None:
        await User.filter_by(email="user7@example.com").exists()

    async def list_100(self) -> None:
        await User.where(User.id <= 100).order_by("id").all()

    async def transaction_of_10(self) -> None:
        async with self._db.transaction():
            for _ in range(10):
                await User.create(new_values())
