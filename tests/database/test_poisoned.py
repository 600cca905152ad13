"""A row that waits in the session and will be refused: whatever call comes upon it, activerow's error comes out."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import pytest
from pydantic import BaseModel
from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database, events
from activerow.aggregates import Count
from activerow.errors import ActiveRowError
from activerow.grouping import Groups
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete
from activerow.query import Query
from activerow.store import Store
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Log(AuditLog, Base):
    """What was changed."""


class Team(Base):
    """What players belong to."""

    id: Mapped[int] = mapped_column(primary_key=True)
    players: Mapped[list["Player"]] = relationship(back_populates="team")


class Player(Audited, SoftDelete, Base):
    """The row that every call is made on."""

    __audit_log__ = Log

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    goals: Mapped[int] = mapped_column(default=0)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="players")


class Shown(BaseModel):
    """A player, as a client sees it."""

    name: str


class Players(Store[Player]):
    """The same calls with a session that is given."""


class Setting:
    """What a call is made with: a stored row, and the session that something waits in."""

    def __init__(self, db: Database, session: AsyncSession, row: Player) -> None:
        self.db, self.session, self.row = db, session, row
        self.store = Players(session)

    async def nothing(self) -> None:
        """What a function does that only opens a transaction."""


async def _read(rows: Any) -> None:
    async for _ in rows:
        pass


async def _entered(block: AbstractAsyncContextManager[Any]) -> None:
    async with block:
        await Player.query().count()


Call = Callable[[Setting], Awaitable[object]]
ON_MODELS: Final[dict[str, Call]] = {
    "create": lambda _: Player.create(name="new"),
    "create_many": lambda _: Player.create_many([{"name": "new"}]),
    "upsert_many": lambda _: Player.upsert_many([{"name": "first", "goals": 2}], by="name"),
    "update_many": lambda it: Player.update_many([{"id": it.row.id, "goals": 3}]),
    "get": lambda it: Player.get(it.row.id),
    "get_or_none": lambda it: Player.get_or_none(it.row.id),
    "get_or_create": lambda _: Player.get_or_create({"name": "new"}),
    "update_or_create": lambda _: Player.update_or_create({"name": "new"}, {"goals": 1}),
    "save": lambda it: (it.row.fill(goals=1), it.row.save())[1],
    "update": lambda it: it.row.update(goals=1),
    "delete": lambda it: it.row.delete(),
    "restore": lambda it: it.row.restore(),
    "refresh": lambda it: it.row.refresh(),
    "load": lambda it: it.row.load("team"),
    "history": lambda it: it.row.history(),
}
ON_QUERIES: Final[dict[str, Call]] = {
    "all": lambda _: Player.query().all(),
    "first": lambda _: Player.query().first(),
    "last": lambda _: Player.query().last(),
    "one": lambda _: Player.filter_by(name="first").one(),
    "one_or_none": lambda _: Player.filter_by(name="first").one_or_none(),
    "get": lambda it: Player.query().get(it.row.id),
    "get_or_none": lambda it: Player.query().get_or_none(it.row.id),
    "get_many": lambda it: Player.query().get_many([it.row.id]),
    "exists": lambda _: Player.query().exists(),
    "count": lambda _: Player.query().count(),
    "sum": lambda _: Player.query().sum("goals"),
    "avg": lambda _: Player.query().avg("goals"),
    "min": lambda _: Player.query().min("goals"),
    "max": lambda _: Player.query().max("goals"),
    "values": lambda _: Player.query().values("name"),
    "pluck": lambda _: Player.query().pluck("name"),
    "page": lambda _: Player.query().page(1),
    "after": lambda _: Player.order_by("id").after(),
    "into": lambda _: Player.query().into(Shown),
    "json": lambda _: Player.query().json(),
    "explain": lambda _: Player.query().explain(),
    "update": lambda _: Player.filter_by(name="first").update(goals=1),
    "delete": lambda _: Player.filter_by(name="first").delete(),
    "stream": lambda _: _read(Player.query().stream()),
}
ON_GROUPS: Final[dict[str, Call]] = {
    "values": lambda _: Player.query().group_by("team_id").values(players=Count()),
    "tuples": lambda _: Player.query().group_by("team_id").tuples(Count()),
}
ON_STORES: Final[dict[str, Call]] = {
    "get": lambda it: it.store.get(it.row.id),
    "get_or_none": lambda it: it.store.get_or_none(it.row.id),
    "refresh": lambda it: it.store.refresh(it.row),
    "load": lambda it: it.store.load(it.row, "team"),
    "create": lambda it: it.store.create(name="new"),
    "get_or_create": lambda it: it.store.get_or_create({"name": "new"}),
    "update_or_create": lambda it: it.store.update_or_create({"name": "new"}, {"goals": 1}),
    "save": lambda it: it.store.save(it.row),
    "update": lambda it: it.store.update(it.row, goals=1),
    "delete": lambda it: it.store.delete(it.row),
}
ON_DATABASES: Final[dict[str, Call]] = {
    "transaction": lambda it: _entered(it.db.transaction()),
    "scoped_session": lambda it: _entered(it.db.scoped_session()),
    "protected": lambda it: _entered(it.db.protected(it.session, None)),
    "run": lambda it: it.db.run(it.nothing),
    "transactional": lambda it: it.db.transactional()(it.nothing)(),
    "session": lambda it: _entered(it.db.transaction()),
    "commit": lambda it: it.db.commit(),
    "rollback": lambda it: it.db.rollback(),
    "read": lambda it: it.db.read(lambda session: session.flush(), model=Player),
    "write": lambda it: it.db.write(lambda session: session.flush(), model=Player, operation="update"),
}
NEEDS_NO_UNIT: Final = {"connect", "dispose", "create_all", "drop_all"}

CALLS: Final = {
    f"{owner.__name__}.{name}": call
    for owner, calls in {
        ActiveRecord: ON_MODELS,
        Query: ON_QUERIES,
        Groups: ON_GROUPS,
        Store: ON_STORES,
        Database: ON_DATABASES,
    }.items()
    for name, call in calls.items()
}


def awaited(owner: type) -> set[str]:
    """The public coroutine functions of a class."""
    return {name for name in dir(owner) if name[0] != "_" and inspect.iscoroutinefunction(getattr(owner, name))}


def test_every_public_call_is_among_them() -> None:
    """Whoever adds a call adds it to this page."""
    assert awaited(Player) <= ON_MODELS.keys()
    assert awaited(Query) <= ON_QUERIES.keys()
    assert awaited(Groups) <= ON_GROUPS.keys()
    assert awaited(Players) <= ON_STORES.keys()
    assert awaited(Database) - NEEDS_NO_UNIT <= ON_DATABASES.keys()


# --- where it waits -------------------------------------------------------------------------------------------------


def taken(session: AsyncSession) -> None:
    """A row that a unique constraint refuses."""
    session.add(Player(name="second"))


def nameless(session: AsyncSession) -> None:
    """A row that lacks a value."""
    session.add(Player())


def too_long(session: AsyncSession) -> None:
    """A row that is refused before it is sent."""
    session.add(Player(name="x" * 21))


def empty_place(session: AsyncSession) -> None:
    """A row that SQLAlchemy itself refuses to flush."""
    session.add(Team(players=[None]))


Scene = Callable[[Database], AbstractAsyncContextManager[AsyncSession]]


@asynccontextmanager
async def in_a_savepoint(db: Database) -> AsyncGenerator[AsyncSession]:
    async with db.transaction(), db.transaction() as session:
        yield session


@asynccontextmanager
async def pending(db: Database) -> AsyncGenerator[AsyncSession]:
    """In the unit that `auto_commit=False` leaves open."""
    row = await Player.filter_by(name="first").one()
    await row.update(goals=row.goals + 1, auto_commit=False)
    async with db.scoped_session() as session:
        yield session
    await db.rollback()


SCENES: Final[dict[str, Scene]] = {
    "transaction": lambda db: db.transaction(),
    "savepoint": in_a_savepoint,
    "scoped session": lambda db: db.scoped_session(),
    "pending": pending,
}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Two players."""
    db = await make_database(Base)
    await Player.create(name="first")
    await Player.create(name="second")
    return db


TRIED: Final = [
    *((scene, taken) for scene in SCENES),
    *(("transaction", poison) for poison in (nameless, too_long, empty_place)),
]


@pytest.mark.parametrize(("scene", "poison"), TRIED, ids=lambda part: getattr(part, "__name__", part))
async def test_only_errors_of_activerow_come_out(
    db: Database, scene: str, poison: Callable[[AsyncSession], None]
) -> None:
    """Of every public call, or of the end of the unit where the call sends nothing."""
    assert await _passing_errors(db, scene, poison) == {}


@pytest.mark.parametrize("scene", SCENES)
async def test_with_a_listener_that_looks_at_each_row(db: Database, scene: str, request: pytest.FixtureRequest) -> None:
    """What waits is written earlier then, in the task of the call: the errors are the same."""

    def look(_row: Player) -> None:
        """What a program does before a row is written."""

    events.listen(Player, "before_create", look)
    request.addfinalizer(lambda: events.unlisten(Player, "before_create", look))

    assert await _passing_errors(db, scene, taken) == {}


async def _passing_errors(
    db: Database, scene: str, poison: Callable[[AsyncSession], None]
) -> dict[str, BaseException | None]:
    """The calls that raise something else than an error of activerow, and what it is."""
    row = await Player.filter_by(name="first").one()
    wrong: dict[str, BaseException | None] = {}
    for name, call in CALLS.items():
        caught: BaseException | None = None
        try:
            async with SCENES[scene](db) as session:
                poison(session)
                await call(Setting(db, session, row))
        except BaseException as error:  # noqa: BLE001  (what it is, is the question)
            caught = error
        if not isinstance(caught, ActiveRowError):
            wrong[name] = caught
    return wrong
