"""`explain`: the server's plan of a query."""

import pytest
from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import UsageError
from activerow.mixins import AutoTableName
from tests.models import blog
from tests.models.blog import User
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Step(Base):
    """Has columns that are called as those of a plan."""

    id: Mapped[int] = mapped_column(primary_key=True)
    detail: Mapped[dict[str, str]] = mapped_column(JSON)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The blog, empty."""
    return await make_database(blog.Base)


async def test_a_plan(db: Database) -> None:
    """Text that names the table, with bound values, lists, and joined relations in the statement."""
    query = User.where(User.age > 3).filter_by(name__in=["a", "b"]).order_by("name").limit(3)

    assert "users" in await query.explain()
    joined = await query.options(joinedload(User.passport)).explain()
    assert "passport" in joined


async def test_a_plan_is_not_the_query(db: Database) -> None:
    """Neither inside a unit nor alone does it load or change anything."""
    async with db.transaction() as session:
        session.add(User(id=1, email="a@b.c"))
        assert "users" in await User.query().explain()
        assert await User.query().count() == 1


@pytest.mark.backends("postgresql", "mysql")
async def test_a_measured_plan(db: Database, backend: Backend) -> None:
    """With `analyze` the statement is run, and the plan says how many rows there were."""
    await User.create(id=1, email="a@b.c")

    text = await User.filter_by(id=1).explain(analyze=True)

    assert "actual" in text if backend.dialect == "postgresql" else "r_rows" in text


@pytest.mark.backends("sqlite")
async def test_sqlite_measures_nothing(db: Database) -> None:
    """There it is refused."""
    with pytest.raises(UsageError, match="SQLite only plans"):
        await User.query().explain(analyze=True)


@pytest.mark.backends("sqlite")
async def test_a_tree(db: Database) -> None:
    """Steps inside of others are indented below them."""
    lines = (await User.filter_by(posts__title="x").explain()).splitlines()

    assert lines[0].startswith("SCAN users")
    assert any(line.startswith("  ") for line in lines)


async def test_columns_called_like_those_of_a_plan(make_database: MakeDatabase) -> None:
    """The plan is read as text, whatever the columns of the statement are."""
    await make_database(Base)

    assert "steps" in await Step.query().explain()
