"""What travels: bodies of requests and of answers."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AliasPath, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shop.models.money import DECIMAL_PLACES, DIGITS, with_cents

_MOST = 2**31 - 1
_MOST_TEXT = 10_000

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
ShortName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
Text = Annotated[str, StringConstraints(max_length=_MOST_TEXT)]
Price = Annotated[Decimal, Field(ge=0, max_digits=DIGITS, decimal_places=DECIMAL_PLACES, examples=["9.99"])]
# Of a row that was just written too, which still has the price as it was sent.
Amount = Annotated[Decimal, AfterValidator(with_cents)]
Stock = Annotated[int, Field(ge=0, le=_MOST)]


def _unset() -> Any:
    """For a field that may be left out, and then stays as it is; null is no value for it."""


class Answer(BaseModel):
    """An answer that is read from a row."""

    model_config = ConfigDict(from_attributes=True)


class Body(BaseModel):
    """The body of a request: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid")


# --- products -------------------------------------------------------------------------------------------------------


class ProductBody(Body):
    """A whole product."""

    name: Name
    description: Text = ""
    price: Price
    stock: Stock = 0


class ProductChange(Body):
    """What may change of a product; what is not sent stays as it is."""

    name: Name = Field(default_factory=_unset)
    description: Text = Field(default_factory=_unset)
    price: Price = Field(default_factory=_unset)
    stock: Stock = Field(default_factory=_unset)


class ProductOut(Answer):
    """A product."""

    id: int
    name: str
    description: str
    price: Amount
    stock: int


# --- users ----------------------------------------------------------------------------------------------------------


class UserBody(Body):
    """A new user."""

    username: ShortName


class UserOut(Answer):
    """A user."""

    id: int
    username: str


class PostBody(Body):
    """A new post."""

    title: Name
    body: Text


class PostOut(Answer):
    """A post."""

    id: int
    user_id: int
    title: str
    body: str
    created_at: datetime


class ProfileBody(Body):
    """A profile, or what changes of it; PUT empties what is not sent, PATCH leaves it as it is."""

    first_name: ShortName | None = None
    last_name: ShortName | None = None
    bio: Text | None = None


class ProfileOut(Answer):
    """What a user tells about themselves."""

    user_id: int
    first_name: str | None
    last_name: str | None
    bio: str | None


# --- orders ---------------------------------------------------------------------------------------------------------


class LineBody(Body):
    """How many of which product."""

    product_id: Annotated[int, Field(ge=1, le=_MOST)]
    count: Annotated[int, Field(ge=1, le=_MOST)] = 1


def _each_once(lines: Sequence[LineBody]) -> Sequence[LineBody]:
    if len({line.product_id for line in lines}) < len(lines):
        raise PydanticCustomError("duplicate_product", "A product stands in one line, with its count")
    return lines


class OrderBody(Body):
    """A new order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"promocode": "SPRING", "lines": [{"product_id": 1, "count": 2}]}]}
    )

    promocode: ShortName | None = None
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=100), AfterValidator(_each_once)]


class LineOut(Answer):
    """A product of an order, at the price that it had then."""

    product_id: int
    name: str = Field(validation_alias=AliasPath("product", "name"))
    count: int
    unit_price: Amount
    cost: Amount


class OrderOut(Answer):
    """An order, its lines and what it costs."""

    id: int
    promocode: str | None
    created_at: datetime
    lines: list[LineOut] = Field(validation_alias="products_details")
    total: Amount
