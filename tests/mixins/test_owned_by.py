"""owned_by: the foreign key, the relation and its other side, said once."""

import uuid
from typing import Any, cast

import pytest
from sqlalchemy import BigInteger, ForeignKey, Integer, Table, UniqueConstraint, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, configure_mappers, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.errors import ForeignKeyViolationError, NotNullViolationError, UniqueViolationError, UsageError
from activerow.mixins import AutoTableName, Owned, Owner, SoftDelete, owned_by
from tests.tools.backends.active import MakeDatabase


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Letter(owned_by("Person", back_populates="letters"), Base):  # type: ignore[misc]  # mypy knows no computed bases
    """Its owner comes later."""

    __table_args__ = (UniqueConstraint("person_id", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str]
    person_id: Mapped[int]
    person: Mapped["Person"]


class Person(Base):
    """Declares one of the relations that lead back."""

    id: Mapped[int] = mapped_column(BigInteger().with_variant(BigInteger(), "postgresql"), primary_key=True)
    name: Mapped[str]
    letters: Mapped[list[Letter]] = relationship(back_populates="person", order_by=Letter.id)


class Passport(Owned, Base, owners=[Owner(Person, back_populates="passport", one_to_one=True, on_delete="CASCADE")]):
    """At most one of each person."""

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int]
    person: Mapped[Person]


class Review(
    Owned,
    Base,
    owners=[
        Owner(Person, name="author", back_populates="reviews", on_delete="CASCADE"),
        Owner(Person, name="editor", nullable=True, on_delete="SET NULL", column="edited_by"),
    ],
):
    """Two owners of one model."""

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int]
    author: Mapped[Person]
    edited_by: Mapped[int | None]
    editor: Mapped[Person | None]


class ApiKey(Base):
    """Has a key that is no number."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


class Call(owned_by(ApiKey), owned_by(Person, nullable=True), Base):  # type: ignore[misc]  # mypy knows no computed bases
    """Says nothing but its owners."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Folder(owned_by("Folder", name="parent", back_populates="children", nullable=True), Base):  # type: ignore[misc]  # mypy knows no computed bases
    """Belongs to another one of its kind."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Seat(Base):
    """Has a composite key."""

    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Ticket(owned_by(Seat, back_populates="tickets"), Base):  # type: ignore[misc]  # mypy knows no computed bases
    """Refers to both columns."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Document(Base):
    """The first of two tables."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "document"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]


class Manual(Owned, Document, owners=[Owner("Person", back_populates="manuals", nullable=True)]):
    """The second one belongs to somebody."""

    __mapper_args__ = {"polymorphic_identity": "manual"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    person: Mapped[Person | None]


class Appendix(Manual):
    """Inherits its owner."""

    __mapper_args__ = {"polymorphic_identity": "appendix"}  # noqa: RUF012  # the form that SQLAlchemy documents


class Page(Owned, Base, owners=[Owner(Manual, back_populates="pages")]):
    """Belongs to the child of a hierarchy."""

    id: Mapped[int] = mapped_column(primary_key=True)
    manual_id: Mapped[int]


class Badge(Owned, SoftDelete, Base, owners=[Owner(Person, back_populates="badge", one_to_one=True)]):
    """One at a time."""

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int]


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Two persons."""
    db = await make_database(Base)
    await Person.create(id=1, name="Ada")
    await Person.create(id=2, name="Eve")
    return db


def table_of(model: type) -> Table[Any]:
    """The model's own table."""
    return cast("Table[Any]", getattr(model, "__table__"))  # noqa: B009


# --- what is mapped -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "column", "target", "nullable", "on_delete"),
    [
        (Letter, "person_id", "persons.id", False, None),
        (Passport, "person_id", "persons.id", False, "CASCADE"),
        (Review, "author_id", "persons.id", False, "CASCADE"),
        (Review, "edited_by", "persons.id", True, "SET NULL"),
        (Call, "api_key_id", "api_keys.id", False, None),
        (Folder, "parent_id", "folders.id", True, None),
        (Ticket, "seat_row", "seats.row", False, None),
        (Ticket, "seat_number", "seats.number", False, None),
        (Manual, "person_id", "persons.id", True, None),
        (Page, "manual_id", "manuals.id", False, None),
    ],
)
def test_the_foreign_key(model: type, column: str, target: str, nullable: bool, on_delete: str | None) -> None:
    """It is called after the owner, has the type of the owner's key, and refuses what it is told to."""
    found = table_of(model).c[column]
    (key,) = found.foreign_keys

    assert key.target_fullname == target
    assert type(found.type) is type(key.column.type)
    assert found.nullable is nullable
    assert key.ondelete == on_delete


def test_the_foreign_key_has_an_index() -> None:
    """A unique one where there is at most one row."""
    indexes = {index.name: [column.name for column in index.columns] for index in table_of(Review).indexes}

    assert indexes == {"ix_reviews_author_id": ["author_id"], "ix_reviews_edited_by": ["edited_by"]}
    assert {index.name for index in table_of(Ticket).indexes} == {"ix_tickets_seat_row"}
    assert frozenset({"person_id"}) in {
        frozenset(column.name for column in constraint.columns)
        for constraint in table_of(Passport).constraints
        if isinstance(constraint, UniqueConstraint)
    }


def test_both_sides_know_each_other() -> None:
    """Where the owner declares the other side, it is used; otherwise it is made."""
    configure_mappers()

    assert Person.fields.relations == ("letters", "passport", "reviews", "manuals", "badge")
    assert inspect(Person).relationships["passport"].uselist is False
    assert inspect(Person).relationships["reviews"].back_populates == "author"
    assert Letter.fields.relations == ("person",)
    assert Folder.fields.relations == ("parent", "children")
    assert Appendix.fields.relations == ("person", "pages")


# --- rows -----------------------------------------------------------------------------------------------------------


async def test_rows_find_their_owner_and_back(db: Database) -> None:
    """As with relations that are written out."""
    ada = await Person.get(1)
    await Letter.create(subject="hello", person=ada)
    await Letter.create(subject="again", person_id=1)
    await Passport.create(person=ada)
    await Review.create(author=ada, editor=await Person.get(2))

    ada = await Person.query().include("letters", "passport", "reviews.editor").get(1)

    assert [letter.subject for letter in ada.letters] == ["hello", "again"]
    assert await Letter.filter_by(person__name="Ada").count() == 2
    assert await Person.filter_by(reviews__editor__name="Eve", passport__isnull=False).pluck("id") == [1]
    review = await Review.query().include("author", "editor").one()
    assert (review.author.name, review.editor and review.editor.name) == ("Ada", "Eve")


async def test_owners_of_all_kinds(db: Database) -> None:
    """Its own kind, with a composite key, in a hierarchy."""
    top = await Folder.create()
    await Folder.create(parent=top)
    seat = await Seat.create(row=1, number=2)
    await Ticket.create(seat=seat)
    await Call.create(api_key=await ApiKey.create())
    manual = await Appendix.create(person_id=1)
    await Page.create(manual=manual)

    assert len((await top.load("children")).to_dict(only=["children"])["children"]) == 1
    assert await Ticket.filter_by(seat=seat).count() == 1
    assert await Folder.filter_by(parent__isnull=False).count() == 1
    assert await Person.filter_by(manuals__pages__isnull=False).count() == 1


async def test_a_row_without_owner_is_refused(db: Database) -> None:
    """Unless the owner is nullable."""
    await Call.create(api_key=await ApiKey.create(), person=None)

    with pytest.raises(NotNullViolationError):
        await Letter.create(subject="to nobody")


async def test_one_to_one_is_unique(db: Database) -> None:
    """A second one is refused; of rows that stay when they are deleted, those do not count."""
    await Passport.create(person_id=1)
    await (await Badge.create(person_id=1)).delete()
    await Badge.create(person_id=1)

    with pytest.raises(UniqueViolationError) as caught:
        await Passport.create(person_id=1)
    with pytest.raises(UniqueViolationError):
        await Badge.create(person_id=1)

    assert caught.value.columns == ("person_id",)


async def test_what_becomes_of_the_rows_of_a_deleted_owner(db: Database) -> None:
    """The database decides: it deletes them, forgets the owner, or refuses."""
    await Passport.create(person_id=1)
    await Review.create(author_id=2, edited_by=1)
    await Review.create(author_id=1)
    await Manual.create(id=1, person_id=2)

    await (await Person.query().include("reviews").get(1)).delete()

    assert await Passport.query().count() == 0
    assert await Review.query().values("author_id", "edited_by") == [{"author_id": 2, "edited_by": None}]
    with pytest.raises(ForeignKeyViolationError):
        await (await Person.query().include("manuals").get(2)).delete()


# --- refusals -------------------------------------------------------------------------------------------------------


def test_unclear_owners_are_refused() -> None:
    """Where the class is made, in words that say what to write."""
    with pytest.raises(UsageError, match="nullable=True"):
        owned_by(Person, on_delete="SET NULL")
    with pytest.raises(UsageError, match="CASCADE"):
        owned_by(Person, on_delete="cascade")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="a name= each"):
        type("Twice", (owned_by(Person), owned_by(Person), Base), {"__tablename__": "twice"})
    with pytest.raises(UsageError, match="leave out column="):
        type("Wide", (owned_by(Seat, column="seat"), Base), {"__tablename__": "wide"})
    with pytest.raises(UsageError, match="stands before the base"):
        type(
            "Behind",
            (Base, owned_by(Person)),
            {"id": mapped_column(Integer, primary_key=True)},
        )


def test_a_late_owner_with_a_composite_key_is_refused() -> None:
    """Nobody could have known the columns."""

    class Other(ActiveRecord, AutoTableName, DeclarativeBase):
        """Tables that are made nowhere."""

    class Stub(owned_by("Place"), Other):  # type: ignore[misc]  # pyright: ignore[reportUnusedClass]  # mypy knows no computed bases
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(UsageError, match="define the owner first"):

        class Place(Other):  # pyright: ignore[reportUnusedClass]
            row: Mapped[int] = mapped_column(primary_key=True)
            number: Mapped[int] = mapped_column(primary_key=True)
