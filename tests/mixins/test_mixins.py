"""AutoTableName and Timestamps."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Column, ForeignKey, Integer, String, Table, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow.mixins import AutoTableName, Timestamps
from tests.tools.backends.backend import Backend
from tests.tools.plain import plain_engine


class Base(AutoTableName, DeclarativeBase):
    pass


class ApiKey(Timestamps, Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


@pytest.fixture
async def engine(backend: Backend) -> AsyncIterator[AsyncEngine]:
    async with plain_engine(backend, Base.metadata) as engine:
        yield engine


# --- AutoTableName --------------------------------------------------------------------------------------------------


class Bare(AutoTableName, DeclarativeBase):
    """Its tables are made nowhere."""


class Employee(Bare):
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}  # noqa: RUF012


class Engineer(Employee):
    language: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "engineer"}  # noqa: RUF012


class Manager(Employee):
    id: Mapped[int] = mapped_column(ForeignKey("employees.id"), primary_key=True)
    __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012


class Vehicle(Bare):
    __tablename__ = "fleet"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}  # noqa: RUF012


class Truck(Vehicle):
    load: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "truck"}  # noqa: RUF012


class Ship(Vehicle):
    id: Mapped[int] = mapped_column(ForeignKey("fleet.id"), primary_key=True)
    __mapper_args__ = {"polymorphic_identity": "ship"}  # noqa: RUF012


class Abstract(Bare):
    __abstract__ = True


class Category(Abstract):
    id: Mapped[int] = mapped_column(primary_key=True)


class Given(Bare):
    __table__ = Table("a_table_of_its_own", Bare.metadata, Column("id", Integer, primary_key=True))


@pytest.mark.parametrize(
    ("model", "table"),
    [
        pytest.param(ApiKey, "api_keys", id="named after the class"),
        pytest.param(Category, "categories", id="below an abstract base"),
        pytest.param(Vehicle, "fleet", id="a name of its own"),
        pytest.param(Given, "a_table_of_its_own", id="a table of its own"),
        pytest.param(Engineer, "employees", id="single-table child"),
        pytest.param(Manager, "managers", id="joined child"),
        pytest.param(Truck, "fleet", id="single-table child of a named parent"),
        pytest.param(Ship, "ships", id="joined child of a named parent"),
    ],
)
def test_the_table_of_a_class(model: type[DeclarativeBase], table: str) -> None:
    """A class has the table it names, its parent's, or one that is named after it."""
    mapped = model.__table__

    assert isinstance(mapped, Table)
    assert mapped.name == table


# --- Timestamps -----------------------------------------------------------------------------------------------------


async def made(session: AsyncSession) -> ApiKey:
    key = ApiKey(name="first")
    session.add(key)
    await session.commit()
    await asyncio.sleep(0.002)
    return key


async def test_a_new_row_knows_when_it_was_made(engine: AsyncEngine) -> None:
    """Both moments are aware, in UTC, and equal to what was stored."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        key = await made(session)
        stored = (await session.execute(select(ApiKey.created_at, ApiKey.updated_at))).one()

    assert (key.created_at, key.updated_at) == tuple(stored)
    assert key.created_at.tzinfo is UTC
    assert abs(key.created_at - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_row_of_another_writer_gets_the_server_clock(engine: AsyncEngine) -> None:
    """Plain SQL that does not know the columns leaves none of them empty."""
    async with AsyncSession(engine) as session:
        await session.execute(text("INSERT INTO api_keys (name) VALUES ('by hand')"))
        row = (await session.execute(select(ApiKey.created_at, ApiKey.updated_at))).one()

    assert all(abs(moment - datetime.now(UTC)) < timedelta(seconds=5) for moment in row)


async def test_updated_at_moves_with_a_change(engine: AsyncEngine) -> None:
    """A flush that writes the row moves it; created_at stays."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        key = await made(session)
        created, updated = key.created_at, key.updated_at

        key.name = "second"
        await session.flush()
        await session.refresh(key)

    assert key.created_at == created
    assert key.updated_at > updated


async def test_updated_at_stays_without_a_change(engine: AsyncEngine) -> None:
    """Setting an equal value writes nothing."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        key = await made(session)
        updated = key.updated_at

        key.name = "first"
        await session.commit()
        await session.refresh(key)

    assert key.updated_at == updated


async def test_updated_at_moves_with_a_set_based_update(engine: AsyncEngine) -> None:
    """An UPDATE of many rows moves it in each of them."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        key = await made(session)
        updated = key.updated_at

        await session.execute(update(ApiKey).values(name="second"))
        await session.refresh(key)

    assert key.updated_at > updated
    assert key.updated_at.tzinfo is UTC


async def test_a_given_updated_at_is_kept(engine: AsyncEngine) -> None:
    """An import that knows better may say so."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    async with AsyncSession(engine, expire_on_commit=False) as session:
        key = await made(session)
        key.updated_at = long_ago
        await session.commit()
        await session.refresh(key)

    assert key.updated_at == long_ago


def test_the_columns_come_last() -> None:
    """A table reads best with its own columns first."""
    assert ApiKey.__table__.columns.keys() == ["id", "name", "created_at", "updated_at"]
