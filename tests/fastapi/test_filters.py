"""`filters`: query strings of lists."""

import enum
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy import ColumnElement, Enum, ForeignKey, Integer, LargeBinary, Numeric, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import UnknownFieldError, UnknownLookupError, UsageError
from activerow.fastapi import Chosen, filters, install
from activerow.lookups import Lookup, register
from activerow.mixins import AutoTableName
from activerow.paging import CursorPage, Page
from activerow.types import UTCDateTime
from tests.models.web import client_of
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of a catalogue."""


class Kind(enum.StrEnum):
    """What something is."""

    drink = "drink"
    vessel = "vessel"


class Maker(Base):
    """Who makes things."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    things: Mapped[list["Thing"]] = relationship(back_populates="maker")


class Thing(Base):
    """Something with a column of every kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    note: Mapped[str | None]
    price: Mapped[float]
    weight: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    kind: Mapped[Kind] = mapped_column(Enum(Kind, native_enum=False, length=10))
    sold: Mapped[bool]
    code: Mapped[uuid.UUID]
    made_at: Mapped[datetime] = mapped_column(UTCDateTime())
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    size: Mapped[int | None]
    maker_id: Mapped[int | None] = mapped_column(ForeignKey("makers.id"))
    maker: Mapped[Maker | None] = relationship(back_populates="things")


@register
class Letters(Lookup):
    """The text has as many letters."""

    word, kinds, takes = "letters", ("text",), Integer()
    summary = "With as many letters."

    def sql(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.length(column) == value


CODE = uuid.UUID(int=7)
FIELDS = ["id", "name", "note", "price", "kind", "sold", "code", "made_at", "maker", "maker__name"]
chosen_things = filters(Thing, fields=FIELDS, size=10, most=20)
Ask = Callable[[str], Any]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Three things, two of them of one maker."""
    db = await make_database(Base)
    async with db.transaction():
        maker = await Maker.create(name="Wedgwood")
        days = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
        more: dict[str, Any] = {"code": CODE, "made_at": days[0]}
        await Thing.create(id=1, name="Green Tea", price=2.5, kind=Kind.drink, sold=True, note="fine", **more)
        more["made_at"] = days[1]
        await Thing.create(id=2, name="Cup", price=3, kind=Kind.vessel, sold=False, maker=maker, **more)
        more["made_at"] = days[2]
        await Thing.create(id=3, name="TEAPOT", price=9.5, kind=Kind.vessel, sold=False, maker=maker, **more)
    return db


def app_of(db: Database) -> FastAPI:
    app = FastAPI()
    install(app, db)
    router = APIRouter()

    @router.get("/things")
    async def things(chosen: Annotated[Chosen[Thing], Depends(chosen_things)], sizes: int = 0) -> Page[str]:
        return (await chosen.page(Thing.order_by("id"))).map(lambda thing: thing.name)

    @router.get("/walk")
    async def walk(
        chosen: Annotated[Chosen[Thing], Depends(filters(Thing, fields=["price"], paging="cursor", size=2))],
    ) -> CursorPage[str]:
        return (await chosen.after(Thing.order_by("id"))).map(lambda thing: thing.name)

    @router.get("/makers")
    async def makers(
        chosen: Annotated[
            Chosen[Maker],
            Depends(filters(Maker, fields={"things__name": ["icontains"], "things__price": ["gt"]}, paging=None)),
        ],
    ) -> list[str]:
        return await chosen.apply(Maker.query()).pluck("name")

    @router.get("/long")
    async def long(
        chosen: Annotated[Chosen[Maker], Depends(filters(Maker, fields={"name": ["letters"]}, paging=None))],
    ) -> list[str]:
        return await chosen.apply(Maker.query()).pluck("name")

    app.include_router(router)
    return app


@pytest.fixture
async def client(db: Database) -> Any:
    """A client of three lists."""
    async with client_of(app_of(db)) as client:
        yield client


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/things?{query}")
    assert answer.status_code == 200, answer.text
    items: list[str] = answer.json()["items"]
    return items


async def refused(client: httpx.AsyncClient, query: str, path: str = "/things") -> list[tuple[str, list[Any], str]]:
    answer = await client.get(f"{path}?{query}")
    assert answer.status_code == 422, answer.text
    return [(fault["type"], fault["loc"], fault["msg"]) for fault in answer.json()["detail"]]


# --- what is found ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Green Tea", "Cup", "TEAPOT"]),
        ("name=Cup", ["Cup"]),
        ("name__eq=Cup", ["Cup"]),
        ("name__ne=Cup", ["Green Tea", "TEAPOT"]),
        ("name__icontains=tea", ["Green Tea", "TEAPOT"]),
        ("name__icontains=%25", []),
        ("name__istartswith=tea", ["TEAPOT"]),
        ("name__in=Cup,TEAPOT", ["Cup", "TEAPOT"]),
        ("name__in=Cup&name__in=TEAPOT", ["Cup", "TEAPOT"]),
        ("price__gte=3&price__lt=9.5", ["Cup"]),
        ("price__gt=3", ["TEAPOT"]),
        ("price__lte=3", ["Green Tea", "Cup"]),
        ("kind=vessel&sold=false", ["Cup", "TEAPOT"]),
        (f"code={CODE}&id__in=1,3", ["Green Tea", "TEAPOT"]),
        ("note__isnull=true", ["Cup", "TEAPOT"]),
        ("maker__isnull=false", ["Cup", "TEAPOT"]),
        ("maker__name=Wedgwood", ["Cup", "TEAPOT"]),
        ("made_at__date=2026-01-02", ["Cup"]),
        ("made_at__gt=2026-01-02T12:00:00Z", ["TEAPOT"]),
        ("made_at__gte=2026-01-02T14:00:00%2B02:00", ["Cup", "TEAPOT"]),
        ("made_at__gte=2026-01-02T14:00:00+02:00", ["Cup", "TEAPOT"]),
        ("sort=-price", ["TEAPOT", "Cup", "Green Tea"]),
        ("sort=-kind,name", ["Cup", "TEAPOT", "Green Tea"]),
        ("sort=name&size=2&page=2", ["TEAPOT"]),
        ("page=2147483647", []),
        ("id=9223372036854775807", []),
        ("utm_source=mail&sizes=3", ["Green Tea", "Cup", "TEAPOT"]),
    ],
)
async def test_a_query_string_finds_rows(client: httpx.AsyncClient, query: str, names: list[str]) -> None:
    """Every kind of column, on every backend."""
    assert await found(client, query) == names


async def test_a_page_is_two_statements(client: httpx.AsyncClient, db: Database) -> None:
    """The rows and their number, whatever was asked for."""
    with statements(db) as sent:
        await found(client, "maker__name__icontains=wedg&price__gte=1&sort=maker__name&size=1")

    assert len([statement for statement in sent if not statement.startswith("BEGIN")]) == 2


async def test_conditions_on_many_rows_speak_of_one_of_them(client: httpx.AsyncClient) -> None:
    """A maker of a cup that is dear is none who also makes something dear."""
    assert (await client.get("/makers?things__name__icontains=cup")).json() == ["Wedgwood"]
    assert (await client.get("/makers?things__name__icontains=cup&things__price__gt=5")).json() == []


async def test_a_cursor_leads_through_all_rows(client: httpx.AsyncClient) -> None:
    """In the order that was asked for; a cursor of another order is refused."""
    first = (await client.get("/walk?sort=-price")).json()
    second = (await client.get("/walk", params={"sort": "-price", "cursor": first["next"]})).json()
    other = await client.get("/walk", params={"sort": "price", "cursor": first["next"]})

    assert (first["items"], second["items"]) == (["TEAPOT", "Cup"], ["Green Tea"])
    assert (other.status_code, other.json()["errors"][0]["loc"]) == (422, ["query", "cursor"])


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "kind", "place"),
    [
        ("price__gte=dear", "float_parsing", ["query", "price__gte"]),
        ("price=inf", "finite_number", ["query", "price"]),
        ("id=1.5", "int_parsing", ["query", "id"]),
        ("id=9223372036854775808", "integer_range", ["query", "id"]),
        ("id__in=1,x", "int_parsing", ["query", "id__in", 1]),
        ("id__in=" + ",".join(["1"] * 101), "too_long", ["query", "id__in"]),
        ("kind=ship", "enum", ["query", "kind"]),
        ("sold=maybe", "bool_parsing", ["query", "sold"]),
        ("code=x", "uuid_parsing", ["query", "code"]),
        ("name=%00", "text", ["query", "name"]),
        ("name__icontains=a%00", "text", ["query", "name__icontains"]),
        ("made_at__gt=2026-01-02T12:00:00", "timezone_aware", ["query", "made_at__gt"]),
        ("made_at__gt=0001-01-01T00:00:00%2B10:00", "datetime_range", ["query", "made_at__gt"]),
        ("made_at__date=yesterday", "date_from_datetime_parsing", ["query", "made_at__date"]),
        ("sort=weight", "literal_error", ["query", "sort", 0]),
        ("sort=name,", "literal_error", ["query", "sort", 1]),
        ("page=0", "greater_than_equal", ["query", "page"]),
        ("page=99999999999", "less_than_equal", ["query", "page"]),
        ("size=0", "greater_than_equal", ["query", "size"]),
        ("size=21", "less_than_equal", ["query", "size"]),
    ],
)
@pytest.mark.backends("sqlite")
async def test_a_wrong_value_is_a_422(client: httpx.AsyncClient, query: str, kind: str, place: list[Any]) -> None:
    """In FastAPI's own form, with the parameter's name."""
    ((type_, loc, _),) = await refused(client, query)

    assert (type_, loc) == (kind, place)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("price__over=1", "choices: price, price__ne, price__gt, price__gte, price__lt, price__lte, price__in"),
        ("price__gte__x=1", "choices: price,"),
        ("maker__name__regex=.*", "choices: maker__name, maker__name__ne"),
        ("nmae=x", "did you mean name?"),
        ("picture__isnull=true", "There is no such filter"),
        ("maker__things__name=x", "There is no such filter"),
    ],
)
@pytest.mark.backends("sqlite")
async def test_a_name_that_looks_like_a_filter_is_a_422(client: httpx.AsyncClient, query: str, words: str) -> None:
    """Left out in silence, it would show every row."""
    ((kind, loc, message),) = await refused(client, query)

    assert (kind, loc) == ("unknown_filter", ["query", query.partition("=")[0]])
    assert words in message


@pytest.mark.backends("sqlite")
async def test_a_value_given_twice_is_a_422(client: httpx.AsyncClient) -> None:
    """Nobody can know which one was meant."""
    assert [fault[:2] for fault in await refused(client, "price=1&price=2")] == [
        ("repeated_filter", ["query", "price"])
    ]


@pytest.mark.backends("sqlite")
async def test_decimals_have_the_places_of_their_column(db: Database) -> None:
    """PostgreSQL would round what it compares, and others not."""
    app = FastAPI()
    install(app, db)

    @app.get("/things")
    async def things(chosen: Annotated[Chosen[Thing], Depends(filters(Thing, fields=["weight"]))]) -> None:
        await chosen.page(Thing.query())

    async with client_of(app) as client:
        assert (await refused(client, "weight__gte=0.001"))[0][0] == "decimal_max_places"
        assert (await refused(client, "weight__gte=1e999999"))[0][0] in {"decimal_max_digits", "decimal_whole_digits"}
        assert (await refused(client, "weight=NaN"))[0][0] == "finite_number"


# --- what is declared -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declare", "error", "words"),
    [
        (lambda: filters(Thing, fields=["nmae"]), UnknownFieldError, "did you mean 'name'"),
        (lambda: filters(Thing, fields={"price": ["icontains"]}), UnknownLookupError, "icontains"),
        (lambda: filters(Thing, fields={"name": ["regex"]}), UnknownLookupError, "regex"),
        (lambda: filters(Thing, fields={"price": ["between"]}), UnknownLookupError, "between"),
        (lambda: filters(Thing, fields=["price__gte"]), UsageError, r"fields=\{'price': \['gte'\]\}"),
        (lambda: filters(Thing, fields=["picture"]), UsageError, "Thing.picture"),
        (lambda: filters(Thing, fields={"maker": ["eq"]}), UsageError, "isnull"),
        (lambda: filters(Thing, fields=["size"]), UsageError, "'size' stands for two things"),
        (lambda: filters(Thing, fields=["name", "name"]), UsageError, "'name' stands for two things"),
        (lambda: filters(Thing, fields=["name"], sort=["weihgt"]), UnknownFieldError, "weight"),
        (lambda: filters(Maker, fields=["name"], sort=["things__name"]), UsageError, "many rows"),
        (lambda: filters(Thing, fields=["name"], size=200), UsageError, "size=200"),
    ],
)
def test_a_wrong_declaration_is_told_at_once(declare: Callable[[], object], error: type[Exception], words: str) -> None:
    """When the application is put together, not when the first client comes."""
    with pytest.raises(error, match=words):
        declare()


def test_every_parameter_is_documented() -> None:
    """With its type and a sentence; aliases are not listed twice."""
    app = FastAPI()

    @app.get("/things")
    async def things(chosen: Annotated[Chosen[Thing], Depends(chosen_things)]) -> None: ...

    parameters = {each["name"]: each for each in app.openapi()["paths"]["/things"]["get"]["parameters"]}

    assert all(each["description"] and not each["required"] for each in parameters.values())
    assert parameters["id__gte"]["schema"]["type"] == "integer"
    assert parameters["kind__in"]["schema"]["items"] == {"$ref": "#/components/schemas/Kind"}
    assert parameters["made_at__gt"]["description"] == "After this moment."
    assert parameters["sort"]["schema"]["items"]["enum"][:4] == ["id", "-id", "name", "-name"]
    assert (parameters["size"]["schema"]["default"], parameters["size"]["schema"]["maximum"]) == (10, 20)
    assert "name__eq" not in parameters
    assert "picture" not in parameters


async def test_a_lookup_of_ones_own_is_a_filter(client: httpx.AsyncClient) -> None:
    """It is documented by its sentence, and read as the type that it takes."""
    schema = (await client.get("/openapi.json")).json()
    (parameter,) = [each for each in schema["paths"]["/long"]["get"]["parameters"] if each["name"] == "name__letters"]

    assert (await client.get("/long?name__letters=8")).json() == ["Wedgwood"]
    assert (await client.get("/long?name__letters=7")).json() == []
    assert (await client.get("/long?name__letters=x")).status_code == 422
    assert parameter["description"] == "With as many letters."
