"""Life-cycle hooks: which run, when, and what they may do."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import ForeignKey, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import NestedCommitError, TransactionBrokenError, UniqueViolationError, UsageError
from activerow.mixins import AutoTableName
from tests.models.units import held
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements

seen: list[str] = []
"""The hooks that ran."""

doing: dict[str, Callable[[Any], Any]] = {}
"""What a test has a hook of `Page` do."""


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the tests about hooks."""


class Nowhere(ActiveRecord, AutoTableName, DeclarativeBase):
    """Its tables are made nowhere."""


class Noted:
    """A mixin with hooks of its own."""

    async def before_save(self) -> None:
        seen.append(f"mixin before_save {self!r}")


class Shelf(Base):
    """A model without hooks."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    pages: Mapped[list["Page"]] = relationship(back_populates="shelf", cascade="all, delete-orphan")
    leaflets: Mapped[list["Leaflet"]] = relationship()


class Page(Noted, Base):
    """A model with every hook."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str | None]
    views: Mapped[int] = mapped_column(default=0)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelfs.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="pages")

    async def before_save(self) -> None:
        await self._run("before_save")

    async def before_create(self) -> None:
        await self._run("before_create")

    async def before_update(self, changes: dict[str, tuple[object, object]]) -> None:
        await self._run("before_update", changes)

    async def before_delete(self) -> None:
        await self._run("before_delete")

    async def after_create(self) -> None:
        await self._run("after_create")

    async def after_update(self, changes: dict[str, tuple[object, object]]) -> None:
        await self._run("after_update", changes)

    async def after_delete(self) -> None:
        await self._run("after_delete")

    def after_save(self) -> None:
        seen.append(f"after_save {self.title}")

    async def _run(self, name: str, changes: dict[str, tuple[object, object]] | None = None) -> None:
        seen.append(f"{name} {self.title}" if changes is None else f"{name} {self.title} {changes}")
        result = doing[name](self) if name in doing else None
        if result is not None:
            await result


class Leaflet(Base):
    """Its foreign key is set to NULL by the flush that deletes its shelf."""

    __tablename__ = "leaflets"

    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelfs.id"))
    moves: Mapped[int] = mapped_column(default=0)

    async def before_update(self) -> None:
        seen.append("before_update leaflet")
        self.moves += 1
        if "leaflet" in doing:
            await doing["leaflet"](self)


class Entry(Base):
    """What hooks write."""

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    page_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id"))
    page: Mapped[Page | None] = relationship()


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    seen.clear()
    doing.clear()
    return await make_database(Base, pool_size=1, max_overflow=0, pool_timeout=2)


async def entries() -> list[str]:
    return await Entry.order_by("id").pluck(Entry.text)


# --- which run, and when --------------------------------------------------------------------------------------------


async def test_hooks_run_around_every_kind_of_write(db: Database) -> None:
    """Those for every save first, base classes first; the after_ ones the other way round."""
    page = await Page.create(title="a")
    await page.update(views=3)
    await page.delete()

    assert seen == [
        *("mixin before_save <Page new>", "before_save a", "before_create a", "after_create a", "after_save a"),
        *(f"mixin before_save <Page id={page.id}>", "before_save a", "before_update a {'views': (0, 3)}"),
        *("after_update a {'views': (0, 3)}", "after_save a"),
        *("before_delete a", "after_delete a"),
    ]


async def test_an_update_that_changes_nothing_runs_no_hook(db: Database) -> None:
    """Equal values, and `save` without a change."""
    page = await Page.create(title="a")
    seen.clear()

    await page.update(title="a")
    await page.save()

    assert seen == []


async def test_the_members_of_a_relation_are_no_change_of_the_row(db: Database) -> None:
    """Only rows whose own columns are written have hooks run."""
    shelf = await Shelf.create(name="s")
    page = await Page.create(title="a")
    seen.clear()

    await shelf.update(pages=page)

    assert [word for word in seen if "update" in word] == [
        "before_update a {}",
        f"after_update a {{'shelf_id': (None, {shelf.id})}}",
    ]


async def test_rows_of_a_cascade_have_their_hooks_run(db: Database) -> None:
    """Rows that come with a new parent, and rows that go with a deleted one."""
    shelf = await Shelf.create(name="s", pages=[Page(title="a"), Page(title="b")])
    created = [word for word in seen if word.startswith(("before_create", "after_create"))]
    seen.clear()

    await shelf.delete()

    assert created == ["before_create a", "before_create b", "after_create a", "after_create b"]
    assert sorted(seen) == ["after_delete a", "after_delete b", "before_delete a", "before_delete b"]


async def test_an_orphan_has_its_delete_hooks_run(db: Database) -> None:
    """A row that is deleted because its parent let go of it."""
    await Shelf.create(name="s", pages=[Page(title="a")])
    shelf = (await Shelf.query().include("pages").all())[0]
    seen.clear()

    await shelf.update(pages=[])

    assert seen == ["before_delete a", "after_delete a"]


async def test_rows_added_by_hand_have_their_hooks_run(db: Database) -> None:
    """`session.add` with a flush, with an autoflush, and with nothing but the end of the unit."""
    async with db.transaction() as session:
        session.add(Page(title="flush"))
        await session.flush()
        session.add(Page(title="autoflush"))
        await session.scalars(select(Page))
        session.add(Page(title="commit"))

    assert [word for word in seen if word.startswith("after_create")] == [
        "after_create flush",
        "after_create autoflush",
        "after_create commit",
    ]


async def test_a_hook_at_the_end_of_a_unit_still_has_the_database(db: Database) -> None:
    """What waits to be written when the block ends runs its hooks while the unit is open."""
    doing["after_create"] = lambda page: Entry.create(text=f"made {page.id}", page_id=page.id)

    async with db.transaction() as session:
        page = Page(title="a")
        session.add(page)

    assert await entries() == [f"made {page.id}"]


async def test_a_hook_at_the_end_of_a_savepoint_belongs_to_it(db: Database) -> None:
    """Rolled back with it when it fails, and the unit around it goes on."""
    doing["after_create"] = lambda page: Page.create(title=page.title)

    async with db.transaction() as session:
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                session.add(Page(title="a"))
        await Entry.create(text="after")

    assert (await Page.query().count(), await entries()) == (0, ["after"])


async def test_set_based_writes_run_no_hooks(db: Database) -> None:
    """They never see the rows."""
    await Page.create(title="a")
    seen.clear()

    await Page.filter_by(title="a").update(views=1)
    await Page.filter_by(title="a").delete()

    assert seen == []


async def test_subclasses_inherit_the_hooks_of_their_parents() -> None:
    """Each class contributes its own, and need not call the others."""

    class Own(Nowhere):
        id: Mapped[int] = mapped_column(primary_key=True)

        def before_save(self) -> None:
            seen.append("parent")

    class Special(Own):
        def before_save(self) -> None:
            seen.append("child")

    seen.clear()
    session = AsyncSession()
    session.add(Special())

    with pytest.raises(Exception, match="Could not locate a bind"):
        await session.flush()

    assert seen == ["parent", "child"]


async def test_a_call_of_super_is_refused() -> None:
    """The hook of the base class would run twice."""
    with pytest.raises(UsageError, match=r"Twice.before_save\(\) calls super"):

        class Twice(Noted, Nowhere):  # pyright: ignore[reportUnusedClass]
            id: Mapped[int] = mapped_column(primary_key=True)

            async def before_save(self) -> None:
                await super().before_save()


async def test_a_hook_with_other_parameters_is_refused() -> None:
    """When the class is made, not when the first row is saved."""
    with pytest.raises(UsageError, match=r"Odd.after_create\(\) is called with the row"):

        class Odd(Nowhere):  # pyright: ignore[reportUnusedClass]
            id: Mapped[int] = mapped_column(primary_key=True)

            def after_create(self, one: int, two: int) -> None: ...


# --- before_ hooks --------------------------------------------------------------------------------------------------


async def test_a_before_hook_sets_columns_of_the_row(db: Database) -> None:
    """They are written with it, in the one statement."""
    doing["before_save"] = lambda page: setattr(page, "slug", page.title.lower())

    with statements(db) as sent:
        page = await Page.create(title="A")

    assert (page.slug, (await Page.get(page.id)).slug) == ("a", "a")
    assert len([one for one in sent if one.startswith(("INSERT", "UPDATE"))]) == 1


async def test_a_before_hook_queries_and_writes_in_the_same_unit(
    db: Database, other_connection: OtherConnection
) -> None:
    """It sees the database of before, and what it writes is undone with the call."""
    counts: list[int] = []

    async def hook(page: Page) -> None:
        counts.append(await Page.query().count())
        await Entry.create(text=f"before {page.title}")

    doing["before_create"] = hook
    await Page.create(title="a")
    with pytest.raises(UniqueViolationError):
        await Page.create(title="a")

    assert counts == [0, 1]
    assert await other_connection.column("SELECT text FROM entries") == ["before a"]


async def test_a_before_hook_refuses_the_write(db: Database) -> None:
    """Nothing is sent, the error passes as it is, and the unit is not broken."""

    def refuse(page: Page) -> None:
        raise LookupError("no")

    doing["before_create"] = refuse
    async with db.transaction() as session:
        with statements(db) as sent, pytest.raises(LookupError, match="no"):
            await Page.create(title="a")
        assert (sent, list(session.new)) == ([], [])
        await Entry.create(text="goes on")

    assert (await entries(), await Page.query().count()) == (["goes on"], 0)


async def test_a_refused_update_leaves_the_row_as_it_was(db: Database) -> None:
    """The columns show what they did, and nothing waits to be written."""
    page = await Page.create(title="a")

    def refuse(page: Page) -> None:
        raise LookupError

    doing["before_update"] = refuse
    async with db.transaction() as session:
        page = await Page.get(page.id)
        with pytest.raises(LookupError):
            await page.update(title="b")
        assert (page.title, page.changes()) == ("a", {})
        with statements(db) as sent:
            await session.flush()
        assert sent == []

    assert (await Page.get(page.id)).title == "a"


async def test_a_refused_delete_keeps_the_row(db: Database) -> None:
    """It stays in the unit, and can be changed."""
    page = await Page.create(title="a")

    def refuse(page: Page) -> None:
        raise LookupError

    doing["before_delete"] = refuse
    async with db.transaction() as session:
        page = await Page.get(page.id)
        with pytest.raises(LookupError):
            await page.delete()
        assert list(session.deleted) == []
        await page.update(title="b")

    assert (await Page.get(page.id)).title == "b"


async def test_a_hook_that_saves_its_own_row_before_it_is_saved_is_told(db: Database) -> None:
    """Directly, or by a new row that needs it."""
    doing["before_create"] = lambda page: page.save()
    with pytest.raises(UsageError, match=r"before_create\(\) writes <Page new>"):
        await Page.create(title="a")

    doing["before_create"] = lambda page: Entry.create(text="x", page=page)
    with pytest.raises(UsageError, match="in an after_ hook"):
        await Page.create(title="a")

    assert (await Page.query().count(), await entries()) == (0, [])


async def test_a_hook_that_updates_its_own_row_before_it_is_updated_is_told(db: Database) -> None:
    """Setting the column is what is meant."""
    page = await Page.create(title="a")
    doing["before_update"] = lambda page: page.update(slug="x")

    with pytest.raises(UsageError, match="set its columns only"):
        await page.update(views=1)

    assert (page.views, page.slug) == (0, None)


async def test_what_a_hook_has_written_before_it_refuses_is_undone(db: Database) -> None:
    """The unit is broken: no half of a call is kept."""

    async def hook(page: Page) -> None:
        await Entry.create(text="half")
        raise LookupError

    doing["before_create"] = hook
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            with pytest.raises(LookupError):
                await Page.create(title="a")

    assert await entries() == []


async def test_a_hook_that_changes_its_row_and_queries_has_it_written_once(db: Database) -> None:
    """The query writes nothing of what waits: its row is set aside."""
    page = await Page.create(title="a")

    async def hook(page: Page) -> None:
        page.slug = "s"
        await Page.query().count()
        page.views = 7

    doing["before_update"] = hook
    with statements(db) as sent:
        await page.update(title="b")

    stored = await Page.get(page.id)
    assert (stored.title, stored.slug, stored.views) == ("b", "s", 7)
    assert len([one for one in sent if one.startswith("UPDATE")]) == 1


async def test_rows_that_wait_together_stay_together(db: Database) -> None:
    """A hook that queries does not have the rest of the flush written before its time."""
    doing["before_create"] = lambda _page: Page.query().count()

    shelf = await Shelf.create(name="s", pages=[Page(title="a"), Page(title="b")])

    assert await Page.filter_by(shelf_id=shelf.id).count() == 2


async def test_a_before_hook_adds_a_row_that_has_hooks(db: Database) -> None:
    """Its hooks run too, before the flush that writes both."""

    def add(page: Page) -> None:
        session = inspect(page).async_session
        if page.title == "a" and session is not None:
            session.add(Page(title="b"))

    doing["before_create"] = add
    await Page.create(title="a")

    assert sorted(await Page.query().pluck(Page.title)) == ["a", "b"]
    assert "before_create b" in seen


async def test_a_row_that_only_the_flush_reaches(db: Database) -> None:
    """Its hook sets columns in the middle of the flush, and has no database there."""
    shelf = await Shelf.create(name="s", leaflets=[Leaflet()])
    await (await Shelf.get(shelf.id)).delete()
    assert await Leaflet.query().pluck(Leaflet.moves) == [1]

    shelf = await Shelf.create(name="s", leaflets=[Leaflet()])
    doing["leaflet"] = lambda _: Leaflet.query().count()
    with pytest.raises(UsageError, match="inside the flush"):
        await (await Shelf.get(shelf.id)).delete()
    assert await Shelf.query().count() == 1


# --- after_ hooks ---------------------------------------------------------------------------------------------------


async def test_an_after_hook_writes_other_rows(db: Database) -> None:
    """In the same transaction, with the key of the new row."""
    doing["after_create"] = lambda page: Entry.create(text="made", page=page)

    page = await Page.create(title="a")

    assert await Entry.filter_by(page_id=page.id).pluck(Entry.text) == ["made"]


async def test_an_after_hook_that_fails_undoes_the_call(db: Database) -> None:
    """The error passes as it is; a lone call is rolled back."""

    def fail(page: Page) -> None:
        raise LookupError("after")

    doing["after_create"] = fail
    page = Page(title="a")
    with pytest.raises(LookupError, match="after"):
        await page.save()

    assert await Page.query().count() == 0
    assert repr(page) == "<Page new>"
    doing.clear()
    assert (await page.save()).id


async def test_an_after_hook_that_fails_breaks_the_unit(db: Database) -> None:
    """As a failed statement does, and a savepoint takes it."""

    def fail(page: Page) -> None:
        raise LookupError("after")

    doing["after_create"] = fail
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            with pytest.raises(LookupError):
                await Page.create(title="a")
            await Entry.create(text="x")

    async with db.transaction():
        with pytest.raises(LookupError):
            async with db.transaction():
                await Page.create(title="a")
        await Entry.create(text="y")
    assert (await Page.query().count(), await entries()) == (0, ["y"])


async def test_an_after_hook_saves_its_own_row_again(db: Database) -> None:
    """That is an update with hooks of its own."""
    doing["after_create"] = lambda page: page.update(slug=f"{page.title}-{page.id}")

    page = await Page.create(title="a")

    assert (await Page.get(page.id)).slug == page.slug == f"a-{page.id}"
    assert [word.split()[0] for word in seen if "mixin" not in word] == [
        *("before_save", "before_create", "after_create"),
        *("before_save", "before_update", "after_update", "after_save", "after_save"),
    ]


async def test_what_an_after_hook_leaves_unsaved_is_written_by_the_call(db: Database) -> None:
    """Setting a column is enough."""
    doing["after_create"] = lambda page: setattr(page, "slug", str(page.id))

    page = await Page.create(title="a")

    assert (await Page.get(page.id)).slug == str(page.id)


async def test_hooks_that_lead_to_themselves_are_stopped(db: Database) -> None:
    """An update in after_update without a condition, by a call or by leaving a column changed."""
    page = await Page.create(title="a")

    doing["after_update"] = lambda page: page.update(views=page.views + 1)
    with pytest.raises(UsageError, match=r"Page.after_\w+\(\) leads to itself"):
        await page.update(views=1)
    doing["after_update"] = lambda page: setattr(page, "views", page.views + 1)
    with pytest.raises(UsageError, match=r"Page.after_\w+\(\) leads to itself"):
        await page.update(views=1)

    assert (await Page.get(page.id)).views == page.views == 0


# --- units, tasks, commits ------------------------------------------------------------------------------------------


async def test_on_commit_in_a_hook_of_a_lone_call_runs_after_its_commit(
    db: Database, other_connection: OtherConnection
) -> None:
    """The row is there for everybody, and the connection went back."""
    found: list[object] = []

    async def look() -> None:
        found.append(await other_connection.scalar("SELECT count(*) FROM pages"))
        found.append(held(db))

    doing["after_create"] = lambda page: db.on_commit(look)
    await Page.create(title="a")

    assert found == [1, 0]


async def test_a_hook_cannot_commit_the_call_that_runs_it(db: Database) -> None:
    """Not by `auto_commit=True`, and not by hand."""
    doing["after_create"] = lambda page: Entry.create(text="x", auto_commit=True)
    with pytest.raises(NestedCommitError):
        await Page.create(title="a")
    doing["after_create"] = lambda page: db.commit()
    with pytest.raises(NestedCommitError):
        await Page.create(title="a")

    assert (await entries(), await Page.query().count()) == ([], 0)


async def test_calls_of_a_hook_in_a_scoped_session_wait_for_the_call(db: Database) -> None:
    """There each call commits itself, but not in the middle of another one."""

    async def hook(page: Page) -> None:
        await Entry.create(text="x")
        raise LookupError

    doing["after_create"] = hook
    async with db.scoped_session():
        with pytest.raises(LookupError):
            await Page.create(title="a")
        assert (await Page.query().count(), await entries()) == (0, [])


async def test_a_hook_may_gather(db: Database) -> None:
    """The unit's lock is not held while a hook runs: its child tasks use the unit."""

    async def hook(page: Page) -> None:
        await asyncio.gather(*(Entry.create(text=f"{page.title}{n}") for n in range(3)))

    doing["before_create"] = doing["after_update"] = hook
    page = await Page.create(title="a")
    async with db.transaction():
        await page.update(views=1)

    assert len(await entries()) == 6


async def test_tasks_of_a_unit_work_while_a_hook_waits_for_them(db: Database) -> None:
    """A hook that waits for another task's call is no deadlock."""
    hooked, written = asyncio.Event(), asyncio.Event()

    async def hook(page: Page) -> None:
        if page.title == "a":
            hooked.set()
            await written.wait()

    async def other() -> None:
        await hooked.wait()
        await Page.create(title="b")
        await Entry.create(text="other")
        written.set()

    doing["before_create"] = hook
    async with db.transaction():
        await asyncio.wait_for(asyncio.gather(Page.create(title="a"), other()), 5)

    assert sorted(await Page.query().pluck(Page.title)) == ["a", "b"]


async def test_gather_in_a_transaction_runs_every_hook_once(db: Database) -> None:
    """One call at a time, hooks interleaved."""
    doing["before_create"] = lambda page: Entry.create(text=page.title)

    async with db.transaction():
        await asyncio.gather(*(Page.create(title=f"{n}") for n in range(5)))

    assert sorted(await entries()) == ["0", "1", "2", "3", "4"]
    assert len([word for word in seen if word.startswith("after_create")]) == 5


async def test_a_hook_opens_a_savepoint(db: Database) -> None:
    """What fails in it is undone alone."""
    await Page.create(title="taken")

    async def hook(page: Page) -> None:
        with pytest.raises(UniqueViolationError):
            async with db.transaction():
                await Entry.create(text="undone")
                await Page.create(title="taken")
        await Entry.create(text="kept")

    doing["before_update"] = hook
    page = await Page.create(title="a")
    await page.update(views=1)

    assert await entries() == ["kept"]


async def test_a_cancelled_hook_leaves_nothing(db: Database) -> None:
    """The call is undone, and its connection went back."""
    started = asyncio.Event()

    async def hook(page: Page) -> None:
        await Entry.create(text="x")
        started.set()
        await asyncio.Event().wait()

    doing["before_create"] = hook
    task = asyncio.create_task(Page.create(title="a"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    doing.clear()
    assert held(db) == 0
    assert (await entries(), await Page.query().count()) == ([], 0)


async def test_a_statement_that_fails_elsewhere_while_a_hook_waits(db: Database) -> None:
    """The unit is broken for the call of the hook too; nothing of it is written."""
    hooked, failed = asyncio.Event(), asyncio.Event()
    await Shelf.create(id=1, name="s")

    async def hook(page: Page) -> None:
        hooked.set()
        await failed.wait()

    async def other() -> None:
        await hooked.wait()
        with pytest.raises(UniqueViolationError):
            await Shelf.create(id=1, name="again")
        failed.set()

    doing["before_create"] = hook
    with pytest.raises(TransactionBrokenError):
        async with db.transaction():
            _, result = await asyncio.gather(other(), Page.create(title="a"), return_exceptions=True)
            assert isinstance(result, TransactionBrokenError)

    assert await Page.query().count() == 0


async def test_two_objects_of_a_row_in_a_unit(db: Database) -> None:
    """The hooks are those of the object that the unit holds; the other one shows the outcome."""
    detached = await Page.create(title="a")
    doing["before_update"] = lambda page: setattr(page, "slug", "set")

    async with db.transaction():
        held_one = await Page.get(detached.id)
        await detached.update(views=2)

    assert (held_one.views, held_one.slug, detached.slug) == (2, "set", "set")


async def test_a_rollback_puts_back_what_hooks_have_set(db: Database) -> None:
    """The row shows the values of before the call."""
    page = await Page.create(title="a")
    doing["before_update"] = lambda page: setattr(page, "slug", "set")

    with pytest.raises(LookupError):
        async with db.transaction():
            await page.update(views=2)
            raise LookupError

    assert (page.views, page.slug, page.changes()) == (0, None, {})


# --- sessions of the program ----------------------------------------------------------------------------------------


async def test_hooks_run_in_a_session_of_the_program(db: Database) -> None:
    """Also for rows that activerow never sees; they may set columns and add rows to that session."""

    def before(page: Page) -> None:
        page.slug = "set"
        session = inspect(page).async_session
        assert session is not None
        session.add(Entry(text=page.title))

    doing["before_create"] = before
    async with AsyncSession(db.engine) as session:
        await Page.create(title="given", session=session)
        session.add(Page(title="raw"))
        await session.commit()

    assert await Page.query().pluck(Page.slug) == ["set", "set"]
    assert await entries() == ["given", "raw"]
    assert [word for word in seen if word.startswith("after_create")] == ["after_create given", "after_create raw"]


async def test_a_hook_refuses_in_a_session_of_the_program(db: Database) -> None:
    """The row is not left in it."""

    def refuse(page: Page) -> None:
        raise LookupError

    doing["before_create"] = refuse
    async with AsyncSession(db.engine) as session:
        with pytest.raises(LookupError):
            await Page.create(title="a", session=session)
        await session.commit()

    assert await Page.query().count() == 0


async def test_models_without_hooks_do_not_know_of_them() -> None:
    """No event of the mapper, beside a model that has some."""

    class Bare(Nowhere):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert not inspect(Bare).dispatch.before_insert
    assert inspect(Page).dispatch.before_insert
