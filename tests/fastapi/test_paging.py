"""Pages as response models, and what a client gets for a cursor or number that is none."""

from typing import Annotated, Any, cast

import pytest
from fastapi import FastAPI, Query
from fastapi_pagination import Page as OtherPage
from fastapi_pagination import add_pagination
from fastapi_pagination.ext import sqlalchemy as pagination
from pydantic import BaseModel, TypeAdapter

from activerow import Database
from activerow.fastapi import SessionDep
from activerow.paging import CursorPage, Page
from tests.models.web import Base, User, get, make_app
from tests.tools.backends.active import MakeDatabase


class UserOut(BaseModel):
    """What a client sees of a user; its configuration says nothing about attributes."""

    id: int
    email: str


class NameOut(BaseModel):
    """Less of it."""

    name: str | None


@pytest.fixture
async def app(make_database: MakeDatabase) -> FastAPI:
    """Three users, and routes for pages of them."""
    db = await make_database(Base)
    async with db.transaction():
        for number in (1, 2, 3):
            await User.create(id=number, email=f"{number}@x.org", name="hidden")
    return paged(db)


def paged(db: Database) -> FastAPI:
    """The routes, which take what a client sends as it is."""
    app = make_app(db)

    @app.get("/users", response_model=Page[UserOut])
    async def users(number: int = 1, size: int = 2) -> Any:
        return await User.query().page(number, size)

    @app.get("/names")
    async def names(session: SessionDep) -> Page[NameOut]:
        page = await User.query().page(size=1)
        return page.map(lambda user: NameOut(name=user.name))

    @app.get("/feed", response_model=CursorPage[UserOut])
    async def feed(cursor: str | None = None, size: Annotated[int, Query(ge=1, le=100)] = 2) -> Any:
        return await User.order_by("-id").after(cursor, size)

    return app


async def test_a_page_of_rows_is_answered_as_its_response_model(app: FastAPI) -> None:
    """Rows become the schema's models, and show nothing else."""
    answer = await get(app, "/users?number=2")

    assert answer.json() == {
        "items": [{"id": 3, "email": "3@x.org"}],
        "number": 2,
        "size": 2,
        "total": 3,
        "pages": 2,
    }


async def test_cursor_pages_lead_a_client_through_all_rows(app: FastAPI) -> None:
    """The cursors of an answer go into the next request as they are."""
    first = (await get(app, "/feed")).json()
    second = (await get(app, f"/feed?cursor={first['next']}")).json()
    back = (await get(app, f"/feed?cursor={second['previous']}")).json()

    assert [user["id"] for user in first["items"]] == [3, 2]
    assert second["items"] == [{"id": 1, "email": "1@x.org"}]
    assert (first["previous"], second["next"], back["items"]) == (None, None, first["items"])


async def test_openapi_names_a_page_after_its_items(app: FastAPI) -> None:
    """Pages of two schemas are two schemas."""
    schemas = app.openapi()["components"]["schemas"]

    assert {"Page_UserOut_", "Page_NameOut_", "CursorPage_UserOut_", "UserOut", "NameOut"} <= set(schemas)
    assert schemas["Page_UserOut_"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/UserOut"}
    assert schemas["Page_UserOut_"]["required"] == ["items", "number", "size", "total", "pages"]
    assert schemas["Page_UserOut_"]["description"] == "A numbered page of a list, and how long the whole list is."


async def test_a_page_is_validated_against_its_model(app: FastAPI) -> None:
    """A page that is one already is looked into: its items are not what the schema says yet."""
    user = await User.get(1)

    page = TypeAdapter(Page[UserOut]).validate_python(Page([user], 1, 50, 1, 1), from_attributes=True)

    assert page == Page([UserOut(id=1, email="1@x.org")], 1, 50, 1, 1)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "A" * 60, "%00"])
async def test_a_cursor_that_is_none_is_unprocessable(app: FastAPI, cursor: str) -> None:
    """422 with a problem document that names the parameter."""
    answer = await get(app, f"/feed?cursor={cursor}")

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["title"]) == ("invalid_cursor", "Invalid page cursor")
    assert [error["loc"] for error in problem["errors"]] == [["query", "cursor"]]


@pytest.mark.parametrize(("query", "name"), [("number=0", "number"), ("size=-1", "size")])
async def test_a_number_below_one_is_unprocessable(app: FastAPI, query: str, name: str) -> None:
    """A route that passes on what a client sends needs no check of its own."""
    answer = await get(app, f"/users?{query}")

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_page"
    assert [error["loc"] for error in answer.json()["errors"]] == [["query", name]]


async def test_fastapi_pagination_takes_the_statement_of_a_query(app: FastAPI) -> None:
    """Those who have it already go on with it."""

    @app.get("/others", response_model=OtherPage[UserOut])
    async def others(session: SessionDep) -> Any:
        return await cast("Any", pagination).apaginate(session, User.order_by("-id").statement)

    add_pagination(app)

    answer = await get(app, "/others?page=2&size=2")

    assert answer.json() == {"items": [{"id": 1, "email": "1@x.org"}], "total": 3, "page": 2, "size": 2, "pages": 2}
