"""Reading an attribute never asks the database; what is not in memory is named, with the call that loads it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import ForeignKey, String, create_engine, event, func, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncAttrs, AsyncEngine, AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    DynamicMapped,
    Mapped,
    Mapper,
    Session,
    WriteOnlyMapped,
    column_property,
    defer,
    load_only,
    mapped_column,
    relationship,
    selectinload,
)

from activerow.errors import NotLoadedError
from activerow.mapping.relation_guard import install_guard
from tests.tools.backends.backend import Backend
from tests.tools.plain import plain_engine


class Base(AsyncAttrs, DeclarativeBase):
    pass


@event.listens_for(Mapper, "mapper_configured")
def guard(mapper: Mapper[Any], model: type) -> None:
    """What `ActiveRecord` does for its models."""
    if issubclass(model, Base):
        install_guard(mapper)


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), default="user")
    name: Mapped[str | None] = mapped_column(String(50))
    bio: Mapped[str | None] = mapped_column(String(50), deferred=True)
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    boss: Mapped["User | None"] = relationship(remote_side="User.id", back_populates="staff")
    staff: Mapped[list["User"]] = relationship(back_populates="boss")
    posts: Mapped[list["Post"]] = relationship(back_populates="user")
    profile: Mapped["Profile | None"] = relationship(back_populates="user")
    raising: Mapped[list["Post"]] = relationship(viewonly=True, lazy="raise")
    eager: Mapped[list["Post"]] = relationship(viewonly=True, lazy="selectin")
    shown: Mapped[list["Post"]] = relationship(viewonly=True)
    dynamic: DynamicMapped["Post"] = relationship(viewonly=True)
    written: WriteOnlyMapped["Post"] = relationship(viewonly=True)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "user"}  # noqa: RUF012


class Admin(User):
    __tablename__ = "admins"

    id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    level: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"polymorphic_identity": "admin"}  # noqa: RUF012


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User | None] = relationship(back_populates="posts")


class Profile(Base):
    __tablename__ = "profiles"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(back_populates="profile")


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(backref="api_keys")
    twice: Mapped[int] = column_property(select(func.count()).scalar_subquery())


@pytest.fixture
async def engine(backend: Backend) -> AsyncIterator[AsyncEngine]:
    async with plain_engine(backend, Base.metadata) as engine:
        async with AsyncSession(engine) as session, session.begin():
            session.add(User(id=1, name="Ada", bio="long", posts=[Post(id=1)], profile=Profile(id=1)))
            session.add(Admin(id=2, name="Grace", boss_id=1))
        yield engine


@pytest.fixture
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


async def user_of(session: AsyncSession, *options: Any) -> User:
    return (await session.scalars(select(User).where(User.id == 1).options(*options))).one()


RELATIONS = ["posts", "staff", "profile", "shown", "api_keys"]
sqlite = pytest.mark.backends("sqlite")


@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize("name", RELATIONS)
async def test_a_relation_that_is_not_loaded_is_named_with_its_cure(
    session: AsyncSession, name: str, attached: bool
) -> None:
    """The same on a row of an open session and on one without a session."""
    user = await user_of(session)
    if not attached:
        session.expunge_all()

    with pytest.raises(NotLoadedError) as caught:
        getattr(user, name)

    assert (caught.value.model, caught.value.path) == ("User", name)
    assert str(caught.value) == (
        f'User.{name} is not loaded; await user.load("{name}") or include("{name}") in the query'
    )


@pytest.mark.parametrize("attached", [True, False])
async def test_a_deferred_column_is_named_with_its_cure(session: AsyncSession, attached: bool) -> None:
    """Columns are read again, not loaded."""
    user = await user_of(session)
    if not attached:
        session.expunge_all()

    with pytest.raises(NotLoadedError) as caught:
        _ = user.bio

    assert str(caught.value) == 'User.bio is not loaded; await user.refresh("bio")'


@sqlite
@pytest.mark.parametrize("option", [defer(User.name), load_only(User.id)], ids=["defer", "load_only"])
async def test_a_column_that_the_query_left_out_is_named(session: AsyncSession, option: Any) -> None:
    """Loaders that a query installs in a row are guarded too."""
    user = await user_of(session, option)

    with pytest.raises(NotLoadedError, match=r"User\.name is not loaded"):
        _ = user.name


@pytest.mark.parametrize("name", ["id", "name", "boss_id"])
async def test_an_expired_column_is_the_one_that_was_read(session: AsyncSession, name: str) -> None:
    """Expiring a whole row does not hide which attribute is meant."""
    user = await user_of(session)
    session.expire(user)

    with pytest.raises(NotLoadedError) as caught:
        getattr(user, name)

    assert caught.value.path == name


@sqlite
async def test_an_expression_that_was_never_selected_is_not_loaded(session: AsyncSession) -> None:
    """A new row knows its columns, not what a SELECT would compute."""
    key = ApiKey(user_id=1)
    session.add(key)
    await session.flush()

    with pytest.raises(NotLoadedError, match=r'await api_key\.refresh\("twice"\)'):
        _ = key.twice


async def test_columns_of_a_subclass_that_were_not_selected_are_not_loaded(session: AsyncSession) -> None:
    """A query for the base class reads no table of the children."""
    admin = (await session.scalars(select(User).where(User.id == 2))).one()
    assert isinstance(admin, Admin)

    with pytest.raises(NotLoadedError, match=r"Admin\.level is not loaded"):
        _ = admin.level


@sqlite
async def test_an_inherited_relation_is_named_after_the_class_of_the_row(session: AsyncSession) -> None:
    """The row is an Admin, whoever declared the relation."""
    admin = (await session.scalars(select(Admin))).one()

    with pytest.raises(NotLoadedError, match=r'Admin\.posts is not loaded; await admin\.load\("posts"\)'):
        _ = admin.posts


# --- what can be answered -------------------------------------------------------------------------------------------


async def test_what_is_loaded_is_read(session: AsyncSession) -> None:
    """An eager load answers, and stays readable without a session."""
    user = await user_of(session, selectinload(User.posts))
    session.expunge_all()

    assert [post.id for post in user.posts] == [1]


async def test_a_parent_in_the_session_is_found_without_sql(session: AsyncSession) -> None:
    """The identity map answers, as it always does."""
    user = await user_of(session)
    post = (await session.scalars(select(Post))).one()

    assert post.user is user


async def test_no_parent_is_none(session: AsyncSession) -> None:
    """A foreign key without a value needs no look."""
    assert (await user_of(session)).boss is None


def test_a_new_row_has_empty_relations_and_columns() -> None:
    """Nothing was stored that could be loaded."""
    user = User(name="Ada")

    assert (user.posts, user.boss, user.profile, user.bio) == ([], None, None, None)


@sqlite
async def test_a_pending_row_has_empty_relations(session: AsyncSession) -> None:
    """Adding a row to a session does not make it a stored one."""
    user = User(name="Ada")
    session.add(user)

    assert user.posts == []
    user.posts = [Post()]
    assert len(user.posts) == 1


@sqlite
async def test_setting_one_side_needs_no_look_at_the_other(session: AsyncSession) -> None:
    """A child joins a parent whose children are not loaded, and is stored there."""
    user = await user_of(session)

    session.add(Post(id=2, user=user))
    await session.commit()

    count = select(func.count()).select_from(Post).where(Post.user_id == 1)
    assert await session.scalar(count) == 2


@sqlite
async def test_replacing_a_list_that_is_not_loaded_is_refused(session: AsyncSession) -> None:
    """SQLAlchemy would have to read the old one to know what to remove."""
    user = await user_of(session)

    with pytest.raises(NotLoadedError, match=r"User\.posts"):
        user.posts = []


# --- ways around ----------------------------------------------------------------------------------------------------


async def test_run_sync_and_awaitable_attributes_load(session: AsyncSession) -> None:
    """Inside of a greenlet the database can be asked, and is."""
    user = await user_of(session)

    assert [post.id for post in await user.awaitable_attrs.posts] == [1]
    assert await session.run_sync(lambda _session: user.bio) == "long"


async def test_a_flush_loads_what_it_needs(session: AsyncSession) -> None:
    """A delete cascades through relations that nobody loaded."""
    user = await user_of(session)
    await session.delete(user)
    post = await session.get(Post, 1)
    assert post is not None

    with session.no_autoflush:
        await session.refresh(user, ["profile"])
        await session.delete(user.profile)
        admin = await session.get(Admin, 2)
        assert admin is not None
        admin.boss_id = None
    await session.flush()
    await session.refresh(post)

    assert post.user_id is None


@sqlite
async def test_a_relation_that_raises_keeps_its_own_error(session: AsyncSession) -> None:
    """`lazy="raise"` is a choice of the model."""
    user = await user_of(session)

    with pytest.raises(InvalidRequestError, match="lazy='raise'"):
        _ = user.raising


@sqlite
async def test_relations_that_load_by_themselves_still_do(session: AsyncSession) -> None:
    """An eager relation is there after the query, and a query-like one is no attribute to be loaded."""
    user = await user_of(session)

    assert [post.id for post in user.eager] == [1]
    assert user.dynamic is not None
    assert [post.id for post in await session.scalars(user.written.select())] == [1]


@sqlite
async def test_an_eager_relation_of_a_row_that_was_not_queried_is_not_loaded(session: AsyncSession) -> None:
    """A new row was never selected, and so its eager relations were not either."""
    user = User(name="Bob")
    session.add(user)
    await session.flush()

    with pytest.raises(NotLoadedError, match=r"User\.eager"):
        _ = user.eager


@sqlite
async def test_a_synchronous_session_loads_as_ever(engine: AsyncEngine) -> None:
    """Beside an asynchronous application there may be a script on a plain engine."""
    plain = create_engine(engine.url.set(drivername="sqlite"))

    with Session(plain) as session:
        user = session.get_one(User, 1)

        assert [post.id for post in user.posts] == [1]
        assert user.bio == "long"
    plain.dispose()


@sqlite
async def test_a_response_model_names_what_is_missing(session: AsyncSession) -> None:
    """Pydantic reads attributes, and reports the path that the query forgot."""

    class Shown(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        posts: list[int]

    with pytest.raises(ValidationError, match=r"NotLoadedError: User\.posts is not loaded"):
        Shown.model_validate(await user_of(session))


def test_installing_the_guard_again_changes_nothing() -> None:
    """A mapper that gained attributes is guarded again."""
    mapper: Any = User.__mapper__
    before = mapper.class_manager["posts"].impl.__class__

    install_guard(mapper)

    assert mapper.class_manager["posts"].impl.__class__ is before
