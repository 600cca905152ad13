"""The column that says which class of its hierarchy a row is of: it goes with the class, and is nobody's to set."""

import pytest
from pydantic import BaseModel
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.errors import ReadOnlyFieldError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Employee(Base):
    """The root of a hierarchy."""

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column("type", String(20))
    name: Mapped[str] = mapped_column(String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}  # noqa: RUF012


class Engineer(Employee):
    """In a table of its own besides."""

    id: Mapped[int] = mapped_column(ForeignKey("employees.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(20))
    __mapper_args__ = {"polymorphic_identity": "engineer"}  # noqa: RUF012


class Temp(Employee):
    """In the table of employees."""

    until: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "temp"}  # noqa: RUF012


class EngineerIn(BaseModel):
    """A body that says what it is."""

    kind: str = "engineer"
    name: str
    language: str


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Nobody works here yet."""
    return await make_database(Base)


async def test_a_row_of_another_class_is_not_made(db: Database) -> None:
    """`create` and `create_many` refuse the word for another class: half an engineer would be stored."""
    with pytest.raises(ReadOnlyFieldError, match=r"Employee.kind cannot be set: it says which class"):
        await Employee.create(name="x", kind="engineer")
    with pytest.raises(ReadOnlyFieldError, match="it says which class"):
        await Engineer.create(name="x", language="c", kind="employee")
    for row in ({"name": "x", "kind": "temp"}, Employee(name="x", kind="temp")):
        with pytest.raises(ReadOnlyFieldError, match=r"Employee rows\[0\]\.kind .* which class"):
            await Employee.create_many([row])

    assert await Employee.query().count() == 0


async def test_a_row_keeps_its_class(db: Database) -> None:
    """`update`, `fill`, `save` and the update of a query refuse to make it another one."""
    ada = await Engineer.create(name="Ada", language="c")

    with pytest.raises(ReadOnlyFieldError, match="which class"):
        await ada.update(kind="employee")
    with pytest.raises(ReadOnlyFieldError, match="which class"):
        ada.fill(kind="employee")
    with pytest.raises(ReadOnlyFieldError, match="which class"):
        await Employee.filter_by(name="Ada").update(kind="employee")
    ada.kind = "employee"
    with pytest.raises(ReadOnlyFieldError, match="which class"):
        await ada.save()

    assert type(await Employee.get(ada.id)) is Engineer


async def test_an_instance_of_one_class_with_the_word_for_another(db: Database) -> None:
    """An object that was made so is refused when it is written, by `save` and by a flush."""
    with pytest.raises(ReadOnlyFieldError, match="which class"):
        await Employee(name="x", kind="engineer").save()
    async with db.transaction() as session:
        row = Employee(name="x", kind="engineer")
        session.add(row)
        with pytest.raises(ReadOnlyFieldError, match="which class"):
            await session.flush()
        session.expunge(row)

    assert await Employee.query().count() == 0


async def test_the_own_word_goes_without_saying(db: Database) -> None:
    """A body that names the class it is sent to is taken, as often as it comes."""
    body = EngineerIn(name="Ada", language="c", kind="engineer")
    ada = await Engineer.create(body)
    assert await ada.update(body) is None
    assert await ada.update({"kind": "engineer", "language": "rust"}) is ada
    await Temp.create_many([{"name": "Tom", "kind": "temp"}, Temp(name="Tim"), {"name": "Ted"}])

    assert [type(row).__name__ for row in await Employee.query().order_by("id").all()] == ["Engineer", *["Temp"] * 3]
