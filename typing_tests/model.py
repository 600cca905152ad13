"""The models that the statements about types speak of."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName, Timestamps


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """The base as the README writes it."""


db = Database("sqlite+aiosqlite:///app.db", base=Base)


class User(Timestamps, Base):
    """A row with one of each kind of attribute."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    age: Mapped[int]
    posts: Mapped[list["Post"]] = relationship(back_populates="user")


class Post(Base):
    """The other end of a relation."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user: Mapped[User] = relationship(back_populates="posts")
