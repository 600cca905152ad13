"""SoftDelete: deleted rows stay in the table, and no read shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, ForeignKey, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, joinedload, mapped_column, selectinload

from activerow import ActiveRecord, Database, Q
from activerow.errors import (
    InstanceMethodError,
    NestedCommitError,
    RecordNotFoundError,
    StaleRecordError,
    UniqueViolationError,
    UsageError,
)
from activerow.mixins import AutoTableName, SoftDelete
from activerow.partial_index import include_object
from tests.models.blog import User as PlainUser
from tests.models.bookshop import undone
from tests.models.library import Author, AuthorPage, Base, Book, Librarian, Person, Reader, Review, Tag
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.plugin import OtherConnection
from tests.tools.counting import statements


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Ada and Eve with a book each; Eve is deleted, as are one review and one tag of Ada's book."""
    db = await make_database(Base)
    async with db.transaction():
        ada = await Author.create(id=1, name="Ada", email="ada@x.org", age=30)
        eve = await Author.create(id=2, name="Eve", email="eve@x.org", age=50)
        await ada.update(mentor_id=2)
        await Author.create(id=3, name="Bob", email="bob@x.org", age=40, mentor_id=1)
        await Book.create(id=1, title="first", author_id=1)
        await Book.create(id=2, title="second", author_id=2)
        for id_ in (1, 2):
            await Review.create(id=id_, stars=id_, book_id=1)
            await Tag.create(id=id_, word=f"word {id_}", books=[await Book.get(1)])
        await eve.delete()
        await (await Review.get(2)).delete()
        await (await Tag.get(2)).delete()
    return db


async def deleted(other: OtherConnection, table: str) -> list[int]:
    """The keys of the marked rows."""
    return await other.column(f"SELECT id FROM {table} WHERE deleted_at IS NOT NULL ORDER BY id")


# --- rows -----------------------------------------------------------------------------------------------------------


async def test_delete_marks_the_row_in_one_update(db: Database, other_connection: OtherConnection) -> None:
    """The row stays, with its moment; it is a change, so `updated_at` moves too."""
    ada = await Author.get(1)
    changed = ada.updated_at

    with statements(db) as sent:
        await ada.delete()

    assert [sql for sql in sent if "authors" in sql and not sql.startswith("SELECT")] == [
        sql for sql in sent if sql.startswith("UPDATE authors")
    ]
    assert ada.deleted_at is not None
    assert abs(datetime.now(UTC) - ada.deleted_at) < timedelta(seconds=5)
    assert ada.updated_at > changed
    assert await deleted(other_connection, "authors") == [1, 2]


async def test_a_second_delete_keeps_the_moment(db: Database) -> None:
    """What is deleted is not deleted again, and nothing is sent."""
    ada = await Author.get(1)
    await ada.delete()
    moment = ada.deleted_at

    with statements(db) as sent:
        await ada.delete()

    assert ada.deleted_at == moment
    assert not [sql for sql in sent if sql.startswith("UPDATE")]


async def test_restore_lets_it_be_seen_again(db: Database) -> None:
    """A restored row is as any other; restoring it twice sends nothing."""
    eve = await Author.query().with_deleted().get(2)

    assert await eve.restore() is eve
    with statements(db) as sent:
        await eve.restore()

    assert (await Author.get(2)).deleted_at is None
    assert not [sql for sql in sent if sql.startswith("UPDATE")]


async def test_hard_delete_removes_the_row(db: Database, other_connection: OtherConnection) -> None:
    """`hard=True` is a DELETE, of a row that was marked before as well."""
    await (await Review.get(1)).delete(hard=True)
    await (await Review.query().with_deleted().get(2)).delete(hard=True)

    assert await other_connection.scalar("SELECT count(*) FROM reviews") == 0


async def test_a_row_that_is_not_stored_or_gone_is_not_deleted(db: Database, other_connection: OtherConnection) -> None:
    """There must be a row to mark."""
    review = await Review.get(1)
    await (await Review.get(1)).delete(hard=True)

    with pytest.raises(UsageError, match="not stored"):
        await Review(stars=1).delete()
    with pytest.raises(StaleRecordError):
        await review.delete()


async def test_delete_on_the_class_is_refused() -> None:
    """The class deletes through a query."""
    with pytest.raises(InstanceMethodError):
        await Author.delete(cast("Author", None))
    with pytest.raises(InstanceMethodError):
        await Author.restore(cast("Author", None))


async def test_a_rollback_undoes_a_delete(db: Database) -> None:
    """The row in hand, and those in the database, are as before."""
    async with db.transaction():
        ada = await Author.get(1)
        async with undone(db):
            await ada.delete()
            assert await Author.get_or_none(1) is None
        assert ada.deleted_at is None
        assert await Author.get(1) is ada


async def test_delete_obeys_the_unit(db: Database) -> None:
    """`auto_commit=True` is refused inside a transaction, also where there is nothing to send."""
    eve = await Author.query().with_deleted().get(2)

    async with db.transaction():
        for call in (eve.delete, eve.restore, (await Author.get(1)).delete):
            with pytest.raises(NestedCommitError):
                await call(auto_commit=True)


async def test_delete_in_a_session_of_ones_own(db: Database) -> None:
    """A given session is used, and committed only when that is asked for."""
    async with AsyncSession(db.engine, expire_on_commit=False) as session:
        ada = await Author.get(1, session=session)
        await ada.delete(session=session)
        assert await Author.get_or_none(1, session=session) is None
        await session.rollback()
        assert await Author.query(session=session).count() == 2

    assert await Author.query().count() == 2


# --- reads ----------------------------------------------------------------------------------------------------------


async def test_queries_pass_over_deleted_rows(db: Database) -> None:
    """All terminals agree on the rows that there are."""
    assert [author.id for author in await Author.order_by("id").all()] == [1, 3]
    assert await Author.filter_by(name="Eve").first() is None
    assert await Author.filter_by(name="Eve").one_or_none() is None
    assert await Author.filter_by(name="Eve").exists() is False
    assert await Author.query().count() == 2
    assert await Author.query().limit(5).count() == 2
    assert await Author.query().distinct().count() == 2
    assert await Author.query().max("age") == 40
    assert await Author.query().limit(5).sum("age") == 70
    assert await Author.order_by("id").pluck("name") == ["Ada", "Bob"]
    assert await Author.order_by("-id").values("id") == [{"id": 3}, {"id": 1}]
    last = await Author.query().last()
    assert last is not None
    assert last.id == 3


async def test_keys_of_deleted_rows_find_nothing(db: Database) -> None:
    """`get` says that there is no such row, by primary key and by unique value."""
    assert await Author.get_or_none(2) is None
    assert await Author.get_or_none(email="eve@x.org") is None
    assert (await Author.get(email="ada@x.org")).id == 1
    with pytest.raises(RecordNotFoundError):
        await Author.get(2)
    with pytest.raises(RecordNotFoundError):
        await Author.get(2, lock=True)
    with pytest.raises(RecordNotFoundError) as caught:
        await Author.query().get_many([1, 2, 3])
    assert caught.value.missing == (2,)


async def test_get_does_not_give_a_deleted_row_that_the_unit_holds(db: Database) -> None:
    """What was deleted in this unit, or shown on purpose, is not what `get` remembers."""
    async with db.transaction():
        ada, bob = await Author.get(1), await Author.get(3)
        eve = await Author.query().with_deleted().get(2)
        await ada.delete()
        await Author.filter_by(id=3).delete()

        assert [await Author.get_or_none(id_) for id_ in (1, 2, 3)] == [None, None, None]
        assert bob.deleted_at is not None
        await eve.restore()
        with statements(db) as sent:
            assert await Author.get(2) is eve
        assert sent == []


async def test_get_asks_where_it_does_not_know(db: Database) -> None:
    """A row that was read without its mark is looked for in the database."""
    async with db.transaction():
        ada = await Author.query().only("name").get(1)
        eve = await Author.query().with_deleted().only("name").get(2)

        assert await Author.get(1) is ada
        assert await Author.get_or_none(2) is None
        assert eve.name == "Eve"


async def test_deleted_rows_are_shown_on_request(db: Database) -> None:
    """`with_deleted` shows all rows, `only_deleted` the others."""
    everyone, gone = Author.query().with_deleted(), Author.query().only_deleted()

    assert await everyone.count() == 3
    assert await everyone.order_by("id").pluck("id") == [1, 2, 3]
    assert (await everyone.get(2)).name == "Eve"
    assert [author.name for author in await everyone.get_many([2, 1])] == ["Eve", "Ada"]
    assert await gone.pluck("id") == [2]
    assert await gone.filter_by(name="Ada").exists() is False


async def test_refresh_reads_a_deleted_row(db: Database) -> None:
    """It is a row in hand; its relations pass over deleted rows as ever."""
    eve = await Author.query().with_deleted().get(2)
    book = await Book.get(1)

    await eve.refresh()
    await eve.refresh("name", lock=True)
    await book.refresh("reviews", "tags", "author")

    assert eve.name == "Eve"
    assert [review.id for review in book.reviews] == [1]
    assert [tag.id for tag in book.tags] == [1]
    assert book.author is not None


# --- relations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_unit", [False, True])
async def test_include_passes_over_deleted_rows(db: Database, in_unit: bool) -> None:
    """Neither a JOIN nor a second SELECT brings them; the row that refers to one stays."""
    query = Book.query().include("author.pupils", "reviews", "tags", "author_by_join").order_by("id")
    if in_unit:
        async with db.transaction():
            held = await Author.query().with_deleted().all()
            first, second = await query.all()
            assert len(held) == 3
    else:
        first, second = await query.limit(2).all()

    assert first.author is not None
    assert [pupil.name for pupil in first.author.pupils] == ["Bob"]
    assert [review.id for review in first.reviews] == [1]
    assert [tag.id for tag in first.tags] == [1]
    assert second.author is None
    assert second.author_by_join is None
    assert second.author_id == 2


async def test_options_of_sqlalchemy_pass_over_deleted_rows(db: Database) -> None:
    """Loader options given by hand make statements of the query, too."""
    query = Book.query().options(joinedload(Book.reviews), selectinload(Book.author).joinedload(Author.mentor))

    first, second = await query.order_by("id").all()

    assert [review.id for review in first.reviews] == [1]
    assert first.author is not None
    assert first.author.mentor is None
    assert second.author is None


@pytest.mark.parametrize("in_unit", [False, True])
async def test_load_passes_over_deleted_rows(db: Database, in_unit: bool) -> None:
    """By every route: of columns, of a join, of what the unit holds."""
    async with db.transaction() as session:
        held = await Author.query().with_deleted().all()
        if not in_unit:
            session.expunge_all()
        books = await Book.order_by("id").all()
        for path in ("author.pupils", "reviews", "tags", "old_tags"):
            await books[0].load(path)

        assert books[0].author is not None
        assert [pupil.name for pupil in books[0].author.pupils] == ["Bob"]
        assert [review.id for review in books[0].reviews] == [1]
        assert [tag.id for tag in books[0].tags] == [1]
        assert [tag.id for tag in books[0].old_tags] == [1]
        assert books[1].author is None
        assert len(held) == 3


async def test_what_the_mapping_loads_eagerly_passes_over_deleted_rows(db: Database) -> None:
    """`get` too reads relations, where the mapping says so."""
    await AuthorPage.create(id=1, author_id=2)

    assert (await AuthorPage.get(1)).author is None
    assert (await AuthorPage.query().one()).author is None


async def test_relations_of_a_deleted_row_load(db: Database) -> None:
    """What belongs to it is not deleted with it; who asks a deleted row gets an answer."""
    eve = await Author.query().with_deleted().get(2)
    tag = await Tag.query().with_deleted().include("books").get(2)

    await Author.create(id=11, name="Tim", mentor_id=2)
    await (await Author.create(id=12, name="Tom", mentor_id=2)).delete()
    await eve.load("books", "titled_books", "pupils", "young_pupils")

    assert [book.id for book in eve.books] == [2]
    assert [book.id for book in eve.titled_books] == [2]
    assert [pupil.id for pupil in eve.young_pupils] == [1, 11]
    assert [pupil.id for pupil in eve.pupils] == [1, 11]
    assert [book.id for book in tag.books] == [1]
    assert await (await Tag.query().with_deleted().get(2)).load("books") is not None


async def test_deleted_relatives_are_shown_on_request(db: Database) -> None:
    """`with_deleted` takes the models whose deleted rows are meant, and those alone."""
    books = await Book.query().with_deleted(Author).include("author", "reviews").order_by("id").all()

    assert [book.author.name for book in books if book.author] == ["Ada", "Eve"]
    assert [review.id for review in books[0].reviews] == [1]
    both = await Book.query().with_deleted(Author, Review).include("reviews").get(1)
    assert [review.id for review in both.reviews] == [1, 2]
    assert await Book.query().with_deleted(Author).filter_by(author__name="Eve").count() == 1


async def test_lookups_across_relations_pass_over_deleted_rows(db: Database) -> None:
    """A path leads to rows that are there."""
    assert await Book.filter_by(author__name="Eve").count() == 0
    assert await Book.filter_by(author__age__gte=0).pluck("id") == [1]
    assert await Book.filter_by(reviews__stars=2).count() == 0
    assert await Book.filter_by(tags__word="word 2").exists() is False
    assert await Book.filter_by(tags__word="word 1", reviews__stars=1).count() == 1
    assert await Book.where(~Q(reviews__stars=2)).count() == 2
    assert await Author.filter_by(pupils__books__title="first").count() == 0
    assert await Author.filter_by(mentor__name="Eve").count() == 0
    assert await Book.filter_by(author__isnull=True).pluck("id") == [2]
    assert await Book.filter_by(author=None).pluck("id") == [2]
    assert await Book.filter_by(author__isnull=False).pluck("id") == [1]
    assert await Author.filter_by(pupils__isnull=False).pluck("id") == [1]


async def test_a_deleted_row_can_be_asked_for(db: Database) -> None:
    """A row in hand is compared by its key."""
    eve = await Author.query().with_deleted().get(2)

    assert await Book.filter_by(author=eve).pluck("id") == [2]
    assert await Book.filter_by(author__in=[eve]).pluck("id") == [2]
    assert await Book.filter_by(author_id=2).pluck("id") == [2]


async def test_conditions_of_sqlalchemy_pass_over_deleted_rows(db: Database) -> None:
    """Subqueries are part of the query, whoever wrote them."""
    other = aliased(Author)

    assert await Book.where(Book.author.has(Author.name == "Eve")).count() == 0
    assert await Book.where(Book.reviews.any(Review.stars == 2)).count() == 0
    assert await Book.where(Book.author_id.in_(select(Author.id))).pluck("id") == [1]
    assert await Book.where(select(other.id).where(other.id == Book.author_id).exists()).pluck("id") == [1]


async def test_a_deleted_relative_sorts_as_none(db: Database) -> None:
    """Sorting and values by a path join outward, so that the row itself stays."""
    await Book.create(id=3, title="third")

    assert await Book.order_by("author__name", "id").count() == 3
    found = await Book.order_by("id").values("id", "author__name")
    assert [row["author__name"] for row in found] == ["Ada", None, None]
    sorted_ = await Book.order_by("author__name", "id").pluck("id")
    assert sorted_ in ([1, 2, 3], [2, 3, 1])


async def test_rows_that_were_included_are_read_again(db: Database) -> None:
    """Whatever path they came by."""
    async with db.transaction():
        book = await Book.query().include("author.pupils", "reviews").get(1)
        assert book.author is not None

        await book.author.refresh("name", "books", "page")
        await book.reviews[0].refresh()
        await book.reviews[0].refresh("book")

        assert book.author.books == [book]
        assert book.author.page is None


async def test_the_statement_of_a_query_may_be_part_of_another(db: Database) -> None:
    """Its options are lost there, its condition is not."""
    inner = Author.query().statement.subquery()

    async with db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(inner)) == 2
        assert len((await session.scalars(Author.query().with_deleted().statement)).all()) == 3
        assert "deleted_at IS NULL" not in str(Reader.query().with_deleted(Person).statement)


async def test_raw_statements_show_what_the_table_holds(db: Database) -> None:
    """SQLAlchemy stays SQLAlchemy: outside of queries nothing is added."""
    async with db.transaction() as session:
        assert len((await session.scalars(select(Author))).all()) == 3
        assert await session.get(Author, 2) is not None


# --- many rows ------------------------------------------------------------------------------------------------------


async def test_update_leaves_deleted_rows_alone(db: Database, other_connection: OtherConnection) -> None:
    """A set-based UPDATE touches what the query shows."""
    assert await Author.query().update(age=1, all_rows=True) == 2
    assert await Author.filter_by(books__title="second").update(age=2) == 0
    assert await Author.order_by("id").limit(5).update(age=3) == 2

    assert await other_connection.column("SELECT age FROM authors ORDER BY id") == [3, 50, 3]


async def test_delete_of_a_query_marks(db: Database, other_connection: OtherConnection) -> None:
    """One UPDATE; rows that are deleted already keep their moment and do not count."""
    before = await Author.query().with_deleted().filter_by(id=2).pluck("deleted_at")

    assert await Author.filter_by(id__gte=2).delete() == 1
    assert await Author.query().with_deleted().filter_by(id__lte=2).delete() == 1

    assert await deleted(other_connection, "authors") == [1, 2, 3]
    assert await Author.query().with_deleted().filter_by(id=2).pluck("deleted_at") == before


async def test_rows_in_the_unit_show_that_they_are_deleted(db: Database) -> None:
    """What the unit holds is synchronised, the moment of the change included."""
    async with db.transaction():
        ada = await Author.get(1)
        changed = ada.updated_at

        await Author.filter_by(books__title="first").delete()

        assert ada.deleted_at is not None
        assert ada.updated_at > changed


async def test_hard_delete_of_a_query_empties_the_bin(db: Database, other_connection: OtherConnection) -> None:
    """`only_deleted().delete(hard=True)` removes those rows, and no other."""
    assert await Review.query().only_deleted().delete(hard=True) == 1
    assert await Review.filter_by(id=1).delete(hard=True) == 1

    assert await other_connection.scalar("SELECT count(*) FROM reviews") == 0


async def test_restore_of_many_rows(db: Database) -> None:
    """A set-based UPDATE of the mark restores."""
    assert await Author.query().only_deleted().update(deleted_at=None) == 1

    assert await Author.query().count() == 3


async def test_unclear_deletes_are_refused(db: Database) -> None:
    """Rows that are deleted already, and models that keep none, are a slip of the pen."""
    with pytest.raises(UsageError, match="hard=True"):
        await Author.query().only_deleted().delete()
    with pytest.raises(UsageError, match="all_rows"):
        await Author.query().delete()
    with pytest.raises(UsageError, match="SoftDelete"):
        PlainUser.query().with_deleted()
    with pytest.raises(UsageError, match="SoftDelete"):
        PlainUser.query().only_deleted()
    with pytest.raises(UsageError, match="Book does not"):
        Author.query().with_deleted(Book)


# --- relatives of a deleted row -------------------------------------------------------------------------------------


async def test_children_stay_where_they_are(db: Database, other_connection: OtherConnection) -> None:
    """A mark is no DELETE: neither cascades of relationships nor those of the database run."""
    ada = await Author.get(1)
    await AuthorPage.create(id=1, author=ada)

    await ada.delete()

    assert await other_connection.scalar("SELECT author_id FROM books WHERE id = 1") == 1
    assert await deleted(other_connection, "author_pages") == []


@pytest.mark.parametrize("included", [False, True])
async def test_hard_delete_takes_deleted_children_along(
    db: Database, other_connection: OtherConnection, included: bool
) -> None:
    """A cascade finds the children that reads pass over, in memory and in the database."""
    query = Book.query().include("reviews", "tags") if included else Book.query()
    book = await query.get(1)

    await book.delete()

    assert await other_connection.scalar("SELECT count(*) FROM reviews") == 0
    assert await other_connection.scalar("SELECT count(*) FROM book_tags") == 0


async def test_replacing_a_relation_leaves_deleted_members_alone(
    db: Database, other_connection: OtherConnection
) -> None:
    """What one cannot see is not thrown out."""
    book = await Book.get(1)

    await book.update(reviews=[], tags=[])

    assert await other_connection.column("SELECT id FROM reviews") == [2]
    assert await other_connection.column("SELECT tag_id FROM book_tags") == [2]


# --- hierarchies ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def people(make_database: MakeDatabase) -> Database:
    """A person, two readers and two librarians; the second of each kind is deleted."""
    db = await make_database(Base)
    await Person.create(id=1, name="a")
    await Reader.create(id=2, name="b")
    await (await Reader.create(id=3, name="c")).delete()
    await Librarian.create(id=4, name="d", desk="1")
    await (await Librarian.create(id=5, name="e", desk="2")).delete()
    return db


async def test_all_kinds_of_a_hierarchy_are_passed_over(people: Database) -> None:
    """Asked as the parent or as a kind of it, in one table or in two."""
    assert await Person.order_by("id").pluck("id") == [1, 2, 4]
    assert [person.id for person in await Person.order_by("id").all()] == [1, 2, 4]
    assert await Reader.query().pluck("id") == [2]
    assert await Librarian.query().count() == 1
    assert await Librarian.get_or_none(5) is None
    assert await Person.query().with_deleted().count() == 5
    assert [row.id for row in await Librarian.query().with_deleted().order_by("id").all()] == [4, 5]
    assert await Reader.query().only_deleted().pluck("id") == [3]


async def test_kinds_in_one_table_are_deleted_together(people: Database) -> None:
    """The kind is a condition of the UPDATE."""
    assert await Reader.query().delete(all_rows=True) == 1
    with pytest.raises(UsageError, match="several tables"):
        await Librarian.query().delete(all_rows=True)

    assert await Person.order_by("id").pluck("id") == [1, 4]


async def test_the_order_of_bases_does_not_matter(make_database: MakeDatabase) -> None:
    """A mixin behind the base would otherwise mean that rows are deleted for good."""

    class Other(ActiveRecord, AutoTableName, DeclarativeBase):
        """Tables of this test."""

    class Memo(Other, SoftDelete):
        id: Mapped[int] = mapped_column(primary_key=True)

    await make_database(Other)
    memo = await Memo.create()

    await memo.delete()

    assert await Memo.query().count() == 0
    assert await Memo.query().only_deleted().count() == 1


def test_half_a_hierarchy_is_refused() -> None:
    """Reads of the parent would show what its child says is deleted."""
    with pytest.raises(UsageError, match="mix it into Book"):

        class Atlas(SoftDelete, Book):  # pyright: ignore[reportUnusedClass]  # refused
            __tablename__ = "atlases"
            id: Mapped[int] = mapped_column(ForeignKey("books.id"), primary_key=True)


# --- unique values --------------------------------------------------------------------------------------------------


async def test_values_of_deleted_rows_can_be_used_again(db: Database) -> None:
    """As often as they are deleted; one row at a time has them."""
    for id_ in (11, 12):
        await (await Author.create(id=id_, name="Eve", email="eve@x.org")).delete()
    await Author.create(id=13, name="Eve", email="eve@x.org")

    with pytest.raises(UniqueViolationError) as caught:
        await Author.create(id=14, name="another", email="eve@x.org")

    assert caught.value.columns == ("email",)
    assert caught.value.values == {"email": "eve@x.org"}
    assert caught.value.model == "Author"
    assert await Author.query().with_deleted().filter_by(email="eve@x.org").count() == 4


async def test_restore_where_the_value_is_taken(db: Database) -> None:
    """The unique index decides, and the row stays deleted."""
    await Author.create(id=11, name="Eve", email="eve@x.org")
    eve = await Author.query().with_deleted().get(2)

    with pytest.raises(UniqueViolationError):
        await eve.restore()

    assert eve.deleted_at is not None


async def test_get_or_create_makes_a_new_row_where_the_value_is_free(db: Database) -> None:
    """A deleted row is no row: with `SoftDelete.unique` a new one is made."""
    row, made = await Author.get_or_create({"email": "eve@x.org"}, {"id": 11, "name": "new"})
    again, made_again = await Author.get_or_create({"email": "eve@x.org"}, {"id": 12, "name": "other"})

    assert (made, made_again) == (True, False)
    assert row.id == again.id == 11


async def test_get_or_create_says_that_a_deleted_row_has_the_value(db: Database) -> None:
    """A plain unique constraint counts deleted rows; whether to restore one is the program's to say."""
    async with db.transaction():
        with pytest.raises(UniqueViolationError):
            await Tag.get_or_create({"word": "word 2"})
        assert await Tag.query().count() == 1

    with pytest.raises(UniqueViolationError):
        await Tag.update_or_create({"word": "word 2"})


async def test_alembic_sees_no_difference(db: Database) -> None:
    """The index that `create_all` made is the one that the models ask for."""

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_object": include_object})
        return [found for found in compare_metadata(context, Base.metadata) if "modify" not in str(found)]

    async with db.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_alembic_makes_and_drops_the_index(db: Database) -> None:
    """As a migration file writes it: with the conditions as options of the index."""
    options: dict[str, Any] = {
        f"{name}_where": text("deleted_at IS NULL") for name in ("postgresql", "sqlite", "mysql")
    }

    def migrate(connection: Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        operations.create_index("uq_reviews_stars", "reviews", ["stars", "book_id"], unique=True, **options)
        operations.drop_index("uq_reviews_stars", "reviews", **options)
        operations.create_index("uq_reviews_stars", "reviews", ["stars", "book_id"], unique=True, **options)

    async with db.engine.begin() as connection:
        await connection.run_sync(migrate)

    try:
        await Review.create(id=11, stars=2, book_id=1)
        with pytest.raises(UniqueViolationError):
            await Review.create(id=12, stars=2, book_id=1)
    finally:
        async with db.engine.begin() as connection:
            await connection.run_sync(
                lambda sync: Operations(MigrationContext.configure(sync)).drop_index(
                    "uq_reviews_stars", "reviews", **options
                )
            )


def test_the_index_has_a_name_of_its_own() -> None:
    """After the table and the columns, as a unique constraint has."""
    (index,) = Author.__table__.indexes  # type: ignore[attr-defined]

    assert isinstance(index, Index)
    assert index.name == "uq_authors_email"
