"""Models whose rows are kept when they are deleted: the models of the tests of `SoftDelete`."""

from sqlalchemy import Column, ForeignKey, Integer, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord
from activerow.mixins import AutoTableName, SoftDelete, Timestamps


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the library."""


class Author(Timestamps, SoftDelete, Base):
    """Has books, a page about it, and a mentor."""

    __table_args__ = (SoftDelete.unique("email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    name: Mapped[str]
    age: Mapped[int] = mapped_column(default=0)
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))

    mentor: Mapped["Author | None"] = relationship(remote_side="Author.id", back_populates="pupils")
    pupils: Mapped[list["Author"]] = relationship(back_populates="mentor", order_by="Author.id")
    books: Mapped[list["Book"]] = relationship(back_populates="author", order_by="Book.id")
    young_pupils: Mapped[list["Author"]] = relationship(
        primaryjoin="and_(Author.id == foreign(remote(Author.mentor_id)), remote(Author.age) < 99)",
        viewonly=True,
        order_by="Author.id",
    )
    titled_books: Mapped[list["Book"]] = relationship(
        primaryjoin="and_(Author.id == Book.author_id, Book.title != '')", viewonly=True, order_by="Book.id"
    )
    page: Mapped["AuthorPage | None"] = relationship(back_populates="author", cascade="all, delete-orphan")


class AuthorPage(SoftDelete, Base):
    """At most one of each author."""

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="page", lazy="joined")


book_tags = Table(
    "book_tags",
    Base.metadata,
    Column("book_id", Integer, ForeignKey("books.id"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tags.id"), primary_key=True),
)


class Book(Base):
    """Is not kept when it is deleted, and refers to rows that are."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))

    author: Mapped[Author | None] = relationship(back_populates="books")
    author_by_join: Mapped[Author] = relationship(viewonly=True, innerjoin=True)
    reviews: Mapped[list["Review"]] = relationship(
        back_populates="book", order_by="Review.id", cascade="all, delete-orphan"
    )
    tags: Mapped[list["Tag"]] = relationship(secondary=book_tags, back_populates="books", order_by="Tag.id")
    old_tags: Mapped[list["Tag"]] = relationship(
        secondary=book_tags,
        primaryjoin=lambda: (Book.id == book_tags.c.book_id) & (Book.title != "new"),
        viewonly=True,
        order_by="Tag.id",
    )


class Review(SoftDelete, Base):
    """Belongs to a book, and goes along with it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    stars: Mapped[int]
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    book: Mapped[Book] = relationship(back_populates="reviews")


class Tag(SoftDelete, Base):
    """A word to find books by."""

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(secondary=book_tags, back_populates="tags", order_by=Book.id)


class Person(SoftDelete, Base):
    """The first of a hierarchy, in one table and in two."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]


class Reader(Person):
    """In the same table."""

    __mapper_args__ = {"polymorphic_identity": "reader"}  # noqa: RUF012  # the form that SQLAlchemy documents

    card: Mapped[str | None]


class Librarian(Person):
    """With a table of its own beside."""

    __mapper_args__ = {"polymorphic_identity": "librarian"}  # noqa: RUF012  # the form that SQLAlchemy documents

    id: Mapped[int] = mapped_column(ForeignKey("persons.id"), primary_key=True)
    desk: Mapped[str]
