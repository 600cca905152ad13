"""Store: what a model can do, with an injected session."""

from typing import Annotated, Any, TypeVar

import pytest
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from activerow import ActiveRecord, Database
from activerow.errors import RecordNotFoundError, UniqueViolationError, UsageError
from activerow.query.query import Query
from activerow.store import Store
from tests.models.library import Base as LibraryBase
from tests.models.library import Tag
from tests.models.web import Base, User, client_of, emails, make_app
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection

M = TypeVar("M", bound=ActiveRecord)


class UserStore(Store[User]):
    """Somebody's users."""

    def named(self, name: str) -> Query[User]:
        """A query with a name."""
        return self.filter_by(name=name)


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """An empty database."""
    return await make_database(Base)


# --- sessions -------------------------------------------------------------------------------------------------------


async def test_a_session_of_ones_own_is_committed_by_its_owner(db: Database, other_connection: OtherConnection) -> None:
    """Everything a store does goes through its session, and nothing is committed."""
    sessions = async_sessionmaker(db.engine, expire_on_commit=False)
    async with sessions() as session:
        store = UserStore(session)
        ada = await store.create(email="ada@x.org", name="Ada")
        eve = await store.save(User(email="eve@x.org", name="Eve"))
        await store.update(ada, name="Countess")
        assert await store.get(ada.id) is ada
        assert await store.get(email="eve@x.org") is eve
        assert await store.order_by("-email").pluck("email") == ["eve@x.org", "ada@x.org"]
        await store.delete(eve)
        await session.rollback()
        assert await store.query().count() == 0

        await store.create({"email": "bob@x.org"})
        await session.commit()

    assert await emails(other_connection) == ["bob@x.org"]


async def test_auto_commit_commits_the_session(db: Database, other_connection: OtherConnection) -> None:
    """Where the store is told to."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        await UserStore(session).create(email="ada@x.org", auto_commit=True)

    assert await emails(other_connection) == ["ada@x.org"]


async def test_the_session_of_a_unit(db: Database, other_connection: OtherConnection) -> None:
    """A store with the unit's session and calls without one share the unit."""
    async with db.transaction() as session:
        ada = await UserStore(session).create(email="ada@x.org")
        assert await User.get(ada.id) is ada
        assert await UserStore().get_or_none(ada.id) is ada
        assert await emails(other_connection) == []

    assert await emails(other_connection) == ["ada@x.org"]


async def test_without_a_session_each_call_is_a_unit(db: Database, other_connection: OtherConnection) -> None:
    """As the model's own methods."""
    store = UserStore()

    ada = await store.create(email="ada@x.org")

    assert await emails(other_connection) == ["ada@x.org"]
    assert await store.update(ada, {"name": "Ada"}) is ada
    assert await store.update(ada, name="Ada") is None
    assert (await store.refresh(ada)).name == "Ada"
    await store.delete(ada)
    assert await emails(other_connection) == []


async def test_all_operations(db: Database) -> None:
    """Those that start a query, and those that are race-safe."""
    store = UserStore()
    ada, made = await store.get_or_create({"email": "ada@x.org"}, {"name": "Ada"})
    same, updated = await store.update_or_create({"email": "ada@x.org"}, {"name": "Countess"})

    assert (made, updated, ada.id) == (True, False, same.id)
    assert await store.named("Countess").exists()
    assert await store.where(User.name == "Ada").count() == 0
    assert (await store.get(ada.id, lock=True)).name == "Countess"
    assert await store.get_or_none(email="nobody@x.org") is None
    with pytest.raises(RecordNotFoundError, match="User"):
        await store.get(0)
    with pytest.raises(UniqueViolationError):
        await store.create(email="ada@x.org")
    with pytest.raises(UsageError):
        await store.get()


async def test_delete_for_good(make_database: MakeDatabase) -> None:
    """A store deletes as its model does, and `hard` where that is asked for."""
    await make_database(LibraryBase)
    store = Store[Tag]()
    tag = await store.create(word="a")

    await store.delete(tag)
    assert await store.query().with_deleted().count() == 1
    await store.delete(tag, hard=True)
    assert await store.query().with_deleted().count() == 0


# --- which model ----------------------------------------------------------------------------------------------------


class ProjectStore(Store[M]):
    """What all stores of a project share."""

    async def page(self, number: int) -> list[M]:
        """A few rows."""
        return await self.order_by("id").limit(10).offset(number * 10).all()


class ProjectUsers(ProjectStore[User]):
    """Says its model to the class in between."""


class MoreUsers(ProjectUsers):
    """Says nothing: its parent did."""


class LateUsers(Store["LateUser"]):
    """Its model is defined below."""


LateUser = User


@pytest.mark.parametrize("store", [UserStore, ProjectUsers, MoreUsers, LateUsers, Store[User], ProjectStore[User]])
def test_the_model_of_a_store(store: Any) -> None:
    """It is the argument of `Store`, however far up."""
    assert store().model is User
    assert repr(store(None)).endswith(" of User>")


def test_a_store_without_model_is_refused() -> None:
    """When it is made, in words that say what to write."""

    class Nothing(Store):  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument]
        """Says nothing."""

    with pytest.raises(UsageError, match=r"class Nothing\(Store\[User\]\)"):
        Nothing()
    with pytest.raises(UsageError, match="which model"):
        Store[Any]().query()


# --- FastAPI --------------------------------------------------------------------------------------------------------


def app_of(db: Database) -> FastAPI:
    """An application whose stores get the request's session by themselves."""

    class AppStore(Store[M]):
        def __init__(self, session: Annotated[AsyncSession, Depends(db.session)]) -> None:
            super().__init__(session)

    class Users(AppStore[User]):
        pass

    app = make_app(db)

    @app.post("/users", status_code=201)
    async def create(store: Annotated[Users, Depends()], email: str, fail: bool = False) -> dict[str, Any]:
        user = await store.create(email=email)
        if fail:
            raise HTTPException(418)
        return user.to_dict()

    @app.get("/users/{key}")
    async def read(store: Annotated[Users, Depends()], key: int) -> str:
        return (await store.get(key)).email

    return app


async def test_a_store_is_a_dependency(db: Database, other_connection: OtherConnection) -> None:
    """`Annotated[UserStore, Depends()]` works in the request's unit, and errors are answers."""
    async with client_of(app_of(db)) as client:
        made = await client.post("/users", params={"email": "ada@x.org"})
        taken = await client.post("/users", params={"email": "ada@x.org"})
        failed = await client.post("/users", params={"email": "eve@x.org", "fail": True})
        found = await client.get(f"/users/{made.json()['id']}")
        missing = await client.get("/users/0")

    assert [answer.status_code for answer in (made, taken, failed, found, missing)] == [201, 409, 418, 200, 404]
    assert found.json() == "ada@x.org"
    assert await emails(other_connection) == ["ada@x.org"]
