"""Versioned: nobody overwrites a change that they have not seen."""

import asyncio
import uuid

import pytest
from sqlalchemy import ForeignKey, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.orm.exc import StaleDataError

from activerow import ActiveRecord, Database
from activerow.errors import ReadOnlyFieldError, StaleRecordError, TransactionBrokenError
from activerow.mixins import AutoTableName, Timestamps, Versioned
from tests.models.units import held
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the tests about versions."""


class Article(Versioned, Timestamps, Base):
    """A row with versions, and mapper options of its own."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    views: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(default="article")
    notes: Mapped[list["Note"]] = relationship(cascade="all, delete-orphan")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "article"}  # noqa: RUF012


class Review(Article):
    """Stored in two tables; the version is in the parent's."""

    id: Mapped[int] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    stars: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "review"}  # noqa: RUF012


class Note(Versioned, Base):
    """A versioned child."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    text: Mapped[str]
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id"))


class Place(Versioned, Base):
    """A key of two columns, and a version stored under another name."""

    row: Mapped[str] = mapped_column("row_name", primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guest: Mapped[str | None]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    return await make_database(Base, pool_size=2, pool_timeout=3)


async def test_every_change_is_a_new_version(db: Database) -> None:
    """1 for a new row; a save without a change counts nothing."""
    article = await Article.create(title="a")
    first = article.version

    await article.update(title="b")
    await article.update(title="b")
    await article.save()

    assert (first, article.version, (await Article.get(article.id)).version) == (1, 2, 2)


async def test_the_second_of_two_clients_is_refused(db: Database) -> None:
    """Both read version 1; the error has both versions, and names the row's model."""
    made = await Article.create(title="a")
    one, two = await Article.get(made.id), await Article.get(made.id)
    await one.update(title="one")

    with pytest.raises(StaleRecordError, match="Article was changed by someone else") as caught:
        await two.update(title="two")

    assert (caught.value.expected, caught.value.found, caught.value.operation) == (1, 2, "update")
    assert (two.title, two.version) == ("a", 1)
    assert (await Article.get(made.id)).title == "one"
    assert held(db) == 0


async def test_a_refused_change_is_repeated_on_the_row_read_again(db: Database) -> None:
    """`refresh` brings the other's change, and the update then goes through."""
    made = await Article.create(title="a")
    one, two = await Article.get(made.id), await Article.get(made.id)
    await one.update(views=5)
    with pytest.raises(StaleRecordError):
        await two.update(title="two")

    await two.refresh()
    await two.update(title="two")

    stored = await Article.get(made.id)
    assert (stored.title, stored.views, stored.version) == ("two", 5, 3)


async def test_a_row_that_is_gone_has_no_version(db: Database) -> None:
    """`found` is None: on update and on delete."""
    made = await Place.create(row="A", number=1)
    await Place.filter_by(number=1).delete()

    for call in (made.update(guest="x"), made.delete()):
        with pytest.raises(StaleRecordError, match="Place was deleted by someone else") as caught:
            await call
        assert (caught.value.expected, caught.value.found) == (1, None)


async def test_a_delete_of_an_older_version_is_refused(db: Database) -> None:
    """What is deleted is what was seen."""
    made = await Place.create(row="A", number=1)
    one, two = await Place.get(("A", 1)), await Place.get(("A", 1))
    await one.update(guest="x")

    with pytest.raises(StaleRecordError) as caught:
        await two.delete()

    assert (caught.value.expected, caught.value.found, caught.value.operation) == (1, 2, "delete")
    assert await Place.query().count() == 1
    await made.refresh()
    await made.delete()


async def test_children_deleted_by_a_cascade_are_compared_too(db: Database) -> None:
    """Several rows in one statement: the one that somebody changed is found."""
    article = await Article.create(title="a", notes=[Note(text="x"), Note(text="y"), Note(text="z")])
    article = (await Article.query().include("notes").all())[0]
    await (await Note.get(article.notes[1].id)).update(text="changed")

    with pytest.raises(StaleRecordError) as caught:
        await article.delete()

    assert (caught.value.model, caught.value.expected, caught.value.found) == ("Note", 1, 2)
    assert await Note.query().count() == 3


async def test_a_stale_row_breaks_its_unit(db: Database) -> None:
    """As every failed write does; a savepoint takes it."""
    made = await Article.create(title="a")
    old = await Article.get(made.id)
    await made.update(title="b")

    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            with pytest.raises(StaleRecordError):
                await old.update(title="c")

    async with db.transaction():
        with pytest.raises(StaleRecordError):
            async with db.transaction():
                await old.update(title="c")
        await old.refresh()
        await old.update(title="d")
    assert (await Article.get(made.id)).title == "d"


async def test_an_outdated_object_is_refused_where_the_unit_holds_another(db: Database) -> None:
    """The unit's object is of the newest version, and must not lend it to changes made for an older one."""
    old = await Article.create(title="a")
    await (await Article.get(old.id)).update(title="b")

    async with db.transaction():
        new = await Article.get(old.id)
        with statements(db) as sent:
            for call in (old.update(title="c"), old.save(), old.delete()):
                with pytest.raises(StaleRecordError) as caught:
                    await call
                assert (caught.value.expected, caught.value.found) == (1, 2)
        await old.refresh()
        await old.update(title="d")

    assert sent == []
    assert (new.version, old.version, (await Article.get(old.id)).title) == (3, 3, "d")


async def test_a_rollback_puts_the_version_back(db: Database) -> None:
    """Of a unit and of a savepoint; then the row can be changed again."""
    article = await Article.create(title="a")

    async with db.transaction():
        with pytest.raises(LookupError):
            async with db.transaction():
                await article.update(title="b")
                assert article.version == 2
                raise LookupError
        assert article.version == 1
        await article.update(title="c")

    assert (article.version, (await Article.get(article.id)).version) == (2, 2)


async def test_set_based_updates_count(db: Database) -> None:
    """Rows loaded in the unit show the new version, and others are refused afterwards."""
    made = await Article.create(title="a")

    async with db.transaction():
        loaded = await Article.get(made.id)
        await Article.filter_by(title="a").update(views=7)
        assert (loaded.views, loaded.version) == (7, 2)
        await loaded.update(views=8)

    with pytest.raises(StaleRecordError):
        await made.update(title="b")
    assert (await Article.get(made.id)).version == 3


async def test_updates_past_activerow_count(db: Database) -> None:
    """`session.execute(update(...))` and Core statements."""
    made = await Article.create(title="a")

    async with db.transaction() as session:
        await session.execute(update(Article).values(title="b"))
        await session.execute(update(Article.__table__).values(title="c"))  # type: ignore[arg-type]

    assert (await Article.get(made.id)).version == 3


async def test_the_version_cannot_be_set(db: Database) -> None:
    """Neither in a new row nor in a stored one, nor by a query."""
    article = await Article.create(title="a")

    for call in (
        Article.create(title="x", version=7),
        article.update(version=7),
        Article.filter_by(title="a").update(version=7),
    ):
        with pytest.raises(ReadOnlyFieldError, match=r"Article.version cannot be set: it counts the changes"):
            await call
    assert "version" not in Article.fields.settable


async def test_a_client_says_which_version_it_has_seen(db: Database) -> None:
    """The If-Match pattern: compared first, and again by the UPDATE."""
    article = await Article.create(title="a")

    await article.expect_version(1).update(title="b")

    with statements(db) as sent, pytest.raises(StaleRecordError) as caught:
        await article.expect_version(1).update(title="c")
    assert (sent, caught.value.expected, caught.value.found) == ([], 1, 2)


async def test_a_locked_row_shows_the_current_version(db: Database) -> None:
    """`refresh(lock=True)` and `get(lock=True)` are made for rows that others have changed."""
    made = await Article.create(title="a")
    other = await Article.get(made.id)
    await other.update(title="b")

    async with db.transaction():
        await made.refresh(lock=True)
        assert (made.title, made.version) == ("b", 2)
        await made.update(title="c")
        again = await Article.get(made.id, lock=True)
        assert (again is made, again.version) == (True, 3)


async def test_a_change_in_a_table_of_a_child_counts(db: Database) -> None:
    """Joined inheritance: the version stands in the parent's table."""
    review = await Review.create(title="a", stars=3)
    other = await Review.get(review.id)

    await review.update(stars=5)

    assert (review.version, (await Article.get(review.id)).version) == (2, 2)
    with pytest.raises(StaleRecordError) as caught:
        await other.update(stars=1)
    assert (caught.value.expected, caught.value.found) == (1, 2)


async def test_gather_over_one_object_takes_turns(db: Database) -> None:
    """Tasks that share an object share its version: no update is lost, none is refused."""
    article = await Article.create(title="a")

    await asyncio.gather(article.update(title="b"), article.update(views=5))

    stored = await Article.get(article.id)
    assert (stored.title, stored.views, stored.version) == ("b", 5, 3)


async def test_of_concurrent_clients_one_wins(db: Database) -> None:
    """Each with an object of its own."""
    made = await Article.create(title="a")
    rows = [await Article.get(made.id) for _ in range(4)]

    outcomes = await asyncio.gather(*(row.update(views=n + 1) for n, row in enumerate(rows)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(one) for one in refused] == [StaleRecordError] * 3
    assert (await Article.get(made.id)).version == 2


async def test_several_rows_in_one_flush(db: Database) -> None:
    """The one that somebody changed is told from the others."""
    rows = [await Article.create(title=str(n)) for n in range(3)]
    await Article.filter_by(id=rows[1].id).update(title="b")

    with pytest.raises(StaleDataError) as caught:
        async with AsyncSession(db.engine, expire_on_commit=False) as session:
            session.add_all(rows)
            for row in rows:
                row.title = "mine"
            await session.flush()

    error = caught.value
    assert (getattr(error, "expected", None), getattr(error, "found", None)) == (1, 2)


async def test_an_update_computed_by_the_server_counts(db: Database) -> None:
    """An SQL expression for a column: the version is compared and counted all the same."""
    article = await Article.create(title="a")

    await article.update(views=Article.views + 5, title=func.lower("B"))

    assert article.version == 2
    await article.refresh()
    assert (article.views, article.title, article.version) == (5, "b", 2)
