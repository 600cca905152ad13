"""What an editor shows for models that were not written for this library; checked, never run."""

from typing import assert_type

from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column
from sqlmodel import Field, SQLModel

from activerow import ActiveRecord
from activerow.query.query import Query


class Theirs(DeclarativeBase):
    """Somebody else's base."""


class Plain(ActiveRecord, AsyncAttrs, Theirs):
    """One model of it, adopted."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Data(ActiveRecord, MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Dataclasses."""


class Row(Data):
    """The constructor is the dataclass's."""

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str]


class Schemas(ActiveRecord, SQLModel):
    """SQLModel."""


class Hero(Schemas, table=True):
    """Attributes have Pydantic's types."""

    id: int | None = Field(default=None, primary_key=True)
    name: str


async def adopted() -> None:
    """Each method gives the model's own type."""
    assert_type(await Plain.get(1), Plain)
    assert_type(await Row(name="a").save(), Row)
    assert_type(Row.where(Row.name == "a"), Query[Row])
    assert_type(await Hero.create(name="a"), Hero)
    assert_type(await Hero.filter_by(name="a").first(), Hero | None)
    assert_type((await Hero.get(1)).name, str)
