"""Behaviours that teams build by hand on every project, each as the issue of the core describes it.

The numbers are the issue's. Units, tasks and requests have their own: tests/database/test_execution.py,
tests/database/test_scope.py, tests/fastapi/test_outcome.py.
"""

import asyncio
import enum
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Enum, ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import InstanceMethodError, SerializationError, UnknownFieldError
from activerow.fastapi import install
from activerow.mixins import AutoTableName, Timestamps
from activerow.types import UTCDateTime
from tests.models.bookshop import sent, undone
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of a notification service."""


class Status(enum.Enum):
    """Whether a user may log in."""

    ACTIVE = "active"
    DELETED = "deleted"
    BLOCKED = "blocked"


class SnsType(enum.Enum):
    """Where a user logs in."""

    EMAIL = "email"
    KAKAO = "kakao"


class Users(Timestamps, Base):
    """The user of the issue."""

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[Status] = mapped_column(Enum(Status), default=Status.ACTIVE)
    email: Mapped[str | None] = mapped_column(String(255), unique=True)
    pw: Mapped[str | None] = mapped_column(String(2000))
    name: Mapped[str | None] = mapped_column(String(255))
    phone_number: Mapped[str | None] = mapped_column("phone", String(20), unique=True)
    profile_img: Mapped[str | None] = mapped_column(String(1000))
    sns_type: Mapped[SnsType | None] = mapped_column(Enum(SnsType))
    marketing_agree: Mapped[bool] = mapped_column(default=True)
    keys: Mapped[list["ApiKeys"]] = relationship(back_populates="user", cascade="all, delete-orphan")
    active_keys: Mapped[list["ApiKeys"]] = relationship(
        primaryjoin="and_(ApiKeys.user_id == Users.id, ApiKeys.is_active)", viewonly=True
    )

    @hybrid_property
    def nickname(self) -> str | None:
        """Another name for the name."""
        return self.name

    @nickname.inplace.setter
    def _set_nickname(self, value: str | None) -> None:
        self.name = value


class ApiKeys(Timestamps, Base):
    """A key to the service."""

    id: Mapped[int] = mapped_column(primary_key=True)
    access_key: Mapped[str] = mapped_column(String(64), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[Users] = relationship(back_populates="keys")


class Account(Base):
    """Has a balance."""

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int] = mapped_column(default=100)


class UserOut(BaseModel):
    """What an endpoint answers."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str | None
    name: str | None
    status: Status
    created_at: datetime


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base)


@pytest.fixture
async def client(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app, db)

    @app.patch("/users/{user_id}")
    async def change(user_id: int, values: dict[str, str]) -> UserOut:
        user = await Users.get(user_id)
        await user.update(values)
        return UserOut.model_validate(user)

    @app.middleware("http")
    async def authenticate(request: Request, call_next: httpx.AsyncBaseTransport) -> Response:
        async with db.scoped_session() as session:
            key = await ApiKeys.filter_by(access_key=request.headers["x-key"], session=session).first()
            if key is None:
                return Response(status_code=401)
            await session.refresh(key, attribute_names=["user"])
            request.state.user = key.user
        return await call_next(request)  # type: ignore[operator, no-any-return]

    @app.get("/me")
    async def me(request: Request) -> UserOut:
        return UserOut.model_validate(request.state.user)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


def verbs(statements: list[str]) -> list[str]:
    return [statement.split(maxsplit=1)[0] for statement in statements]


# --- 1: create, and save --------------------------------------------------------------------------------------------


async def test_1_create_inserts_and_returns_the_row(db: Database, other_connection: OtherConnection) -> None:
    """With its id and defaults, and committed."""
    user = await Users.create(email="abc@gmail.com")

    assert user.id
    assert (user.status, user.marketing_agree, user.name) == (Status.ACTIVE, True, None)
    assert await other_connection.scalar("SELECT email FROM users WHERE id = :id", id=user.id) == "abc@gmail.com"


async def test_1_create_joins_a_given_session_and_does_not_commit(db: Database) -> None:
    """What happens to it is the business of the session's owner."""
    async with AsyncSession(db.engine) as session:
        user = await Users.create(email="abc@gmail.com", session=session)
        joined = user in session and session.in_transaction()
        await session.rollback()

    assert joined
    assert not await Users.query().exists()


async def test_1_create_commits_a_given_session_on_demand(db: Database, other_connection: OtherConnection) -> None:
    """`auto_commit=True` commits what the session did before as well."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        await Users.create(email="a@gmail.com", session=session)
        await Users.create(email="b@gmail.com", session=session, auto_commit=True)
        seen = await other_connection.column("SELECT email FROM users ORDER BY email")

    assert seen == ["a@gmail.com", "b@gmail.com"]


async def test_1_a_row_is_constructed_and_saved(db: Database) -> None:
    """The two steps of `create`, where the row is needed before it is stored."""
    user = Users(email="abc@gmail.com")

    await user.save()

    assert (await Users.get(user.id)).email == "abc@gmail.com"


async def test_1_save_updates_one_column(db: Database) -> None:
    """And nothing but that column (and `updated_at`)."""
    user = await Users.create(email="abc@gmail.com", name="1")

    user.name = "2"
    with sent(db) as statements:
        await user.save()

    assert verbs(statements) == ["UPDATE"]
    names = ("email", "pw", "name", "phone", "status", "updated_at")
    assert [name for name in names if f"{name}=" in statements[0]] == ["name", "updated_at"]
    assert (await Users.get(user.id)).name == "2"


# --- 4: update ------------------------------------------------------------------------------------------------------


async def test_4_an_update_with_equal_values_sends_nothing(db: Database) -> None:
    """It returns None."""
    user = await Users.create(email="abc@gmail.com", status=Status.BLOCKED)

    with sent(db) as statements:
        updated = await user.update(email="abc@gmail.com", status=Status.BLOCKED, marketing_agree=True)

    assert (updated, statements) == (None, [])


async def test_4_a_route_answers_such_a_patch_with_the_row(db: Database, client: httpx.AsyncClient) -> None:
    """200, and the row as it is."""
    user = await Users.create(email="abc@gmail.com", name="Ada", keys=[ApiKeys(access_key="k")])

    answer = await client.patch(f"/users/{user.id}", json={"name": "Ada"}, headers={"x-key": "k"})

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["name"]) == (user.id, "Ada")


async def test_4_an_update_with_an_unknown_name_sets_nothing(db: Database) -> None:
    """The error comes before anything is set or sent."""
    user = await Users.create(email="abc@gmail.com", name="Ada")

    with sent(db) as statements, pytest.raises(UnknownFieldError, match="did you mean 'phone_number'"):
        await user.update(name="Grace", phone_numbr="1")

    assert (user.name, user.changes(), statements) == ("Ada", {}, [])


def test_4_update_on_the_class_says_what_to_write() -> None:
    """It is not implemented, and never will be."""
    with pytest.raises(InstanceMethodError, match=r"Users\.filter_by\(\.\.\.\)\.update"):
        Users.update(name="Ada")  # type: ignore[call-arg, unused-coroutine]  # the mistake meant


# --- 5: fill --------------------------------------------------------------------------------------------------------


def test_5_what_can_be_set_is_known() -> None:
    """Exactly these columns; viewonly relations are left out, and a renamed column is listed by its attribute."""
    assert Users.fields.settable_columns == (
        "status",
        "email",
        "pw",
        "name",
        "phone_number",
        "profile_img",
        "sns_type",
        "marketing_agree",
        "updated_at",
    )
    assert Users.fields.settable_relations == ("keys",)
    assert Users.fields.relations == ("keys", "active_keys")
    assert Users.fields.hybrids == ("nickname",)
    assert set(Users.fields.settable) == {*Users.fields.settable_columns, "keys", "nickname"}


async def test_5_fill_takes_columns_relations_hybrids_and_form_leftovers(db: Database) -> None:
    """And says whether anything changed."""
    user = await Users.create(email="abc@gmail.com")
    form = {"nickname": "Ada", "phone_number": "1", "csrf_token": "x", "submit": "Save", "hidden_id": "7"}

    changed, again = user.fill(form, keys=ApiKeys(access_key="a")), user.fill(form)
    await user.save()

    stored = await Users.query().include("keys").one()
    assert (changed, again) == (True, False)
    assert (stored.name, stored.phone_number, [key.access_key for key in stored.keys]) == ("Ada", "1", ["a"])


async def test_5_a_list_replaces_a_relation(db: Database) -> None:
    """One object is appended, a list takes the place of what was there."""
    user = await Users.create(email="abc@gmail.com", keys=[ApiKeys(access_key="a")])

    await user.update(keys=ApiKeys(access_key="b"))
    appended = [key.access_key for key in user.keys]
    await user.update(keys=[ApiKeys(access_key="c")])

    assert appended == ["a", "b"]
    assert [key.access_key for key in await ApiKeys.query().all()] == ["c"]


# --- 6: refresh -----------------------------------------------------------------------------------------------------


async def test_6_refresh_shows_what_another_connection_changed(db: Database, other_connection: OtherConnection) -> None:
    """After an update and after a save."""
    user = await Users.create(email="abc@gmail.com")
    await other_connection.execute("UPDATE users SET name = 'first'")

    await user.update(pw="x", refresh=True)
    first = user.name
    await other_connection.execute("UPDATE users SET name = 'second'")
    user.pw = "y"
    await user.save(refresh=True)

    assert (first, user.name) == ("first", "second")


async def test_6_refresh_shows_what_a_trigger_changed(db: Database, other_connection: OtherConnection) -> None:
    """After a create, too."""
    if db.dialect == "postgresql":
        await other_connection.execute(
            "CREATE FUNCTION set_name() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.name := 'trigger'; RETURN NEW; END $$"
        )
        await other_connection.execute(
            "CREATE TRIGGER named BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION set_name()"
        )
    elif db.dialect == "mysql":
        await other_connection.execute(
            "CREATE TRIGGER named BEFORE INSERT ON users FOR EACH ROW SET NEW.name = 'trigger'"
        )
    else:
        body = "AFTER INSERT ON users BEGIN UPDATE users SET name = 'trigger' WHERE id = NEW.id; END"
        await other_connection.execute(f"CREATE TRIGGER named {body}")

    without = await Users.create(email="a@gmail.com", name="mine")
    user = await Users.create(email="b@gmail.com", name="mine", refresh=True)

    assert (without.name, user.name) == ("mine", "trigger")


async def test_6_without_refresh_the_row_stays_usable(db: Database) -> None:
    """After the commit and after its session was closed, also in a Pydantic model."""
    async with db.transaction():
        user = await Users.create(email="abc@gmail.com", name="Ada")
        await user.update(name="Grace")

    with sent(db) as statements:
        answer = UserOut.model_validate(user)

    assert (answer.name, answer.status, answer.id) == ("Grace", Status.ACTIVE, user.id)
    assert statements == []


async def test_6_a_response_model_reads_the_row(db: Database, client: httpx.AsyncClient) -> None:
    """The row that a handler wrote is turned into the answer."""
    user = await Users.create(email="abc@gmail.com", keys=[ApiKeys(access_key="k")])

    answer = await client.patch(f"/users/{user.id}", json={"name": "Ada"}, headers={"x-key": "k"})

    assert answer.json() == UserOut.model_validate(await Users.get(user.id)).model_dump(mode="json")


# --- 7: middleware --------------------------------------------------------------------------------------------------


async def test_7_a_middleware_finds_the_key_and_its_user(db: Database, client: httpx.AsyncClient) -> None:
    """`scoped_session()` where there is no `Depends`, and a relation read by `session.refresh`."""
    await Users.create(email="abc@gmail.com", name="Ada", keys=[ApiKeys(access_key="k")])

    known, unknown = await client.get("/me", headers={"x-key": "k"}), await client.get("/me", headers={"x-key": "z"})

    assert (known.status_code, known.json()["name"], unknown.status_code) == (200, "Ada", 401)
    assert db.connections() == ()


async def test_7_the_relation_is_loaded_by_load_as_well(db: Database) -> None:
    """In the block, and of the row that left it."""
    await Users.create(email="abc@gmail.com", keys=[ApiKeys(access_key="a"), ApiKeys(access_key="b")])

    async with db.scoped_session():
        first = await ApiKeys.get(access_key="a")
        await first.load("user")
    second = await ApiKeys.get(access_key="b")
    await second.load("user")

    assert (first.user.email, second.user.email) == ("abc@gmail.com", "abc@gmail.com")


# --- 12: read, modify, write ----------------------------------------------------------------------------------------


async def test_12_a_failed_savepoint_gives_the_balance_back(db: Database) -> None:
    """The object says 100 again, and the same update sends SQL again."""
    account = await Account.create()

    async with db.transaction():
        async with undone(db):
            await account.update(balance=50)
        shown = account.balance
        with sent(db) as statements:
            await account.update(balance=50)

    assert shown == 100
    assert verbs(statements) == ["UPDATE"]
    assert (await Account.get(account.id)).balance == 50


async def test_12_a_retried_function_subtracts_once(db: Database) -> None:
    """Run three times in all, on one object that is shared by the attempts, it takes ten."""
    account = await Account.create()
    attempts = 0

    @db.transactional(retries=2)
    async def pay() -> None:
        nonlocal attempts
        attempts += 1
        await account.update(balance=account.balance - 10)
        if attempts < 3:
            raise SerializationError

    await pay()

    assert attempts == 3
    assert account.balance == (await Account.get(account.id)).balance == 90


async def test_12_for_update_shows_what_was_committed_meanwhile(
    db: Database, other_connection: OtherConnection
) -> None:
    """A row that the unit has read before is shown with the locked row's values."""
    account = await Account.create()
    async with db.transaction(isolation=None if db.dialect == "sqlite" else "READ COMMITTED"):
        if db.dialect == "sqlite":  # nobody else can write from here on
            await other_connection.execute("UPDATE accounts SET balance = 60")
        held = await Account.get(account.id)
        if db.dialect != "sqlite":
            await other_connection.execute("UPDATE accounts SET balance = 60")
        locked = await Account.filter_by(id=account.id).for_update().one()
        await locked.update(balance=locked.balance - 10)

    assert locked is held
    assert (await Account.get(account.id)).balance == 50


async def test_12_concurrent_payments_are_all_counted(db: Database) -> None:
    """Twenty tasks that lock, read and write lose nothing."""
    account = await Account.create(balance=0)

    @db.transactional(retries=10)
    async def deposit() -> None:
        locked = await Account.get(account.id, lock=True)
        await locked.update(balance=locked.balance + 1)

    await asyncio.gather(*(deposit() for _ in range(20)))

    assert (await Account.get(account.id)).balance == 20


# --- 13: text and time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["홍길동", "😀👩‍👩‍👧‍👦", "héllo wörld", "日本語 ﷽", "a'b\"c\\d%e_f\n\t"])
async def test_13_text_round_trips(db: Database, name: str) -> None:
    """Korean, emoji and whatever else is written comes back, and is found by."""
    user = await Users.create(email="abc@gmail.com", name=name)

    assert (await Users.get(user.id)).name == name
    assert await Users.filter_by(name=name).count() == 1


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-3, minutes=-30))])
async def test_13_aware_datetimes_are_equal_after_a_round_trip(db: Database, zone: timezone) -> None:
    """To the microsecond, from any zone, and found by."""
    moment = datetime(2026, 11, 21, 21, 9, 0, 123456, tzinfo=zone)
    user = await Users.create(email="abc@gmail.com")

    key = await ApiKeys.create(access_key="a", user=user, used_at=moment)

    stored = await ApiKeys.get(key.id)
    assert stored.used_at == key.used_at == moment
    assert stored.used_at is not None
    assert stored.used_at.tzinfo is UTC
    assert await ApiKeys.filter_by(used_at=moment).exists()


async def test_13_timestamps_are_aware_on_every_backend(db: Database) -> None:
    """`created_at` and `updated_at` compare with the clock of the program."""
    before = datetime.now(UTC)

    user = await Users.create(email="abc@gmail.com")
    await user.update(name="Ada")

    stored = await Users.get(user.id)
    assert before <= stored.created_at < stored.updated_at <= datetime.now(UTC)
    assert (stored.created_at, stored.updated_at) == (user.created_at, user.updated_at)
