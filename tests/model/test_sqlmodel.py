"""SQLModel classes are active records by one more parent; they stay Pydantic models."""

import asyncio

import pytest
from pydantic import ValidationError
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel

from activerow import ActiveRecord, Database
from activerow.errors import InvalidDataError, NotLoadedError, ReservedNameError, UniqueViolationError, UsageError
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, SQLModel, registry=registry()):
    """Tables, and schemas, of this page."""


class Team(Base, table=True):
    """Has heroes."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=20)
    heroes: list["Hero"] = Relationship(back_populates="team")


class HeroBase(Base):
    """What the table and the schemas share."""

    name: str = Field(unique=True, max_length=10)
    age: int | None = None
    team_id: int | None = Field(default=None, foreign_key="team.id")


class Hero(HeroBase, table=True):
    """Belongs to a team."""

    id: int | None = Field(default=None, primary_key=True)
    team: Team | None = Relationship(back_populates="heroes")


class HeroPublic(HeroBase):
    """A schema: what an endpoint answers."""

    id: int


class HeroUpdate(SQLModel):
    """A schema: what an endpoint is sent."""

    name: str | None = None
    age: int | None = Field(default=None, ge=0)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The tables of this page."""
    return await make_database(Base)


async def test_a_row_lives_its_life(db: Database) -> None:
    """Made, found, changed, saved and deleted, with SQLModel's own methods beside."""
    team = await Team.create(name="A")
    await Hero.create(name="Ada", team=team)

    hero = await Hero.get(name="Ada")
    await hero.update(age=36)
    hero.sqlmodel_update({"age": 37})
    await hero.save()

    stored = await Hero.filter_by(team__name="A", age=37).one()
    assert HeroPublic.model_validate(stored).model_dump() == {
        "id": hero.id,
        "name": "Ada",
        "age": 37,
        "team_id": team.id,
    }
    await hero.delete()
    assert await Hero.get_or_none(name="Ada") is None


async def test_a_schema_is_a_source_of_values(db: Database) -> None:
    """Only the fields that were sent are set; validation is the schema's."""
    hero, made = await Hero.get_or_create({"name": "Ada"}, {"age": 1})

    assert made
    assert await hero.update(HeroUpdate(age=2)) is hero
    assert (hero.name, hero.age) == ("Ada", 2)
    with pytest.raises(ValidationError):
        HeroUpdate(age=-1)
    with pytest.raises(InvalidDataError, match="at most 10 characters"):
        await hero.update(name="x" * 11)
    with pytest.raises(UniqueViolationError):
        await Hero.create(HeroUpdate(name="Ada"))


async def test_relations(db: Database) -> None:
    """Loaded, replaced and appended to; a Pydantic model has no hash, and none is needed."""
    team = await Team.create(name="A", heroes=[Hero(name="a"), Hero(name="b")])
    await Hero.create(name="c")

    with pytest.raises(NotLoadedError):
        _ = (await Team.get(name="A")).heroes
    await team.update(heroes=await Hero.filter_by(name__in=["b", "c"]).all())
    read = await Team.query().include("heroes.team").one()

    assert sorted(hero.name for hero in read.heroes) == ["b", "c"]
    assert read.heroes[0].team is read
    with pytest.raises(InvalidDataError):
        await Team.create(name="B", heroes=[Hero(name="x" * 11), Hero(name="d")])
    assert await Team.query().count() == 1


async def test_a_rollback_puts_values_back(db: Database) -> None:
    """What the transaction wrote is undone in the object, and a new row can be saved again."""
    hero = await Hero.create(name="Ada")
    async with db.transaction():
        await hero.update(age=5)
        new = await Hero.create(name="new")
        db.rollback_only()

    assert (hero.age, new.id) == (None, None)
    await new.save()
    assert new.model_dump() == {"id": new.id, "name": "new", "age": None, "team_id": None}


async def test_tasks_share_a_transaction_and_a_row(db: Database) -> None:
    """`gather` inside and outside of a transaction, with one team for all."""
    team = await Team.create(name="A")

    await asyncio.gather(*(Hero.create(name=f"a{n}", team=team) for n in range(4)))
    async with db.transaction():
        await asyncio.gather(*(Hero.create(name=f"b{n}", team=team) for n in range(4)))

    assert await Hero.filter_by(team__name="A").count() == 8


def test_a_schema_has_no_table() -> None:
    """It shows itself as Pydantic does, and refuses to be asked for rows."""
    schema = HeroPublic(id=1, name="Ada")

    assert repr(schema).startswith("HeroPublic(name='Ada'")
    with pytest.raises(UsageError, match=r"HeroPublic is not mapped to a table.*table=True"):
        HeroPublic.filter_by(id=1)


def test_reserved_names_are_refused() -> None:
    """A field that would hide a keyword of `create` is no field of a table."""
    with pytest.raises(ReservedNameError, match=r"Refused\.defaults cannot be mapped"):

        class Refused(Base, table=True):  # pyright: ignore[reportUnusedClass]  # it is refused
            id: int | None = Field(default=None, primary_key=True)
            defaults: str
