"""`update(returning=True)` and `delete(returning=True)`: the rows that were changed, where the server tells them."""

import pytest
from sqlalchemy import Computed, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import UsageError
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete, Timestamps, Versioned
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class History(AuditLog, Base):
    """What happened."""


class Job(Timestamps, Base):
    """Is claimed by whoever comes first."""

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="new")
    tries: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(Computed("tries * 2", persisted=True))
    steps: Mapped[list["Step"]] = relationship(order_by="Step.id")


class Step(Base):
    """Belongs to a job."""

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))


class Paper(SoftDelete, Audited, Versioned, Base):
    """Has a history, versions, and stays when it is deleted."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(10))


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Three jobs with a step each, and three papers."""
    db = await make_database(Base)
    jobs = await Job.create_many([{"id": number} for number in (1, 2, 3)], returning=True)
    await Step.create_many([{"job_id": job.id} for job in jobs])
    await Paper.create(title="a")
    await Paper.create(title="a")
    await (await Paper.create(title="a")).delete()
    return db


@pytest.mark.backends("sqlite", "postgresql")
async def test_the_rows_of_an_update(db: Database) -> None:
    """They show what the server made of them, in one statement, and belong together as those of a result do."""
    with statements(db) as sent:
        jobs = await Job.filter_by(id__lte=2).update(state="run", tries=Job.tries + 1, returning=True)
    assert len([sql for sql in sent if "UPDATE" in sql or "SELECT" in sql]) == 1

    assert sorted((job.id, job.state, job.tries, job.cost) for job in jobs) == [(1, "run", 1, 2), (2, "run", 1, 2)]
    with statements(db) as sent:
        await jobs[0].load("steps")
    assert len([sql for sql in sent if "SELECT" in sql]) == 1
    assert [len(job.steps) for job in jobs] == [1, 1]
    assert await jobs[0].update(tries=5) is jobs[0]


@pytest.mark.backends("sqlite", "postgresql")
async def test_rows_that_the_unit_holds(db: Database) -> None:
    """The object that the unit holds is the one that comes back, with its relations; no second one is made."""
    async with db.transaction():
        job = await Job.query().include("steps").get(1)
        (same,) = await Job.filter_by(id=1).update(state="run", tries=Job.tries + 1, returning=True)
        assert same is job
        assert (job.state, job.tries, job.cost, len(job.steps)) == ("run", 1, 2, 1)
        assert job.updated_at > job.created_at


async def test_the_rows_of_a_delete(db: Database) -> None:
    """They show what they were, and belong to no session."""
    async with db.transaction() as session:
        held = await Job.get(1)
        jobs = await Job.filter_by(id__lte=2).delete(returning=True)
        assert sorted((job.id, job.state) for job in jobs) == [(1, "new"), (2, "new")]
        assert not any(job in session for job in (*jobs, held))

    assert await Job.query().pluck("id") == [3]
    assert await Job.filter_by(id=77).delete(returning=True) == []


@pytest.mark.backends("sqlite", "postgresql")
async def test_rows_with_history_that_are_marked(db: Database) -> None:
    """What mixins do is done: hidden rows are left alone, the history is written, the version is a new one."""
    (one, *_) = papers = await Paper.filter_by(title="a").update(title="b", returning=True)
    assert [(paper.title, paper.version) for paper in papers] == [("b", 2), ("b", 2)]
    assert [entry.operation for entry in await one.history()] == ["update", "create"]

    gone = await Paper.filter_by(title="b").delete(returning=True)
    assert len(gone) == 2
    assert all(paper.deleted_at is not None and paper.version == 3 for paper in gone)
    assert await Paper.query().count() == 0
    assert len(await Paper.query().only_deleted().delete(hard=True, all_rows=True, returning=True)) == 3


@pytest.mark.backends("mysql")
async def test_a_server_that_does_not_tell_them(db: Database) -> None:
    """It is refused before anything is sent: the rows of an UPDATE on MySQL and MariaDB, and so those of a mark."""
    with pytest.raises(UsageError, match=r"MySQL does not return the rows of UPDATE: .*for_update\(\)"):
        await Job.filter_by(id=1).update(state="run", returning=True)
    with pytest.raises(UsageError, match="does not return the rows of UPDATE"):
        await Paper.filter_by(title="a").delete(returning=True)

    assert await Job.filter_by(state="new").count() == 3
