"""`json(Schema)` of plain fields, whose rows are written without objects: the bytes are those of the objects."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)
from sqlalchemy import Numeric, String, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from activerow.query.results.evident_json import plain_fields
from activerow.types import UTCDateTime
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Thing(Base):
    """A column of each plain kind, once with a value and once without."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(50))
    count: Mapped[int | None]
    active: Mapped[bool | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    weight: Mapped[float | None]
    born: Mapped[dt.date | None]
    seen: Mapped[dt.datetime | None] = mapped_column(UTCDateTime())
    token: Mapped[UUID | None] = mapped_column(Uuid())


class Plain(BaseModel):
    """Every plain field, in another order than the columns."""

    model_config = ConfigDict(from_attributes=True)

    seen: dt.datetime | None
    name: str | None
    token: UUID | None
    count: int | None
    price: Decimal | None
    active: bool | None
    born: dt.date | None
    id: int


class Few(BaseModel):
    """A field that the model lacks, and no key."""

    name: str | None
    missing: int = 7


class Required(BaseModel):
    """A value that a row lacks."""

    id: int
    name: str


class Bare(BaseModel):
    """Nothing but one text."""

    name: str | None


class Floats(BaseModel):
    """A number that need not be finite."""

    id: int
    weight: float | None


class Checked(BaseModel):
    """With a validator."""

    id: int
    name: str | None

    @field_validator("name")
    @classmethod
    def upper(cls, name: str | None) -> str | None:
        """In capitals."""
        return name.upper() if name else name


class Whole(BaseModel):
    """With a validator of the model."""

    id: int

    @model_validator(mode="after")
    def more(self) -> "Whole":
        """One more."""
        self.id += 1
        return self


class Written(BaseModel):
    """With a serializer."""

    id: int

    @field_serializer("id")
    def told(self, number: int) -> str:
        """In words."""
        return f"number {number}"


class Computing(BaseModel):
    """With a computed field."""

    id: int

    @computed_field  # type: ignore[prop-decorator]  # as Pydantic documents it
    @property
    def double(self) -> int:
        """Twice the id."""
        return 2 * self.id


class Named(BaseModel):
    """With an alias."""

    number: int = Field(alias="id")


class Limited(BaseModel):
    """With a limit that a row passes."""

    count: Annotated[int, Field(lt=10**6)] | None


class Stripped(BaseModel):
    """With a setting that changes values."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str | None


class Later(BaseModel):
    """Does something with each object."""

    id: int

    def model_post_init(self, _context: Any, /) -> None:
        """One more."""
        self.id += 1


class Texts(BaseModel):
    """A number read as a text is refused."""

    count: str | None


SCHEMAS = [
    *(Plain, Few, Required, Bare, Floats, Checked, Whole, Written, Computing, Named, Limited, Stripped, Later, Texts)
]
PLAIN = {Plain, Few, Required, Bare, Texts}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """A full row, an empty one, and an odd one."""
    db = await make_database(Base)
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=dt.UTC)
    full: dict[str, Any] = {
        "name": 'Ada "the" é\n',
        "count": 2**31 - 1,
        "active": True,
        "price": Decimal("1.50"),
        "weight": 0.1,
    }
    await Thing.create({**full, "born": moment.date(), "seen": moment, "token": uuid4()})
    await Thing.create()
    await Thing.create(name="  x\U0001f600 ", count=0, active=False, price=Decimal("-0.10"), weight=-1e300)
    return db


async def _by_objects(schema: type[BaseModel]) -> bytes | type[ValidationError]:
    rows = await Thing.order_by("id").all()
    try:
        objects = [schema.model_validate(row, from_attributes=True) for row in rows]
    except ValidationError:
        return ValidationError
    return TypeAdapter(list[schema]).dump_json(objects)  # type: ignore[valid-type]  # a class is known at run time


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
async def test_the_bytes_are_those_of_the_objects(schema: type[BaseModel]) -> None:
    """Whatever the schema says of its fields."""
    try:
        found: Any = await Thing.order_by("id").json(schema)
    except ValidationError:
        found = ValidationError

    assert found == await _by_objects(schema)


def test_which_schemas_are_plain() -> None:
    """Those that say nothing of a value but its type."""
    assert {schema for schema in SCHEMAS if plain_fields(schema) is not None} == PLAIN


@pytest.mark.usefixtures("db")
async def test_no_rows() -> None:
    """An empty array."""
    assert await Thing.filter_by(id=-1).json(Plain) == b"[]"


@pytest.mark.usefixtures("db")
async def test_in_a_unit_and_with_joined_rows(db: Database) -> None:
    """In a unit with unsaved rows, which are flushed first; and each row once."""
    async with db.transaction() as session:
        session.add(Thing(name="new"))
        assert (await Thing.order_by("id").json(Bare)).endswith(b'{"name":"new"}]')


@pytest.mark.backends("sqlite")
async def test_what_is_stored_as_another_type_is_validated(db: Database) -> None:
    """SQLite stores a text in a column of numbers: the schema refuses it, as it refuses the row."""
    async with db.engine.begin() as connection:
        await connection.execute(text("UPDATE things SET count = 'many' WHERE id = 1"))

    class Counted(BaseModel):
        count: int | None

    with pytest.raises(ValidationError):
        await Thing.query().json(Counted)
